"""Rows of the book as price frames, and the replay of a whole ``.depth`` file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.book import RUN_ROWS, TILE_ROWS, Book, ColumnRoom, TopRows
from zanzibar_assets.ingestion.depth_arrays import DepthArrays, DepthBuffer
from zanzibar_assets.ingestion.grid import decimals_of, ticks_to_prices
from zanzibar_assets.ingestion.record_blocks import open_file, read_into
from zanzibar_assets.ingestion.scid import Scale

CHUNK_RECORDS = 1 << 16
"""1.6 MB of a file: what is decoded of it stays in the processor's caches until it is applied."""
ODD = 24
FRAME_ROWS = 32 * RUN_ROWS
"""21 MB of columns at ten levels: making a frame costs as much as a thousand of its rows."""


def key_prices(keys: NDArray[np.int64], scale: Scale) -> NDArray[np.float64]:
    """True prices of book keys."""
    if scale.tick_size is None:
        bits = keys.astype("<i4").view("<f4")
        return np.asarray(bits.astype(np.float64) * scale.price_multiplier)
    return ticks_to_prices(keys, scale.tick_size)


class PriceColumns:
    """Columns of true prices and sizes that rows of the book are added to; ``count`` rows so far."""

    def __init__(self, capacity: int, levels: int, scale: Scale) -> None:
        self.count = 0
        self._levels, self._scale = levels, scale
        self._stamps = np.empty(capacity, dtype=np.int64)
        stride = capacity + ODD  # columns a power of two apart would fight for the same cache lines
        self._prices, self._sizes = np.empty((2 * levels, stride)), np.empty((2 * levels, stride))
        self._missing = np.zeros(2 * levels, dtype=np.bool_)

    def add(self, rows: TopRows) -> None:
        """Append rows; they are copied."""
        end, tick_size = self.count + len(rows.stamps_us), self._scale.tick_size
        if tick_size is None:
            prices, sizes = self._prices[:, self.count : end], self._sizes[:, self.count : end]
            prices[:], sizes[:] = key_prices(rows.keys, self._scale).T, rows.sizes.T
            self._missing |= (rows.sizes <= 0).any(axis=0)
        else:
            from zanzibar_assets.ingestion import _depth_kernels

            room = self.room(tick_size, len(rows.stamps_us))
            turn: Any = _depth_kernels.columns  # numba's stubs know no varargs
            turn(rows.keys, rows.sizes, *room[:2], *room[3:])
        self._stamps[self.count : end] = rows.stamps_us
        self.count = end

    def room(self, tick_size: float, rows: int) -> ColumnRoom:
        """Where the next ``rows`` go; whoever fills them adds their number to ``count``."""
        eighths = (8 * tick_size).is_integer()  # then products with it are exact
        power = 0.0 if eighths else 10.0 ** decimals_of(tick_size)
        free = slice(self.count, self.count + rows)
        return ColumnRoom(
            tick_size, power, self._stamps[free], self._prices[:, free], self._sizes[:, free], self._missing
        )

    def frame(self) -> pl.DataFrame:
        """Columns ts_utc, bid_price_1, bid_size_1 .. ask_size_N; a missing level is null."""
        end = self.count
        columns = [pl.Series("ts_utc", self._stamps[:end]).cast(pl.Datetime("us", "UTC"))]
        for offset, side in ((0, "bid"), (self._levels, "ask")):
            for at in range(offset, offset + self._levels):
                pair = [
                    pl.Series(f"{side}_{name}_{at - offset + 1}", values[at, :end])
                    for name, values in (("price", self._prices), ("size", self._sizes))
                ]
                if self._missing[at]:
                    there, none = pair[1] > 0, pl.repeat(None, end, dtype=pl.Float64, eager=True)
                    pair = [column.zip_with(there, none) for column in pair]
                columns += pair
        return pl.DataFrame(columns)


def price_frame(rows: TopRows, levels: int, scale: Scale) -> pl.DataFrame:
    """Rows as columns ts_utc, bid_price_1, bid_size_1 .. ask_size_N; a missing level is null."""
    columns = PriceColumns(len(rows.stamps_us), levels, scale)
    columns.add(rows)
    return columns.frame()


@dataclass
class ReplayTally:
    """What a replay of one file saw."""

    records: int = 0
    defective: int = 0
    unfinished_records: int = 0
    first_us: int | None = None
    last_us: int | None = None


def replay_file(path: Path, scale: Scale, book: Book, tally: ReplayTally) -> Iterator[pl.DataFrame]:
    """Price frames of a ``.depth`` file in order; ``book`` and ``tally`` hold the counts afterwards.

    Memory is bounded by the chunk and the longest batch. Raises FormatError when the file is no
    depth file, SourceError when it is cut while it is read.
    """
    header = formats.read_header(path)
    if header.kind != "depth":
        raise FormatError(f"{path} is no depth file", expected="b'SCDD'", got=f"a .{header.kind} file")
    tally.records = header.records
    counts = np.zeros(3, dtype=np.int64)
    waiting, frames = DepthBuffer(), _Frames(book, scale)
    for block in _blocks(path, header):
        waiting.add(block, scale, counts)
        if (block["flags"] & formats.END_OF_BATCH).any():
            yield from frames.take(waiting.records)
            waiting.drop(frames.consumed)
    tally.unfinished_records = waiting.count
    tally.defective, first, last = counts.tolist()
    tally.first_us, tally.last_us = first or None, last or None
    yield from frames.finish()


class _Frames:
    """Frames of about ``FRAME_ROWS`` rows out of a book; ``consumed`` records of the last run taken.

    Nothing here holds the memory of a frame that was handed out: when its user drops it, the next
    columns are made of it while the processor's caches still know it.
    """

    def __init__(self, book: Book, scale: Scale) -> None:
        self.consumed = 0
        self._book, self._scale = book, scale
        self._open: PriceColumns | None = None

    @property
    def _columns(self) -> PriceColumns:
        if self._open is None:
            self._open = PriceColumns(FRAME_ROWS, self._book.levels, self._scale)
        return self._open

    def take(self, records: DepthArrays) -> Iterator[pl.DataFrame]:
        """Frames that a run of records fills."""
        self.consumed = 0
        while self._scale.tick_size is not None:
            filled = self._fill(records, self._scale.tick_size)
            if filled is None:
                break
            if not filled:
                return
            yield self._closed()
        for rows, done in self._book.runs(records):
            self.consumed = done
            if self._columns.count + len(rows.last) > FRAME_ROWS:
                yield self._closed()
            self._columns.add(rows)

    def _fill(self, records: DepthArrays, tick_size: float) -> bool | None:
        """Whether the columns are full before the records end; None when the book takes another way."""
        columns = self._columns
        rest = DepthArrays._make(column[self.consumed :] for column in records)
        filled = self._book.fill(rest, columns.room(tick_size, FRAME_ROWS - columns.count))
        if filled is None:
            return None
        columns.count += filled[0]
        self.consumed += filled[1]
        return columns.count > FRAME_ROWS - TILE_ROWS

    def finish(self) -> Iterator[pl.DataFrame]:
        """What is left, and the row that is owed on a grid."""
        if self._columns.count:
            yield self._closed()
        rest = self._book.finish()
        if len(rest.stamps_us):
            yield price_frame(rest, self._book.levels, self._scale)

    def _closed(self) -> pl.DataFrame:
        frame, self._open = self._columns.frame(), None
        return frame


def _blocks(path: Path, header: formats.FileHeader) -> Iterator[NDArray[np.void]]:
    """Records in blocks, in memory that the next block overwrites; SourceError when the file is cut."""
    block = np.empty(min(CHUNK_RECORDS, header.records), dtype=formats.DEPTH_DTYPE)
    with open_file(path) as stream:
        for start in range(0, header.records, CHUNK_RECORDS):
            part = block[: min(CHUNK_RECORDS, header.records - start)]
            offset = header.header_bytes + start * header.record_bytes
            read_into(stream, str(path), part.data.cast("B"), offset)
            yield part
