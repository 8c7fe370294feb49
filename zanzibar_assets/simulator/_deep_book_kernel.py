"""Compiled stream of a deep book's events: hundreds of levels, no trades (imported lazily)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from zanzibar_assets.simulator._levels_kernel import (
    Book,
    Ints,
    Log,
    State,
    insert,
    new_size,
    orders_for,
    remove,
    resize,
    snapshot,
    uniform,
)

MILLISECOND_US = 1_000
SNAPSHOT_US = 600_000_000
ADD_SHARE, DELETE_SHARE, PAUSE_SHARE, LONGER_BATCH_SHARE = 0.14, 0.12, 0.01, 0.15
"""More levels come than go: what was deleted is soon filled again, and the far end is cut."""
MEAN_UNITS = 40.0
SPARE = 16
"""Records that one batch takes at most, without a snapshot."""


class Deep(NamedTuple):
    """Levels a side, mean ticks between them, mean seconds between batches and in a pause, mean
    distance from the touch of an event in levels."""

    levels: int
    gap_ticks: int
    wait_us: float
    pause_us: float
    reach: float


@njit(cache=True)
def _gap(state: State, mean: int) -> int:
    """Ticks between two levels: 1 where the mean is 1, else 1 to twice the mean."""
    return 1 + int(uniform(state) * (2 * mean - 1)) if mean > 1 else 1


@njit(cache=True)
def _fill(book: Book, log: Log, state: State, stamp: int, side: int, shape: Deep, count: int) -> None:
    """Add ``count`` levels at the far end."""
    away = 2 * side - 1
    for _ in range(count):
        last = book.levels[side]
        price = book.price[side, last - 1] + away * _gap(state, shape.gap_ticks)
        insert(book, log, state, stamp, side, last, price, MEAN_UNITS)


@njit(cache=True)
def _add(book: Book, log: Log, state: State, stamp: int, side: int, shape: Deep) -> bool:
    """A level in the first room from the spread outwards."""
    away = 2 * side - 1
    for position in range(book.levels[side]):
        behind = book.price[1 - side, 0] if position == 0 else book.price[side, position - 1]
        room = (book.price[side, position] - behind) * away
        if room > shape.gap_ticks:
            price = behind + away * (1 + int(uniform(state) * (room - 1)))
            insert(book, log, state, stamp, side, position, price, MEAN_UNITS)
            return True
    return False


@njit(cache=True)
def _event(book: Book, log: Log, state: State, stamp: int, shape: Deep) -> None:
    side = 0 if uniform(state) < 0.5 else 1
    at = min(book.levels[side] - 1, int(-np.log(uniform(state)) * shape.reach))
    roll = uniform(state)
    if roll < ADD_SHARE and _add(book, log, state, stamp, side, shape):
        if book.levels[side] > shape.levels:
            remove(book, log, stamp, side, book.levels[side] - 1)
        return
    if ADD_SHARE <= roll < ADD_SHARE + DELETE_SHARE:
        remove(book, log, stamp, side, at)
        if book.levels[side] < shape.levels * 9 // 10:
            _fill(book, log, state, stamp, side, shape, 1)
        return
    size = new_size(state, MEAN_UNITS)
    resize(book, log, stamp, side, at, size, orders_for(state, size, MEAN_UNITS))


@njit(cache=True)
def start_book(book: Book, log: Log, state: State, stamp: int, mid: int, shape: Deep) -> None:
    """Both sides around ``mid``; what filling them logged is taken back, a snapshot follows later."""
    for side in range(2):
        insert(book, log, state, stamp, side, 0, mid + side, MEAN_UNITS)
        _fill(book, log, state, stamp, side, shape, shape.levels - 1)
    log.used[0] = 0


@njit(cache=True)
def run_deep(book: Book, log: Log, state: State, clock: Ints, shape: Deep) -> None:
    """Append batches until the log is full; ``clock`` holds the time and when a snapshot is due."""
    while log.used[0] + 2 * book.price.shape[1] + SPARE < len(log.depth):
        mean = shape.pause_us if uniform(state) < PAUSE_SHARE else shape.wait_us
        clock[0] += int(-np.log(uniform(state)) * mean) // MILLISECOND_US * MILLISECOND_US
        if clock[0] >= clock[1]:
            snapshot(book, log, clock[0])
            clock[1] = clock[0] + SNAPSHOT_US
            continue
        _event(book, log, state, clock[0], shape)
        while uniform(state) < LONGER_BATCH_SHARE and log.used[0] + SPARE < len(log.depth):
            _event(book, log, state, clock[0], shape)
        log.depth[log.used[0] - 1, 2] = 1
