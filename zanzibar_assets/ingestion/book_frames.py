"""Rows of the book as price frames, and the replay of a whole ``.depth`` file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.book import Book, TopRows, rows_of
from zanzibar_assets.ingestion.depth_arrays import DepthArrays, decode_block, joined
from zanzibar_assets.ingestion.grid import decimals_of, ticks_to_prices
from zanzibar_assets.ingestion.record_blocks import record_blocks
from zanzibar_assets.ingestion.scid import Scale

CHUNK_RECORDS = 1 << 17
"""3 MB of a file: what is decoded of it stays in the processor's caches until it is applied."""


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
        self._prices, self._sizes = np.empty((2 * levels, capacity)), np.empty((2 * levels, capacity))
        self._missing = np.zeros(2 * levels, dtype=np.bool_)

    def add(self, rows: TopRows) -> None:
        """Append rows; they are copied."""
        end = self.count + len(rows.stamps_us)
        self._stamps[self.count : end] = rows.stamps_us
        prices, sizes = self._prices[:, self.count : end], self._sizes[:, self.count : end]
        tick_size = self._scale.tick_size
        if tick_size is None:
            prices[:], sizes[:] = key_prices(rows.keys, self._scale).T, rows.sizes.T
            self._missing |= (rows.sizes <= 0).any(axis=0)
        else:
            from zanzibar_assets.ingestion import _depth_kernels

            eighths = (8 * tick_size).is_integer()  # then products with it are exact
            power = 0.0 if eighths else 10.0 ** decimals_of(tick_size)
            _depth_kernels.columns(rows.keys, rows.sizes, tick_size, power, prices, sizes, self._missing)
        self.count = end

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
    held: list[DepthArrays] = []  # of a batch that has not ended yet
    for _, block in record_blocks(path, header.kind, header.header_bytes, 0, header.records, CHUNK_RECORDS):
        held.append(decode_block(block, scale, counts))
        if not (held[-1].flags & formats.END_OF_BATCH).any():
            continue
        arrays, done = joined(held), 0
        columns = PriceColumns(rows_of(arrays), book.levels, scale)
        for rows, consumed in book.runs(arrays):
            columns.add(rows)
            done = consumed
        held = [DepthArrays._make(column[done:].copy() for column in arrays)]
        if columns.count:
            yield columns.frame()
    tally.unfinished_records = sum(len(part.flags) for part in held)
    tally.defective, first, last = counts.tolist()
    tally.first_us, tally.last_us = first or None, last or None
    rest = book.finish()
    if len(rest.stamps_us):
        yield price_frame(rest, book.levels, scale)
