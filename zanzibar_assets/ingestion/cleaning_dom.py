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
from zanzibar_assets.ingestion.depth_arrays import DepthArrays, joined
from zanzibar_assets.ingestion.grid import nearest_ticks
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import DOM_LEVELS, BookState


def clean_dom(
    raw: pl.DataFrame,
    instrument: Instrument,
    window: SessionWindow,
    layouts: Layouts | None = None,
    opening: pl.DataFrame | None = None,
) -> Cleaned:
    """CleanDom from RawDepth: a row for each batch after which the top five levels differ.

    Records in = applied + quarantined + the records of a last batch that never ended. ``opening``
    holds the records of the same files from the last snapshot before the session on: they build the
    book that the session begins with and give no rows. Batches before the first snapshot move the
    book but give no row (``before_snapshot``): what the book held then is not known. Crossed, locked
    and one-sided books are kept, marked, and counted by session state. Rules that put a record aside:
    the raw defect's name, ``off_grid``, ``outside_session``.
    """
    from zanzibar_assets.contracts.registry import conform

    ruled = _ruled(raw, instrument, window)
    before = None if opening is None else _ruled(opening, instrument, None)
    aside = ruled.filter(pl.col("rule").is_not_null())
    book = Book(DOM_LEVELS, on_change=True, skip_unseeded=True)
    rows, unfinished = _rows(ruled, before, book)
    states = window.states(rows["event_ts"].dt.timestamp("us").to_numpy())
    rows = rows.with_columns(session_state=pl.Series(states, dtype=pl.String))
    counts = {
        "records": raw.height,
        "rows": rows.height,
        "quarantined": aside.height,
        "unfinished_records": unfinished,
        "opening_records": 0 if opening is None else opening.height,
        **{name.lower(): book.count(name) for name in _COUNTERS},
        "crossed_batches": book.count("CROSSED"),
        "locked_batches": book.count("LOCKED"),
        "one_sided_batches": book.count("ONE_SIDED"),
        "snapshots": book.count("CLEARS"),
    }
    odd = _odd_books(rows, instrument)
    counts |= counts_by("book", rows["book_state"]) | counts_by("rule", aside["rule"])
    counts |= counts_by("book", odd["rule"])
    standard = FileLayout("", formats.DEPTH_HEADER_BYTES, formats.DEPTH_RECORD_BYTES)
    aside, odd = (with_offsets(part, "source", layouts or {}, standard) for part in (aside, odd))
    return Cleaned(
        conform("clean_dom", rows),
        conform("quarantine_dom", quarantine_rows(aside)),
        counts,
        sample_rows(aside) + sample_rows(odd),
    )


_COUNTERS = ("BATCHES", "UNKNOWN_DELETES", "OUT_OF_ORDER", "BEFORE_SNAPSHOT")


def _ruled(raw: pl.DataFrame, instrument: Instrument, window: SessionWindow | None) -> pl.DataFrame:
    """Raw depth with integer ``ticks`` and ``rule``: the first rule a record breaks, null when none."""
    ticks, on_grid = nearest_ticks(raw["price"].to_numpy(), instrument.tick_size)
    priced = raw["price"].is_not_null()
    outside = pl.lit(False) if window is None else ~inside_session(raw["ts_utc"], window)
    rule = (
        pl.when(pl.col("defect").is_not_null())
        .then(pl.col("defect"))
        .when(priced & pl.Series(~on_grid))
        .then(pl.lit("off_grid"))
        .when(outside)
        .then(pl.lit("outside_session"))
        .otherwise(pl.lit(None, dtype=pl.String))
    )
    return raw.with_columns(rule=rule, ticks=pl.Series(ticks, dtype=pl.Int64))


def _rows(ruled: pl.DataFrame, opening: pl.DataFrame | None, book: Book) -> tuple[pl.DataFrame, int]:
    """Rows of the session with their ``source``, and the records of batches that never ended."""
    parts, unfinished = [_dom_frame(book.finish(), np.empty(0, dtype=np.int64), "")], 0
    for start, end in _file_runs(ruled["source"]):
        run = ruled[start:end]
        source = str(run["source"][0])
        held = _opened(book, opening, run)
        records = joined([held, _arrays(run)])
        rows, consumed = book.feed(records)
        unfinished += min(run.height, len(records.flags) - consumed)
        seq = np.concatenate((np.full(len(held.flags), -1), run["seq"].to_numpy()))
        parts.append(_dom_frame(rows, seq, source))
    return pl.concat(parts), unfinished


def _opened(book: Book, opening: pl.DataFrame | None, run: pl.DataFrame) -> DepthArrays:
    """Feed what precedes a run in its file; what is left of it is a batch that ends within the run."""
    none = _arrays(run.clear())
    if opening is None:
        return none
    mine = opening.filter((pl.col("source") == run["source"][0]) & (pl.col("seq") < run["seq"][0]))
    if mine.is_empty():
        return none
    counted = book.counters.copy()
    records = _arrays(mine)
    _, consumed = book.feed(records)
    book.counters[:] = counted  # what happened before the session is the session's before
    book.start_anew()
    return DepthArrays._make(column[consumed:] for column in records)


def _odd_books(rows: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Rows with a book that is not normal, as what a sample shows: ``rule`` is state and session state."""
    odd = rows.filter(pl.col("book_state") != BookState.NORMAL.value)
    best = pl.coalesce("bid_ticks_1", "ask_ticks_1") * instrument.tick_size
    return odd.select(
        pl.format("{}.{}", "book_state", "session_state").alias("rule"),
        pl.col("event_ts").alias("ts_utc"),
        "seq",
        "source",
        best.alias("price"),
        pl.coalesce("bid_size_1", "ask_size_1").alias("size"),
    )


def _file_runs(source: pl.Series) -> list[tuple[int, int]]:
    """Runs of rows from one file: a batch never reaches over into the next file."""
    if source.is_empty():
        return []
    changed = (source != source.shift(1)).fill_null(True).arg_true().to_list()
    return list(zip(changed, [*changed[1:], len(source)], strict=True))


def _arrays(ruled: pl.DataFrame) -> DepthArrays:
    """Arrays for the book; records put aside lose their command but still end their batch."""
    apply = ruled["rule"].is_null().to_numpy()
    commands = np.where(apply, ruled["command"].to_numpy(), np.uint8(0))
    inside = (ruled["rule"] != "outside_session").fill_null(True)
    stamps = ruled["ts_utc"].dt.timestamp("us").fill_null(0).to_numpy()
    stamps = np.where(inside.to_numpy(), stamps, 0)
    return DepthArrays(
        np.ascontiguousarray(stamps),
        ruled["ticks"].to_numpy().copy(),
        ruled["size"].to_numpy().copy(),
        commands,
        ruled["flags"].to_numpy().copy(),
    )


def _dom_frame(rows: TopRows, seq: NDArray[np.int64], source: str) -> pl.DataFrame:
    stamps = pl.Series(rows.stamps_us).cast(UTC)
    there = rows.sizes > 0
    columns: dict[str, pl.Series] = {
        "event_ts": stamps,
        "known_at": stamps,
        "seq": pl.Series(seq[rows.last]),
        "source": pl.repeat(source, len(stamps), dtype=pl.String, eager=True),
        "snapshot": pl.Series(rows.fresh),
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
