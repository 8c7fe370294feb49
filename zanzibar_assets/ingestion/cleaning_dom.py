"""Raw depth to clean top-of-book rows. Crossed, locked and one-sided books are kept and marked."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.book import Book, TopRows
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
from zanzibar_assets.ingestion.depth_arrays import DepthArrays
from zanzibar_assets.ingestion.grid import nearest_ticks
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import DOM_LEVELS, BookState


def clean_dom(
    raw: pl.DataFrame,
    instrument: Instrument,
    window: SessionWindow,
    layouts: Layouts | None = None,
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
        .when(~inside_session(raw["ts_utc"], window))
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
    counts |= counts_by("book", clean["book_state"]) | counts_by("rule", aside["rule"])
    standard = FileLayout("", formats.DEPTH_HEADER_BYTES, formats.DEPTH_RECORD_BYTES)
    aside = with_offsets(aside, "source", layouts or {}, standard)
    return Cleaned(
        conform("clean_dom", clean),
        conform("quarantine_dom", quarantine_rows(aside)),
        counts,
        sample_rows(aside),
    )


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
    stamps = pl.Series(rows.stamps_us).cast(UTC)
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
            columns[f"{side}_ticks_{level + 1}"] = int_series(rows.keys[:, column], there[:, column])
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
