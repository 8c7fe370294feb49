"""The data of a chart's page: rows, bars, lines and profile in columns, as one script of plain data.

Times are whole microseconds after ``base_us``; prices whole ticks, but for averages, which lie between
them. The page's own script turns this into what plotly draws, for any instant of the session.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from zanzibar_assets.reporting.chart_items import ChartInputs, SessionItems

LEAST_BAR_SECONDS = 60
MOST_PROFILE_ROWS = 400
ID_LENGTH = 12
BANDS = ("upper_1", "lower_1", "upper_2", "lower_2")
DEVELOPING = ("poc_ticks", "vah_ticks", "val_ticks")
WORDS = ("layer", "source", "kind", "label", "params_hash")
"""Columns whose few words are written once and referred to by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartFacts:
    """What the page says of its session; ``zone`` is the exchange's time zone, ``base_us`` its start."""

    instrument: str
    session: str
    tick_size: float
    zone: str
    base_us: int
    simulated: bool
    sentence: str


def payload(inputs: ChartInputs, items: SessionItems, facts: ChartFacts) -> dict[str, Any]:
    """Everything that a chart's page draws, as plain numbers and texts."""
    base = facts.base_us
    bars = _at_least_a_minute(inputs.bars)
    return {
        "instrument": facts.instrument,
        "session": facts.session,
        "tick": facts.tick_size,
        "decimals": _decimals(facts.tick_size),
        "zone": facts.zone,
        "base_us": base,
        "simulated": facts.simulated,
        "sentence": facts.sentence,
        "left_out": [list(row) for row in items.left_out],
        "bars": _bars(bars, base),
        "vwap": _vwap(inputs.vwap, base),
        "anchored": _anchored(inputs.anchored_vwap, base),
        "profile": _profile(inputs.volume_profile, base),
        "items": _items(items.frame, base),
    }


def script(data: dict[str, Any], name: str = "zanzibarChart") -> str:
    """The data as a script that sets one global name: ASCII, the same for the same data."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"window.{name}={text};\n"


def _decimals(tick_size: float) -> int:
    """Digits that show every multiple of the tick exactly."""
    text = f"{tick_size:.10f}".rstrip("0")
    return len(text.split(".")[1])


def _us(name: str, base: int) -> pl.Expr:
    return pl.col(name).dt.epoch("us") - base


def _rounded(frame: pl.DataFrame, names: Sequence[str], digits: int = 4) -> dict[str, list[float | None]]:
    return {name: frame[name].fill_nan(None).round(digits).to_list() for name in names}


def _at_least_a_minute(bars: pl.DataFrame) -> pl.DataFrame:
    """Bars shorter than a minute as minute candles; others as they are. Delta is cumulated first."""
    bars = bars.with_columns(cvd=pl.col("delta").cum_sum())
    if bars.is_empty() or bars["bar_seconds"][0] >= LEAST_BAR_SECONDS:
        return bars
    minute = pl.col("event_ts").dt.truncate(f"{LEAST_BAR_SECONDS}s").alias("minute")
    whole = bars.group_by(minute, maintain_order=True).agg(
        pl.col("event_ts", "open_ticks").first(),
        pl.col("known_at", "close_ticks", "cvd").last(),
        pl.col("high_ticks").max(),
        pl.col("low_ticks").min(),
        pl.col("volume", "delta").sum(),
    )
    return whole.drop("minute")


def _bars(bars: pl.DataFrame, base: int) -> dict[str, Any]:
    return {
        "t": bars.select(_us("event_ts", base)).to_series().to_list(),
        "k": bars.select(_us("known_at", base)).to_series().to_list(),
        **{name[0]: bars[f"{name}_ticks"].to_list() for name in ("open", "high", "low", "close")},
        **_rounded(bars, ("volume", "delta", "cvd")),
    }


def _vwap(vwap: pl.DataFrame, base: int) -> dict[str, Any]:
    each = _last_of_minute(vwap)
    return {
        "k": each.select(_us("known_at", base)).to_series().to_list(),
        **_rounded(each, ("vwap", *BANDS)),
        **{name: each[name].to_list() for name in DEVELOPING},
    }


def _last_of_minute(frame: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The last row that was known within each minute."""
    minute = (pl.col("known_at") - pl.duration(microseconds=1)).dt.truncate("1m").alias("minute")
    kept = frame.group_by(*by, minute, maintain_order=True).last()
    return kept.drop("minute").sort("known_at", maintain_order=True)


def _anchored(anchored: pl.DataFrame, base: int) -> dict[str, Any]:
    """Lines by kind of anchor; a new anchor breaks the line (``a`` counts the anchors)."""
    found: dict[str, Any] = {}
    for name in anchored["anchor"].unique().sort().to_list():
        own = _last_of_minute(anchored.filter(pl.col("anchor") == name))
        changes = pl.col("anchor_known_at").rle_id()
        found[name] = {
            "k": own.select(_us("known_at", base)).to_series().to_list(),
            "a": own.select(changes).to_series().to_list(),
            **_rounded(own, ("vwap", "upper_1", "lower_1")),
        }
    return found


def _profile(profile: pl.DataFrame, base: int) -> dict[str, Any]:
    """Volumes by price; adjoining prices are summed where there are too many to be seen."""
    if profile.is_empty():
        return {"k": None, "step": 1, "p": [], "bid": [], "ask": [], "other": [], "area": []}
    low, high = int(str(profile["price_ticks"].min())), int(str(profile["price_ticks"].max()))
    step = 1 + (high - low) // MOST_PROFILE_ROWS
    price = ((pl.col("price_ticks") - low) // step * step + low).alias("p")
    rest = (pl.col("volume") - pl.col("bid_volume") - pl.col("ask_volume")).alias("other")
    rows = (
        profile.with_columns(rest)
        .group_by(price, maintain_order=True)
        .agg(pl.col("bid_volume", "ask_volume", "other").sum(), pl.col("in_value_area").any())
    ).sort("p")
    return {
        "k": profile.select(_us("known_at", base)).to_series().to_list()[-1],
        "step": step,
        "p": rows["p"].to_list(),
        "bid": rows["bid_volume"].round(4).to_list(),
        "ask": rows["ask_volume"].round(4).to_list(),
        "other": rows["other"].clip(0.0).round(4).to_list(),
        "area": rows["in_value_area"].cast(pl.Int8).to_list(),
    }


def _items(frame: pl.DataFrame, base: int) -> dict[str, Any]:
    short = [pl.col(name).str.head(ID_LENGTH).alias(name) for name in ("item_id", "ref_id")]
    numbers = ("dir", "drawn_ticks", "level_ticks", "lo_ticks", "hi_ticks", "timeframe_seconds")
    coded = {name: _coded(frame[name]) for name in WORDS}
    ids = frame.select(short)
    return {
        "t": frame.select(_us("event_ts", base)).to_series().to_list(),
        "k": frame.select(_us("known_at", base)).to_series().to_list(),
        **{name: frame[name].to_list() for name in (*numbers, "def_version")},
        **_rounded(frame, ("score",)),
        **{name: codes for name, (_, codes) in coded.items()},
        "item_id": ids["item_id"].to_list(),
        "ref_id": ids["ref_id"].to_list(),
        "words": {name: words for name, (words, _) in coded.items()},
    }


def _coded(column: pl.Series) -> tuple[list[str], list[int | None]]:
    words = column.drop_nulls().unique().sort().to_list()
    places = {word: place for place, word in enumerate(words)}
    return words, [None if word is None else places[word] for word in column.to_list()]
