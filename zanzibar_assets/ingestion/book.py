"""Order-book replay: depth records to top-of-book rows, batches applied whole.

A batch ends at a record flagged END_OF_BATCH; only then the book is consistent. Keys are integers
that rise with the price: ticks where the tick size is known, float32 bits where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.depth import record_defects
from zanzibar_assets.ingestion.grid import float32_noise, nearest_ticks, ticks_to_prices, to_lots
from zanzibar_assets.ingestion.scid import Scale

CHUNK_RECORDS = 250_000
MAX_LEVELS = 1_000


class TopRows(NamedTuple):
    """Rows out of the book: stamps (us), ending record's position (-1 on a grid), keys and sizes.

    ``keys`` and ``sizes`` have ``2 * levels`` columns: bids best first, then asks; size 0 = no level.
    """

    stamps_us: NDArray[np.int64]
    last: NDArray[np.int64]
    keys: NDArray[np.int64]
    sizes: NDArray[np.float64]


class DepthArrays(NamedTuple):
    """Depth records ready for the book; records that may not be applied carry command 0."""

    stamps_us: NDArray[np.int64]
    keys: NDArray[np.int64]
    sizes: NDArray[np.float64]
    commands: NDArray[np.uint8]
    flags: NDArray[np.uint8]


@dataclass
class Book:
    """A book that is fed runs of records and gives rows; ``every_us`` 0 gives a row a batch.

    ``on_change`` gives a row only when the top ``levels`` differ from the last row.
    ``skip_unseeded`` gives none before the first CLEAR: what stood before it is not known.
    """

    levels: int
    every_us: int = 0
    on_change: bool = False
    skip_unseeded: bool = False
    _sides: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        from zanzibar_assets.ingestion import _kernels

        if not 1 <= self.levels <= MAX_LEVELS:
            raise UsageError(f"cannot keep {self.levels} levels", expected=f"1 to {MAX_LEVELS}")
        if self.every_us < 0 or (self.every_us and self.on_change):
            raise UsageError("a grid step is positive and excludes rows on change", got=str(self.every_us))
        self._kernels: Any = _kernels  # numba's stubs know no varargs
        self.state, self.counters = _kernels.new_state()
        kinds = (np.int64, np.float64, np.int64, np.float64)
        self._sides = [np.empty(1_024, dtype=kind) for kind in kinds]
        self._last_row = np.zeros(2 * self.levels, dtype=np.int64), np.zeros(2 * self.levels)

    def feed(self, records: DepthArrays) -> tuple[TopRows, int]:
        """Rows of the whole batches in a run of records, and how many records they consumed."""
        kernels = self._kernels
        adds = int(((records.commands >= 2) & (records.commands <= 5)).sum())
        needed = int(max(self.state[:2])) + adds + 1
        self._sides = [kernels.grown(side, needed) for side in self._sides]
        capacity = int((records.flags & formats.END_OF_BATCH).sum()) + 1
        stamps, last = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.int64)
        keys = np.empty((capacity, 2 * self.levels), dtype=np.int64)
        sizes = np.empty((capacity, 2 * self.levels))
        keys[0], sizes[0] = self._last_row
        mode = (
            kernels.ON_GRID if self.every_us else kernels.ON_CHANGE if self.on_change else kernels.EVERY_BATCH
        )
        rows, consumed = kernels.replay(
            *records, *self._sides, self.state, self.counters, mode, self.every_us, self.skip_unseeded,
            stamps, last, keys, sizes,
        )  # fmt: skip
        begin = 1 if self.on_change else 0
        if self.on_change:
            self._last_row = keys[rows - 1].copy(), sizes[rows - 1].copy()
        return TopRows(stamps[begin:rows], last[begin:rows], keys[begin:rows], sizes[begin:rows]), consumed

    def finish(self) -> TopRows:
        """The grid row that is still owed for the last batches; empty without a grid."""
        pending = int(self.state[self._kernels.PENDING])
        count = 1 if self.every_us and pending >= 0 else 0
        keys = np.zeros((count, 2 * self.levels), dtype=np.int64)
        sizes = np.zeros((count, 2 * self.levels))
        if count:
            self._kernels._write_row(0, *self._sides, self.state, keys, sizes)
            self.state[self._kernels.PENDING] = -1
        return TopRows(np.full(count, pending), np.full(count, -1), keys, sizes)

    def count(self, name: str) -> int:
        """A counter by the name of its slot in the kernels: BATCHES, CROSSED, CLEARS and so on."""
        return int(self.counters[getattr(self._kernels, name)])


def depth_arrays(records: NDArray[np.void], scale: Scale) -> tuple[DepthArrays, NDArray[np.uint8]]:
    """Arrays for the book from file records, and their defect codes; defective ones are not applied."""
    unix, stamp_ok = formats.unix_stamps(records["stamp"])
    raw = np.ascontiguousarray(records["price"])
    if scale.tick_size is None:
        keys = raw.view("<i4").astype(np.int64)  # float32 bits of positive numbers rise with the number
        on_grid = np.ones(len(raw), dtype=bool)
    else:
        prices = raw.astype(np.float64) * scale.price_multiplier
        keys, on_grid = nearest_ticks(prices, scale.tick_size, float32_noise(raw, scale.price_multiplier))
    defect = record_defects(records, raw, stamp_ok, on_grid)
    commands = np.where(defect > 0, np.uint8(0), records["command"])
    sizes = to_lots(records["quantity"], scale.volume_multiplier)
    return DepthArrays(unix, keys, sizes, commands, records["flags"].copy()), defect


def key_prices(keys: NDArray[np.int64], scale: Scale) -> NDArray[np.float64]:
    """True prices of book keys."""
    if scale.tick_size is None:
        bits = keys.astype("<i4").view("<f4")
        return np.asarray(bits.astype(np.float64) * scale.price_multiplier)
    return ticks_to_prices(keys, scale.tick_size)


def price_frame(rows: TopRows, levels: int, scale: Scale) -> pl.DataFrame:
    """Rows as columns ts_utc, bid_price_1, bid_size_1 .. ask_size_N; a missing level is null."""
    columns: dict[str, pl.Series] = {
        "ts_utc": pl.Series("ts_utc", rows.stamps_us).cast(pl.Datetime("us", "UTC"))
    }
    prices = key_prices(rows.keys, scale)
    for offset, side in ((0, "bid"), (levels, "ask")):
        for level in range(levels):
            size = rows.sizes[:, offset + level]
            there = pl.Series(size > 0)
            missing = pl.repeat(None, len(size), dtype=pl.Float64, eager=True)
            price = pl.Series(prices[:, offset + level])
            columns[f"{side}_price_{level + 1}"] = price.zip_with(there, missing)
            columns[f"{side}_size_{level + 1}"] = pl.Series(size).zip_with(there, missing)
    return pl.DataFrame(columns)


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
    depth file.
    """
    header = formats.read_header(path)
    if header.kind != "depth":
        raise FormatError(f"{path} is no depth file", expected="b'SCDD'", got=f"a .{header.kind} file")
    tally.records = header.records
    start, size, seen = 0, CHUNK_RECORDS, 0
    while start < header.records:
        end = min(start + size, header.records)
        arrays, defect = depth_arrays(np.array(formats.map_records(path, header, start, end)), scale)
        _tally_new(tally, arrays.stamps_us[seen - start :], defect[seen - start :])
        seen = end
        rows, consumed = book.feed(arrays)
        if len(rows.stamps_us):
            yield price_frame(rows, book.levels, scale)
        if end == header.records:
            tally.unfinished_records = end - start - consumed
            break
        size = CHUNK_RECORDS if consumed else size * 2  # a batch longer than the chunk: take it whole
        start += consumed
    rest = book.finish()
    if len(rest.stamps_us):
        yield price_frame(rest, book.levels, scale)


def _tally_new(tally: ReplayTally, stamps: NDArray[np.int64], defect: NDArray[np.uint8]) -> None:
    tally.defective += int((defect > 0).sum())
    true = stamps[stamps > 0]
    if len(true):
        first, last = int(true.min()), int(true.max())
        tally.first_us = first if tally.first_us is None else min(first, tally.first_us)
        tally.last_us = last if tally.last_us is None else max(last, tally.last_us)
