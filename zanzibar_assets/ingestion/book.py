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
from zanzibar_assets.ingestion.grid import (
    decimals_of,
    float32_noise,
    nearest_ticks,
    ticks_to_prices,
    to_lots,
)
from zanzibar_assets.ingestion.record_blocks import record_blocks
from zanzibar_assets.ingestion.scid import Scale

CHUNK_RECORDS = 1 << 16
"""1.6 MB of a file and 1.7 MB decoded: both stay in the processor's cache."""
MAX_LEVELS = 1_000


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
        self._sides = [np.empty(0, dtype=kind) for kind in (np.int64, np.float64, np.int64, np.float64)]
        self._last_row = np.zeros(2 * self.levels, dtype=np.int64), np.zeros(2 * self.levels)

    def feed(self, records: DepthArrays) -> tuple[TopRows, int]:
        """Rows of the whole batches in a run of records, and how many records they consumed."""
        kernels = self._kernels
        adds = int(((records.commands >= 2) & (records.commands <= 5)).sum())
        for slot, side in ((kernels.BID_HEAD, 0), (kernels.ASK_HEAD, 2)):
            self._sides[side : side + 2] = kernels.with_room(
                *self._sides[side : side + 2], self.state, slot, adds
            )
        top = self._room(int((records.flags & formats.END_OF_BATCH).sum()) + 1)
        top.keys[0], top.sizes[0] = self._last_row
        mode = (
            kernels.ON_GRID if self.every_us else kernels.ON_CHANGE if self.on_change else kernels.EVERY_BATCH
        )
        rows, consumed = kernels.replay(
            *records, *self._sides, self.state, self.counters, mode, self.every_us, self.skip_unseeded, *top
        )
        begin = 1 if self.on_change else 0
        if self.on_change:
            self._last_row = top.keys[rows - 1].copy(), top.sizes[rows - 1].copy()
        return TopRows._make(column[begin:rows] for column in top), consumed

    def finish(self) -> TopRows:
        """The grid row that is still owed for the last batches; empty without a grid."""
        kernels = self._kernels
        pending = int(self.state[kernels.PENDING])
        top = self._room(1 if self.every_us and pending >= 0 else 0)
        if len(top.stamps_us):
            kernels._write_row(0, *self._sides, self.state, top.keys, top.sizes)
            top.stamps_us[0], top.last[0], top.fresh[0] = pending, -1, self.state[kernels.FRESH] > 0
            self.state[kernels.PENDING] = -1
        return top

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
        return int(self.counters[getattr(self._kernels, name)])


def depth_arrays(records: NDArray[np.void], scale: Scale) -> tuple[DepthArrays, NDArray[np.uint8]]:
    """Arrays for the book from file records, and their defect codes; defective ones are not applied.

    The plain way: ``decode_block`` gives the same arrays in one compiled pass.
    """
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


def decode_block(records: NDArray[np.void], scale: Scale, tally: NDArray[np.int64]) -> DepthArrays:
    """Arrays for the book from file records; adds to the slots of ``_depth_kernels`` in ``tally``."""
    from zanzibar_assets.ingestion import _depth_kernels

    count = len(records)
    arrays = DepthArrays(
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.float64),
        np.empty(count, dtype=np.uint8),
        np.ascontiguousarray(records["flags"]),
    )
    stamps, prices = records["stamp"], records["price"]
    kernel: Any = _depth_kernels.decode  # numba's stubs know no varargs
    kernel(
        stamps, stamps.view("<f8"), records["command"], prices, prices.view("<i4"), records["quantity"],
        scale.price_multiplier, scale.tick_size or 0.0,
        scale.volume_multiplier, 10.0 ** decimals_of(scale.volume_multiplier), *arrays[:4], tally,
    )  # fmt: skip
    return arrays


def key_prices(keys: NDArray[np.int64], scale: Scale) -> NDArray[np.float64]:
    """True prices of book keys."""
    if scale.tick_size is None:
        bits = keys.astype("<i4").view("<f4")
        return np.asarray(bits.astype(np.float64) * scale.price_multiplier)
    return ticks_to_prices(keys, scale.tick_size)


def price_frame(rows: TopRows, levels: int, scale: Scale) -> pl.DataFrame:
    """Rows as columns ts_utc, bid_price_1, bid_size_1 .. ask_size_N; a missing level is null."""
    prices, sizes, missing = _price_columns(rows, scale)
    columns = {"ts_utc": _series(rows.stamps_us).cast(pl.Datetime("us", "UTC"))}
    for offset, side in ((0, "bid"), (levels, "ask")):
        for level in range(levels):
            at = offset + level
            price, size = _series(prices[at]), _series(sizes[at])
            if missing[at]:
                there = size > 0
                price, size = (column.zip_with(there, _nulls(len(there))) for column in (price, size))
            columns[f"{side}_price_{level + 1}"] = price
            columns[f"{side}_size_{level + 1}"] = size
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


def _series(values: NDArray[Any]) -> pl.Series:
    """Series on the array's own memory."""
    import pyarrow as pa

    series = pl.from_arrow(pa.array(values))
    assert isinstance(series, pl.Series)
    return series


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
        arrays = _joined(held)
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


def _joined(parts: list[DepthArrays]) -> DepthArrays:
    whole = [part for part in parts if len(part.flags)]
    if len(whole) == 1:
        return whole[0]
    return DepthArrays._make(np.concatenate(columns) for columns in zip(*whole, strict=True))
