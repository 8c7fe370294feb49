"""Order-book replay: depth records to top-of-book rows, batches applied whole.

A batch ends at a record flagged END_OF_BATCH; only then the book is consistent. Keys are integers
that rise with the price: ticks where the tick size is known, float32 bits where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.depth_arrays import DepthArrays

CHUNK_RECORDS = 1 << 17
"""3 MB of a file: what is decoded of it stays in the processor's caches until it is applied."""
TILE_ROWS = 64
"""20 kB of rows at ten levels: they are turned into columns within the first cache."""
RUN_ROWS = 2_048
"""0.7 MB of rows at ten levels: they are turned into columns while they are in the cache."""
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


class ColumnRoom(NamedTuple):
    """Where rows go as columns: tick size, ten to its decimals (0: exact without rounding), arrays.

    ``prices`` and ``sizes`` are of shape (columns, rows); ``missing`` marks columns that lack a level.
    """

    tick_size: float
    power: float
    stamps_us: NDArray[np.int64]
    prices: NDArray[np.float64]
    sizes: NDArray[np.float64]
    missing: NDArray[np.bool_]


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
        self._last_row = self._no_row()
        self._tile = self._room(TILE_ROWS)

    def feed(self, records: DepthArrays) -> tuple[TopRows, int]:
        """Rows of the whole batches in a run of records, and how many records they consumed."""
        ((rows, consumed),) = self.runs(records, rows_of(records) + 2)
        return rows, consumed

    def runs(self, records: DepthArrays, room: int = RUN_ROWS) -> Iterator[tuple[TopRows, int]]:
        """``feed`` in runs of fewer than ``room`` rows, with the records consumed so far.

        The rows lie in arrays that the next run overwrites: use or copy them before.
        """
        kernels = self._kernels
        placed = records._replace(keys=self._places(records))
        top = self._room(min(room, rows_of(records) + 2))
        mode = (
            kernels.ON_GRID if self.every_us else kernels.ON_CHANGE if self.on_change else kernels.EVERY_BATCH
        )
        begin, rows, done = int(self.on_change), len(top.last), 0
        while rows == len(top.last):
            top.keys[0], top.sizes[0] = self._place_of(self._last_row[0]), self._last_row[1]
            rows, consumed = kernels.replay(
                *(column[done:] for column in placed), *self._held, self.state, self.counters,
                mode, self.every_us, self.skip_unseeded, *top,
            )  # fmt: skip
            found = self._keyed(TopRows._make(column[begin:rows] for column in top))
            found.last[found.last >= 0] += done
            if len(found.keys):
                self._last_row = found.keys[-1].copy(), found.sizes[-1].copy()
            done += consumed
            yield found, done

    def start_anew(self) -> None:
        """Keep the levels, forget what was shown: the next batch gives a row, and with its own stamp."""
        self.state[self._levels.LAST_STAMP] = 0
        self._last_row = self._no_row()

    def _no_row(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return np.zeros(2 * self.levels, dtype=np.int64), np.zeros(2 * self.levels)

    def fill(self, records: DepthArrays, columns: ColumnRoom) -> tuple[int, int] | None:
        """``feed`` straight into columns of prices; (rows, records consumed), fewer when they are full.

        None, and nothing done, where rows are wanted on change or keys are no places.
        """
        placed = self._places(records)
        if self.on_change or self._ranked is not None:
            return None
        mode = self._kernels.ON_GRID if self.every_us else self._kernels.EVERY_BATCH
        rows, consumed = self._kernels.replay_columns(
            *records._replace(keys=placed), *self._held, self.state, self.counters,
            mode, self.every_us, self.skip_unseeded, *self._tile, *columns,
        )  # fmt: skip
        return int(rows), int(consumed)

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
        self.state[[self._levels.BEST_BID, self._levels.BEST_ASK]] = -1
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
            self._levels.write_row(0, -1, *self._held, self.state, top.keys, top.sizes)
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


def rows_of(records: DepthArrays) -> int:
    """The most rows that records can give: one for each batch that ends, and one that is owed."""
    return int((records.flags & formats.END_OF_BATCH).sum()) + 1
