"""Can a session's data be trusted: coverage, gaps, volumes that agree, and the book against the tape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import micros, trade_rows
from zanzibar_assets.analysis.gaps import MINUTE_US, count_minutes, open_us_between, session_gaps
from zanzibar_assets.analysis.vanished import vanished_share
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import QualityConfig
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ingestion.quotes import quote_states
from zanzibar_assets.ingestion.trade_book import outside_share
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND

VOLUMES = {"volume": "size", "bid_volume": "bid_volume", "ask_volume": "ask_volume"}
"""Column of the bars and the column of the ticks that it must add up to."""


@dataclass(frozen=True, slots=True)
class SessionFrames:
    """What a session's completeness is judged by; each frame follows its contract and may be empty."""

    clean_ticks: pl.DataFrame
    clean_dom: pl.DataFrame
    bars: pl.DataFrame
    quarantine_ticks: pl.DataFrame
    quarantine_dom: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Completeness:
    """The three tables of a session."""

    session: pl.DataFrame
    gaps: pl.DataFrame
    counts: pl.DataFrame


def build_completeness(
    frames: SessionFrames, instrument: Instrument, window: SessionWindow, config: QualityConfig
) -> Completeness:
    """SessionCompleteness (one row), SessionGaps and SessionCounts; all empty without any event.

    Nothing is expected after the last known event, so a session's part is judged like a whole one.
    """
    known = [micros(f, KNOWN_AT).max() for f in (frames.clean_ticks, frames.clean_dom) if f.height]
    if not known:
        return Completeness(empty("session_completeness"), empty("session_gaps"), empty("session_counts"))
    last_us = int(max(known))
    gaps = session_gaps(
        frames.clean_ticks, frames.clean_dom, window, last_us, config.gap_seconds * US_PER_SECOND
    )
    row = {
        **_coverage(frames, window, last_us, gaps),
        **_volumes(frames, instrument),
        **_trades_and_book(frames),
    }
    closes = micros(frames.bars, KNOWN_AT).max() if frames.bars.height else last_us
    when = (_at(window.starts_us, EVENT_TS), _at(max(last_us, int(closes)), KNOWN_AT))
    session = pl.DataFrame([row]).with_columns(when)
    counts = _counts(frames, window).with_columns(when)
    return Completeness(conform("session_completeness", session), gaps, conform("session_counts", counts))


def _at(moment_us: int, name: str) -> pl.Expr:
    return pl.lit(moment_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")).alias(name)


def _coverage(
    frames: SessionFrames, window: SessionWindow, last_us: int, gaps: pl.DataFrame
) -> dict[str, Any]:
    minutes = count_minutes(frames.clean_ticks, frames.clean_dom, window, last_us)
    trades = trade_rows(frames.clean_ticks)
    traded_us = int(micros(trades, KNOWN_AT).max()) if trades.height else window.open_us
    return {
        "expected_minutes": minutes.expected,
        "seen_minutes": minutes.seen,
        "fed_minutes": minutes.fed,
        "coverage_pct": 100.0 * minutes.seen / minutes.expected if minutes.expected else None,
        "minutes_to_close": minutes.to_close,
        "minutes_since_trade": open_us_between(window, traded_us, last_us) / MINUTE_US,
        "gaps": gaps.height,
        "silent_gaps": gaps.filter(pl.col("book_rows") == 0).height,
        "gap_minutes": float(gaps["minutes"].sum()),
        "longest_gap_minutes": float(gaps["minutes"].max() or 0.0),  # type: ignore[arg-type]
    }


def _volumes(frames: SessionFrames, instrument: Instrument) -> dict[str, Any]:
    """Volumes of ticks and bars, compared as whole numbers of the file's own units."""
    ticks = trade_rows(frames.clean_ticks)
    unit = _unit(ticks, instrument)
    found: dict[str, Any] = {}
    same = True
    for bar_column, tick_column in VOLUMES.items():
        of_ticks, of_bars = _units(ticks[tick_column], unit), _units(frames.bars[bar_column], unit)
        same &= of_ticks == of_bars
        found["tick_" + bar_column], found["bar_" + bar_column] = of_ticks * unit, of_bars * unit
    aside = frames.quarantine_ticks
    return found | {
        "volume_reconciles": same,
        "quarantined_rows": aside.height + frames.quarantine_dom.height,
        "quarantined_volume": float(aside["size"].sum()),
    }


def _unit(ticks: pl.DataFrame, instrument: Instrument) -> float:
    """Lots of one unit of the source file."""
    sources = [instrument.source_of(name) for name in ticks["contract"].unique().to_list()]
    return min((source.volume_multiplier for source in sources if source is not None), default=1.0)


def _units(sizes: pl.Series, unit: float) -> int:
    return int(np.rint(sizes.to_numpy() / unit).astype(np.int64).sum())


def _trades_and_book(frames: SessionFrames) -> dict[str, Any]:
    outside = outside_share(frames.clean_ticks, frames.clean_dom)
    gone = vanished_share(frames.clean_ticks, frames.clean_dom)
    return {
        "trades": outside.trades,
        "joined_trades": outside.joined,
        "outside_quote_pct": outside.outside_quote_pct,
        "outside_book_pct": outside.outside_book_pct,
        "swept_pct": 100.0 * outside.swept / outside.joined if outside.joined else None,
        "touch_volume": gone.traded,
        "vanished_pct": gone.pct,
    }


def _counts(frames: SessionFrames, window: SessionWindow) -> pl.DataFrame:
    quote = quote_states(pl.col("bid_ticks"), pl.col("ask_ticks"))
    quotes = frames.clean_ticks.select(name=quote, session_state="session_state").drop_nulls()
    flags = frames.clean_ticks.select(name="flag", session_state="session_state").drop_nulls()
    parts = {
        "book": frames.clean_dom.select(name="book_state", session_state="session_state"),
        "quote": quotes,
        "flag": flags,
        "tick_rule": _placed(frames.quarantine_ticks, window),
        "depth_rule": _placed(frames.quarantine_dom, window),
    }
    counted = [
        rows.group_by("name", "session_state")
        .agg(rows=pl.len().cast(pl.Int64))
        .with_columns(subject=pl.lit(name))
        for name, rows in parts.items()
    ]
    return pl.concat(counted).sort("subject", "name", "session_state", nulls_last=True)


def _placed(quarantine: pl.DataFrame, window: SessionWindow) -> pl.DataFrame:
    """Rule and session state of rows put aside; no state where the stamp says none."""
    us = quarantine["ts_utc"].dt.timestamp("us")
    inside = ((us >= window.starts_us) & (us < window.close_us)).fill_null(False)
    states = pl.Series(window.states(us.fill_null(window.open_us).to_numpy()), dtype=pl.String)
    return quarantine.select(name="rule").with_columns(
        session_state=pl.when(inside).then(states).otherwise(pl.lit(None, dtype=pl.String))
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is or is not as it should be; only what is ``blocking`` may stop a partition."""

    name: str
    passed: bool
    detail: str
    blocking: bool = False


def judge(found: Completeness, config: QualityConfig) -> list[Finding]:
    """Findings of a session against the configured limits; volumes that differ block, the rest warns."""
    if found.session.is_empty():
        return []
    row = found.session.row(0, named=True)
    fed = 100.0 * row["fed_minutes"] / row["expected_minutes"] if row["expected_minutes"] else 100.0
    outside, swept = row["outside_book_pct"], row["swept_pct"]
    volumes = ", ".join(f"{name} {row['tick_' + name]:g} / {row['bar_' + name]:g}" for name in VOLUMES)
    return [
        Finding("volume_reconciles", row["volume_reconciles"], f"ticks / bars: {volumes}", True),
        Finding(
            "minutes_are_covered",
            fed >= config.min_coverage_pct,
            f"of {row['expected_minutes']} open minutes {row['fed_minutes']} hold a trade or a change of the "
            f"book, {row['seen_minutes']} a trade",
        ),
        Finding(
            "no_long_gap",
            row["longest_gap_minutes"] * 60 <= config.max_gap_seconds,
            f"{row['gaps']} gaps over {config.gap_seconds} s, the longest {row['longest_gap_minutes']:.1f} "
            f"minutes, {row['silent_gaps']} of them without a change of the book",
        ),
        Finding(
            "data_reach_the_close",
            row["minutes_to_close"] * 60 <= config.max_gap_seconds,
            f"{row['minutes_to_close']} open minutes lie after the last event"
            + (": the session runs, or its end is missing" if row["minutes_to_close"] else ""),
        ),
        Finding(
            "trades_fit_the_book",
            outside is None or outside - swept <= config.max_unexplained_pct,
            "no trade has a book beside it"
            if outside is None
            else f"{outside:.1f} % of {row['joined_trades']} trades lie outside the book before them, "
            f"{outside - swept:.1f} % not beyond it in the aggressor's direction: no sweep explains those",
        ),
    ]
