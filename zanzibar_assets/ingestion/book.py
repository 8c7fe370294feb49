"""Order-book replay: depth records to top-of-book rows, batches applied whole.

A batch ends at a record flagged END_OF_BATCH; only then the book is consistent. Keys are integers
that rise with the price: ticks where the tick size is known, float32 bits where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.depth_arrays import DepthArrays, decode_block, joined
from zanzibar_assets.ingestion.grid import (
    decimals_of,
    ticks_to_prices,
)
from zanzibar_assets.ingestion.record_blocks import record_blocks
from zanzibar_assets.ingestion.scid import Scale

CHUNK_RECORDS = 1 << 17
"""3 MB of a file: what is decoded of it stays in the processor's caches until it is applied."""
MAX_LEVELS = 1_000
DIRECT_KEYS = 1 << 24
"""Keys that are places themselves."""


class TopRows(NamedTuple):
    """Rows out of the book: stamps (us), ending record's position (-1 on a grid), keys and sizes.

    ``keys`` and ``sizes`` have ``2 * levels`` columns: bids best first, then asks; size 0 = no level.
    ``fresh``: the row's batch was a snapshot (on a grid: a snapshot came since the row before).
    """

    stamps_us: NDArray[np.int64]
    last: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    keys: NDArray[np.int64]
    sizes: NDArray[np.float64]


@dataclass
class Book:
    """A book that is fed runs of records and gives rows; ``every_us`` 0 gives a row a batch.

    ``on_change`` gives a row only when the top ``levels`` differ from the last row.
    ``skip_unseeded`` gives none before the first CLEAR: what stood before it is not known.

    Keys below 2**24 are places themselves: float32 tells no more prices apart. Beyond (bits of prices
    without a known tick size, or a freak price) places are the ranks of the keys that occur.
    """

    levels: int
    every_us: int = 0
    on_change: bool = False
    skip_unseeded: bool = False

    def __post_init__(self) -> None:
        from zanzibar_assets.ingestion import _kernels, _level_kernels

        if not 1 <= self.levels <= MAX_LEVELS:
            raise UsageError(f"cannot keep {self.levels} levels", expected=f"1 to {MAX_LEVELS}")
        if self.every_us < 0 or (self.every_us and self.on_change):
            raise UsageError("a grid step is positive and excludes rows on change", got=str(self.every_us))
        self._kernels: Any = _kernels  # numba's stubs know no varargs
        self._levels: Any = _level_kernels
        self.state, self.counters = self._levels.new_state()
        self._held: Any = self._levels.new_levels(0)
        self._ranked: NDArray[np.int64] | None = None
        self._last_row = np.zeros(2 * self.levels, dtype=np.int64), np.zeros(2 * self.levels)

    def feed(self, records: DepthArrays) -> tuple[TopRows, int]:
        """Rows of the whole batches in a run of records, and how many records they consumed."""
        kernels = self._kernels
        placed = records._replace(keys=self._places(records))
        top = self._room(int((records.flags & formats.END_OF_BATCH).sum()) + 1)
        top.keys[0], top.sizes[0] = self._place_of(self._last_row[0]), self._last_row[1]
        mode = (
            kernels.ON_GRID if self.every_us else kernels.ON_CHANGE if self.on_change else kernels.EVERY_BATCH
        )
        rows, consumed = kernels.replay(
            *placed, *self._held, self.state, self.counters, mode, self.every_us, self.skip_unseeded, *top
        )
        begin = 1 if self.on_change else 0
        found = self._keyed(TopRows._make(column[begin:rows] for column in top))
        if len(found.keys):
            self._last_row = found.keys[-1].copy(), found.sizes[-1].copy()
        return found, consumed

    def _places(self, records: DepthArrays) -> NDArray[np.int64]:
        """Places of the records' keys, after making room for them."""
        low, high = self._kernels.priced_span(records.keys, records.commands)
        if self._ranked is None and low >= 0 and high < DIRECT_KEYS:
            if high >= self._held.sizes.shape[1]:
                self._rebuild(high + 1, None)
            return records.keys
        priced = records.keys[(records.commands >= 2) & (records.commands <= 7)]
        standing = [self._key_of(self._levels.standing(self._held, side)[0]) for side in (0, 1)]
        ranked = np.unique(np.concatenate((priced, *standing, self._last_row[0])))
        self._rebuild(len(ranked), ranked)
        return self._place_of(records.keys)

    def _rebuild(self, places: int, ranked: NDArray[np.int64] | None) -> None:
        """Move what stands into levels with more or other places."""
        stood = [self._levels.standing(self._held, side) for side in (0, 1)]
        keys = [self._key_of(at) for at, _ in stood]
        self._held, self._ranked = self._levels.new_levels(places), ranked
        self.state[: self._levels.PENDING] = -1
        for side, (_, sizes) in enumerate(stood):
            self._levels.put(self._held, self.state, side, self._place_of(keys[side]), sizes)

    def _place_of(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        return keys if self._ranked is None else np.searchsorted(self._ranked, keys)

    def _key_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places if self._ranked is None else self._ranked[places]

    def _keyed(self, rows: TopRows) -> TopRows:
        """Rows with keys for places; a level that is not there has key 0."""
        if self._ranked is None:
            return rows
        return rows._replace(keys=np.where(rows.sizes > 0, self._key_of(rows.keys), 0))

    def finish(self) -> TopRows:
        """The grid row that is still owed for the last batches; empty without a grid."""
        pending = int(self.state[self._levels.PENDING])
        top = self._room(1 if self.every_us and pending >= 0 else 0)
        if len(top.stamps_us):
            self._levels.write_row(0, *self._held, self.state, top.keys, top.sizes)
            top.stamps_us[0], top.last[0], top.fresh[0] = pending, -1, self.state[self._levels.FRESH] > 0
            self.state[self._levels.PENDING] = -1
        return self._keyed(top)

    def _room(self, rows: int) -> TopRows:
        width = 2 * self.levels
        return TopRows(
            np.empty(rows, dtype=np.int64),
            np.empty(rows, dtype=np.int64),
            np.empty(rows, dtype=np.bool_),
            np.empty((rows, width), dtype=np.int64),
            np.empty((rows, width)),
        )

    def count(self, name: str) -> int:
        """A counter by the name of its slot in the kernels: BATCHES, CROSSED, CLEARS and so on."""
        return int(self.counters[getattr(self._levels, name)])


def key_prices(keys: NDArray[np.int64], scale: Scale) -> NDArray[np.float64]:
    """True prices of book keys."""
    if scale.tick_size is None:
        bits = keys.astype("<i4").view("<f4")
        return np.asarray(bits.astype(np.float64) * scale.price_multiplier)
    return ticks_to_prices(keys, scale.tick_size)


def price_frame(rows: TopRows, levels: int, scale: Scale) -> pl.DataFrame:
    """Rows as columns ts_utc, bid_price_1, bid_size_1 .. ask_size_N; a missing level is null."""
    prices, sizes, missing = _price_columns(rows, scale)
    columns = [pl.Series("ts_utc", rows.stamps_us).cast(pl.Datetime("us", "UTC"))]
    for offset, side in ((0, "bid"), (levels, "ask")):
        for at in range(offset, offset + levels):
            pair = [
                pl.Series(f"{side}_{name}_{at - offset + 1}", values[at])
                for name, values in (("price", prices), ("size", sizes))
            ]
            if missing[at]:
                there = pair[1] > 0
                pair = [column.zip_with(there, _nulls(len(there))) for column in pair]
            columns += pair
    return pl.DataFrame(columns)


def _price_columns(
    rows: TopRows, scale: Scale
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Prices and sizes of shape (columns, rows), and which columns lack a level somewhere."""
    if scale.tick_size is None:
        prices = np.ascontiguousarray(key_prices(rows.keys, scale).T)
        return prices, np.ascontiguousarray(rows.sizes.T), np.asarray((rows.sizes <= 0).any(axis=0))
    from zanzibar_assets.ingestion import _depth_kernels

    count, width = rows.keys.shape
    prices, sizes = np.empty((width, count)), np.empty((width, count))
    missing = np.zeros(width, dtype=np.bool_)
    eighths = (8 * scale.tick_size).is_integer()  # then products with it are exact
    power = 0.0 if eighths else 10.0 ** decimals_of(scale.tick_size)
    _depth_kernels.columns(rows.keys, rows.sizes, scale.tick_size, power, prices, sizes, missing)
    return prices, sizes, missing


def _nulls(count: int) -> pl.Series:
    return pl.repeat(None, count, dtype=pl.Float64, eager=True)


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
        arrays = joined(held)
        rows, consumed = book.feed(arrays)
        held = [DepthArrays._make(column[consumed:].copy() for column in arrays)]
        if len(rows.stamps_us):
            yield price_frame(rows, book.levels, scale)
    tally.unfinished_records = sum(len(part.flags) for part in held)
    tally.defective, first, last = counts.tolist()
    tally.first_us, tally.last_us = first or None, last or None
    rest = book.finish()
    if len(rest.stamps_us):
        yield price_frame(rest, book.levels, scale)
