"""Raw ticks to clean ones. Every rule has a name (``rules.py``); nothing is lost.

A row that cannot be true goes to the quarantine; one that came late or whose price had to be
confirmed is kept, flagged, and dated when it could first be known or believed. Zero sizes, exact
repeats and crossed quotes are kept and counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import CleaningConfig
from zanzibar_assets.ingestion import formats, rules
from zanzibar_assets.ingestion import tick_screen as screen
from zanzibar_assets.ingestion.cleaned import (
    UTC,
    Cleaned,
    FileLayout,
    Layouts,
    counts_by,
    inside_session,
    int_series,
    quarantine_rows,
    sample_rows,
    with_offsets,
)
from zanzibar_assets.ingestion.grid import nearest_ticks, ticks_to_prices
from zanzibar_assets.ingestion.quotes import quote_counts
from zanzibar_assets.ingestion.sides import resolve_sides
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import US_PER_SECOND, RecordKind

STANDARD = FileLayout(".scid", formats.SCID_HEADER_BYTES, formats.SCID_RECORD_BYTES)
_BAR = pl.col("kind") == RecordKind.BAR.value
_QUOTE = pl.col("kind") == RecordKind.QUOTE.value
_FLAGS = {
    screen.LATE: rules.OUT_OF_ORDER,
    screen.SET_BACK: rules.CLOCK_SET_BACK,
    screen.CONFIRMED: rules.JUMP_CONFIRMED,
}


def clean_ticks(
    raw: pl.DataFrame,
    instrument: Instrument,
    window: SessionWindow,
    config: CleaningConfig | None = None,
    layouts: Layouts | None = None,
) -> Cleaned:
    """CleanTicks in the order known from RawTicks; rows in = clean + quarantined.

    A bar record is known at its open plus ``instrument.bar_seconds``. ``layouts`` tells where each
    symbol's records lie in their file (the format's standard layout where it does not).
    """
    from zanzibar_assets.contracts.registry import conform

    limits = config or CleaningConfig()
    ruled = with_offsets(_tick_rules(raw, instrument, window), "contract", layouts or {}, STANDARD)
    dated = _dated(ruled.filter(pl.col("rule").is_null()), instrument, limits)
    judged = _believed(dated, limits)
    aside = pl.concat(
        [ruled.filter(pl.col("rule").is_not_null()), judged.filter(~pl.col("ok")).select(ruled.columns)]
    ).sort("seq", maintain_order=True)
    kept = _finished(judged.filter("ok"), instrument, window)
    shown = [aside, kept.filter(pl.col("flag").is_not_null()).with_columns(rule=pl.col("flag"))]
    columns = ["rule", "source", "byte_offset", "ts_utc", "price", "size"]
    noted = _noted(kept)
    shown += [rows.with_columns(rule=pl.lit(name)) for name, rows in noted.items()]
    return Cleaned(
        conform("clean_ticks", kept),
        conform("quarantine_ticks", quarantine_rows(aside)),
        _counts(raw.height, kept, aside, noted),
        sample_rows(pl.concat([rows.select(columns) for rows in shown])),
    )


def _tick_rules(raw: pl.DataFrame, instrument: Instrument, window: SessionWindow) -> pl.DataFrame:
    """Raw ticks with integer tick columns and ``rule``: the first rule a row breaks, null when none."""
    ticks, off_grid = {}, np.zeros(raw.height, dtype=bool)
    for name in ("price", "bid", "ask", "open", "high", "low"):
        values = raw[name].to_numpy()
        whole, on_grid = nearest_ticks(values, instrument.tick_size)
        absent = np.isnan(values)
        if name not in ("bid", "ask"):
            off_grid |= ~on_grid & ~absent
        ticks[f"{name}_ticks"] = int_series(whole, on_grid & ~absent)
    bare = raw["price"].is_null()
    quote = raw["kind"] == RecordKind.QUOTE.value
    outside = ~inside_session(raw["ts_utc"], window)
    rule = (
        pl.when(pl.col("defect").is_not_null())
        .then(pl.col("defect"))
        .when(bare & quote)
        .then(pl.lit("quote_without_price"))
        .when(bare)
        .then(pl.lit("nan_price"))
        .when(pl.col("price") <= 0)
        .then(pl.lit("nonpositive_price"))
        .when(pl.Series(off_grid))
        .then(pl.lit("off_grid"))
        .when(outside)
        .then(pl.lit("outside_session"))
        .otherwise(pl.lit(None, dtype=pl.String))
    )
    return raw.with_columns(**ticks).with_columns(rule=rule)


def _dated(kept: pl.DataFrame, instrument: Instrument, limits: CleaningConfig) -> pl.DataFrame:
    """Rows with ``event_ts``, ``known_at``, ``late_us`` and ``flag``, in the order known.

    Single records follow the file's clock; a bar's stamp is its open, which stays, and a bar that
    comes late is sorted into its place and flagged.
    """
    bars = kept.select(_BAR).to_series()
    stamps = kept["ts_utc"].dt.timestamp("us").to_numpy()
    opens = stamps + bars.to_numpy() * instrument.bar_seconds * US_PER_SECOND
    known, flags = opens.copy(), np.zeros(len(stamps), dtype=np.uint8)
    single = ~bars.to_numpy()
    known[single], flags[single] = screen.date_rows(stamps[single], limits.late_limit_seconds * US_PER_SECOND)
    behind = ~single & (opens < np.maximum.accumulate(opens)) if len(opens) else single
    flags[behind] = screen.LATE
    happened = np.where(single, known, stamps)
    return kept.with_columns(
        event_ts=pl.Series(happened).cast(UTC),
        known_at=pl.Series(known).cast(UTC),
        late_us=pl.Series(happened - stamps),
        flag=_flag_words(flags),
    ).sort("known_at", maintain_order=True)


def _flag_words(codes: screen.Codes) -> pl.Series:
    return pl.Series(codes, dtype=pl.UInt8).replace_strict(_FLAGS, default=None, return_dtype=pl.String)


def _believed(dated: pl.DataFrame, limits: CleaningConfig) -> pl.DataFrame:
    """Rows with ``ok`` False and rule ``outlier`` where the price was not believed, in the order known.

    Only single trades are screened: a bar's extremes are the vendor's, and a quote's price is none.
    """
    trades = dated.select(~_BAR & ~_QUOTE).to_series().to_numpy()
    stamps = dated["known_at"].dt.timestamp("us").to_numpy()
    believed, codes = screen.screen_prices(
        dated["price_ticks"].fill_null(0).to_numpy()[trades], stamps[trades], screen.Band.of(limits)
    )
    verdicts = np.zeros(dated.height, dtype=np.uint8)
    verdicts[trades] = codes
    confirmed, ok = verdicts == screen.CONFIRMED, pl.Series("ok", verdicts != screen.ASIDE)
    if not verdicts.any():
        return dated.with_columns(ok)
    known = stamps.copy()
    known[trades] = believed
    moment = pl.Series(known).cast(UTC)
    lag = pl.Series(known - stamps)
    happened = pl.when(pl.Series(confirmed))
    return dated.with_columns(
        ok,
        rule=pl.when(ok).then(pl.col("rule")).otherwise(pl.lit(rules.OUTLIER)),
        event_ts=happened.then(moment).otherwise(pl.col("event_ts")),
        known_at=happened.then(moment).otherwise(pl.col("known_at")),
        late_us=pl.col("late_us") + lag,
        flag=happened.then(pl.lit(rules.JUMP_CONFIRMED)).otherwise(pl.col("flag")),
    ).sort("known_at", maintain_order=True)


def _finished(kept: pl.DataFrame, instrument: Instrument, window: SessionWindow) -> pl.DataFrame:
    """Sides, prices from ticks and the session's state at each row."""
    sided = resolve_sides(kept)
    stamps = sided["event_ts"].dt.timestamp("us").to_numpy()
    return sided.with_columns(
        price=pl.Series(ticks_to_prices(sided["price_ticks"].to_numpy(), instrument.tick_size)),
        session_state=pl.Series(window.states(stamps), dtype=pl.String),
    )


def _noted(kept: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows that are kept as they are and counted, by the rule's name."""
    same = (
        (pl.col("event_ts").dt.truncate("1ms").diff().dt.total_microseconds() == 0)
        & (pl.col("price_ticks").diff() == 0)
        & (pl.col("size").diff() == 0)
    )
    lost_bid = pl.col("bid").is_not_null() & pl.col("bid_ticks").is_null()
    lost_ask = pl.col("ask").is_not_null() & pl.col("ask_ticks").is_null()
    return {
        "zero_size": kept.filter((pl.col("size") == 0) & ~_QUOTE),
        "repeats": kept.filter(same),
        "outside_quote": kept.filter("outside_quote"),
        "off_grid_quote": kept.filter(lost_bid | lost_ask),
    }


def _counts(
    records: int, kept: pl.DataFrame, aside: pl.DataFrame, noted: dict[str, pl.DataFrame]
) -> dict[str, int]:
    flags = kept["flag"].value_counts()
    flagged: dict[Any, int] = dict(flags.iter_rows())
    counts = {"records": records, "rows": kept.height, "quarantined": aside.height}
    counts |= {name: int(flagged.get(name, 0)) for name in _FLAGS.values()}
    counts |= {name: rows.height for name, rows in noted.items()}
    counts |= quote_counts(kept)
    counts |= counts_by("side_from", kept["sign_source"]) | counts_by("state", kept["session_state"])
    return counts | counts_by("rule", aside["rule"])
