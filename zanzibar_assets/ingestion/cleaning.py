"""Raw frames to clean ones. Every rule has a name; what cannot be true is put aside, never dropped.

Kept on purpose: zero sizes, exact repeats, crossed books and rows that came late (sorted, counted).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.book import Book, DepthArrays, TopRows
from zanzibar_assets.ingestion.grid import nearest_ticks, ticks_to_prices
from zanzibar_assets.ingestion.sides import resolve_sides
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import DOM_LEVELS, BookState, RecordKind

_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean frame, its quarantine and counts by name; ``counts`` always holds ``records``."""

    clean: pl.DataFrame
    quarantine: pl.DataFrame
    counts: dict[str, int]


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
    counts |= _by("side_from", kept["sign_source"]) | _by("state", kept["session_state"])
    counts |= _by("rule", aside["rule"])
    source = pl.col("contract") + ".scid"
    quarantine = _quarantine(aside, source, header_bytes, formats.SCID_RECORD_BYTES)
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
        ticks[f"{name}_ticks"] = _int_series(whole, on_grid & ~absent)
    bare = raw["price"].is_null()
    quote = raw["kind"] == RecordKind.QUOTE.value
    outside = ~_inside(raw["ts_utc"], window)
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


def _int_series(values: NDArray[np.int64], present: NDArray[np.bool_]) -> pl.Series:
    missing = pl.repeat(None, len(values), dtype=pl.Int64, eager=True)
    return pl.Series(values).zip_with(pl.Series(present), missing)


def _inside(stamps: pl.Series, window: SessionWindow) -> pl.Series:
    us = stamps.dt.timestamp("us")
    return ((us >= window.starts_us) & (us < window.close_us)).fill_null(False)


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


def _by(prefix: str, column: pl.Series) -> dict[str, int]:
    """Counts of a column's values under names ``prefix.value``, sorted."""
    counted = column.rename("value").value_counts().sort("value")
    return {f"{prefix}.{value}": int(count) for value, count in counted.iter_rows()}


def _quarantine(aside: pl.DataFrame, source: pl.Expr, header_bytes: int, record_bytes: int) -> pl.DataFrame:
    """Quarantine rows that point at the bytes: ``header_bytes + record_bytes * seq`` of ``source``."""
    return aside.select(
        "ts_utc",
        "seq",
        source.alias("source"),
        (pl.col("seq") * record_bytes + header_bytes).alias("byte_offset"),
        "rule",
        pl.format("price {}, size {}", pl.col("price").cast(pl.String).fill_null("none"), "size").alias(
            "detail"
        ),
        "price",
        "size",
    )


def clean_dom(
    raw: pl.DataFrame,
    instrument: Instrument,
    window: SessionWindow,
    header_bytes: int = formats.DEPTH_HEADER_BYTES,
) -> Cleaned:
    """CleanDom from RawDepth: a row for each batch after which the top five levels differ.

    Records in = applied + quarantined + the records of a last batch that never ended. Batches before
    the first snapshot move the book but give no row (``before_snapshot``): what the book held then is
    not known. Crossed books are kept and marked. Rules that put a record aside: the raw defect's
    name, ``off_grid``, ``outside_session``.
    """
    from zanzibar_assets.contracts.registry import conform, empty

    whole, on_grid = nearest_ticks(raw["price"].to_numpy(), instrument.tick_size)
    priced = raw["price"].is_not_null()
    rule = (
        pl.when(pl.col("defect").is_not_null())
        .then(pl.col("defect"))
        .when(priced & pl.Series(~on_grid))
        .then(pl.lit("off_grid"))
        .when(~_inside(raw["ts_utc"], window))
        .then(pl.lit("outside_session"))
        .otherwise(pl.lit(None, dtype=pl.String))
    )
    ruled = raw.with_columns(rule=rule)
    aside = ruled.filter(pl.col("rule").is_not_null())
    book = Book(DOM_LEVELS, on_change=True, skip_unseeded=True)
    parts, unfinished = [], 0
    for start, end in _file_runs(raw["source"]):
        rows, consumed = book.feed(_arrays(ruled[start:end], whole[start:end]))
        unfinished += end - start - consumed
        parts.append(_dom_frame(rows, ruled["seq"][start:end].to_numpy()))
    clean = pl.concat(parts) if parts else empty("clean_dom")
    if parts:
        states = window.states(clean["event_ts"].dt.timestamp("us").to_numpy())
        clean = clean.with_columns(session_state=pl.Series(states, dtype=pl.String))
    counts = {
        "records": raw.height,
        "rows": clean.height,
        "quarantined": aside.height,
        "unfinished_records": unfinished,
        "batches": book.count("BATCHES"),
        "snapshots": book.count("CLEARS"),
        "crossed_batches": book.count("CROSSED"),
        "locked_batches": book.count("LOCKED"),
        "unknown_deletes": book.count("UNKNOWN_DELETES"),
        "out_of_order": book.count("OUT_OF_ORDER"),
        "before_snapshot": book.count("BEFORE_SNAPSHOT"),
    }
    counts |= _by("book", clean["book_state"]) | _by("rule", aside["rule"])
    quarantine = _quarantine(aside, pl.col("source"), header_bytes, formats.DEPTH_RECORD_BYTES)
    return Cleaned(conform("clean_dom", clean), conform("quarantine_dom", quarantine), counts)


def _file_runs(source: pl.Series) -> list[tuple[int, int]]:
    """Runs of rows from one file: a batch never reaches over into the next file."""
    if source.is_empty():
        return []
    changed = (source != source.shift(1)).fill_null(True).arg_true().to_list()
    return list(zip(changed, [*changed[1:], len(source)], strict=True))


def _arrays(ruled: pl.DataFrame, ticks: NDArray[np.int64]) -> DepthArrays:
    """Arrays for the book; records put aside lose their command but still end their batch."""
    apply = ruled["rule"].is_null().to_numpy()
    commands = np.where(apply, ruled["command"].to_numpy(), np.uint8(0))
    inside = (ruled["rule"] != "outside_session").fill_null(True)
    stamps = ruled["ts_utc"].dt.timestamp("us").fill_null(0).to_numpy()
    stamps = np.where(inside.to_numpy(), stamps, 0)
    return DepthArrays(
        np.ascontiguousarray(stamps),
        np.ascontiguousarray(ticks),
        ruled["size"].to_numpy().copy(),
        commands,
        ruled["flags"].to_numpy().copy(),
    )


def _dom_frame(rows: TopRows, seq: NDArray[np.int64]) -> pl.DataFrame:
    stamps = pl.Series(rows.stamps_us).cast(_UTC)
    there = rows.sizes > 0
    columns: dict[str, pl.Series] = {
        "event_ts": stamps,
        "known_at": stamps,
        "seq": pl.Series(seq[rows.last]),
        "session_state": pl.repeat("", len(stamps), dtype=pl.String, eager=True),
        "book_state": _book_states(rows.keys, there),
    }
    for level in range(DOM_LEVELS):
        for side, column in (("bid", level), ("ask", DOM_LEVELS + level)):
            missing = pl.repeat(None, len(stamps), dtype=pl.Float64, eager=True)
            present = pl.Series(there[:, column])
            columns[f"{side}_ticks_{level + 1}"] = _int_series(rows.keys[:, column], there[:, column])
            columns[f"{side}_size_{level + 1}"] = pl.Series(rows.sizes[:, column]).zip_with(present, missing)
    return pl.DataFrame(columns)


def _book_states(keys: NDArray[np.int64], there: NDArray[np.bool_]) -> pl.Series:
    bid, ask = there[:, 0], there[:, DOM_LEVELS]
    spread = keys[:, DOM_LEVELS] - keys[:, 0]
    states = np.full(len(keys), BookState.NORMAL.value, dtype="U9")
    states[spread == 0] = BookState.LOCKED.value
    states[spread < 0] = BookState.CROSSED.value
    states[bid != ask] = BookState.ONE_SIDED.value
    states[~bid & ~ask] = BookState.EMPTY.value
    return pl.Series(states, dtype=pl.String)
