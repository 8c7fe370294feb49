"""Raw frames to clean ones. Every rule has a name; what cannot be true is put aside, never dropped.

Kept on purpose: zero sizes, exact repeats, crossed books and rows that came late (sorted, counted).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.cleaned import (
    Cleaned,
    counts_by,
    inside_session,
    int_series,
    quarantine_rows,
)
from zanzibar_assets.ingestion.grid import nearest_ticks, ticks_to_prices
from zanzibar_assets.ingestion.sides import resolve_sides
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import RecordKind

_UTC = pl.Datetime("us", "UTC")


def clean_ticks(
    raw: pl.DataFrame,
    instrument: Instrument,
    window: SessionWindow,
    header_bytes: int = formats.SCID_HEADER_BYTES,
) -> Cleaned:
    """CleanTicks in time order from RawTicks; rows in = clean + quarantined.

    Rules that put a row aside: the raw defect's name, ``quote_without_price``, ``off_grid``,
    ``outside_session``. A bar record is known at its open plus ``instrument.bar_seconds``.
    """
    from zanzibar_assets.contracts.registry import conform

    ruled = _tick_rules(raw, instrument, window)
    aside = ruled.filter(pl.col("rule").is_not_null())
    bar = pl.col("kind") == RecordKind.BAR.value
    length = pl.duration(seconds=instrument.bar_seconds)
    kept = ruled.filter(pl.col("rule").is_null()).with_columns(
        event_ts=pl.col("ts_utc"),
        known_at=pl.when(bar).then(pl.col("ts_utc") + length).otherwise(pl.col("ts_utc")),
    )
    late = int((kept["known_at"] < kept["known_at"].cum_max()).sum())
    kept = resolve_sides(kept.sort("known_at", maintain_order=True))
    stamps = kept["event_ts"].dt.timestamp("us").to_numpy()
    kept = kept.with_columns(
        price=pl.Series(ticks_to_prices(kept["price_ticks"].to_numpy(), instrument.tick_size)),
        session_state=pl.Series(window.states(stamps), dtype=pl.String),
    )
    counts = {
        "records": raw.height,
        "rows": kept.height,
        "quarantined": aside.height,
        "out_of_order": late,
        "zero_size": kept.filter((pl.col("size") == 0) & (pl.col("kind") != RecordKind.QUOTE.value)).height,
        "repeats": _repeats(kept),
        "outside_quote": int(kept["outside_quote"].sum()),
        "off_grid_quote": _off_grid_quotes(kept),
    }
    counts |= counts_by("side_from", kept["sign_source"]) | counts_by("state", kept["session_state"])
    counts |= counts_by("rule", aside["rule"])
    source = pl.col("contract") + ".scid"
    quarantine = quarantine_rows(aside, source, header_bytes, formats.SCID_RECORD_BYTES)
    return Cleaned(conform("clean_ticks", kept), conform("quarantine_ticks", quarantine), counts)


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


def _repeats(kept: pl.DataFrame) -> int:
    """Rows with the millisecond, price and size of the row before: counted, kept."""
    if kept.height < 2:
        return 0
    same = (
        (pl.col("event_ts").dt.truncate("1ms").diff().dt.total_microseconds() == 0)
        & (pl.col("price_ticks").diff() == 0)
        & (pl.col("size").diff() == 0)
    )
    return int(kept.select(same.sum()).item())


def _off_grid_quotes(kept: pl.DataFrame) -> int:
    bid = pl.col("bid").is_not_null() & pl.col("bid_ticks").is_null()
    ask = pl.col("ask").is_not_null() & pl.col("ask_ticks").is_null()
    return int(kept.select((bid | ask).sum()).item())
