"""Compiled price levels of the simulated book and the log of what it emits (imported lazily).

Side 0 is the bid and side 1 the ask. Times are UTC microseconds, prices ticks, sizes the file's
volume units. Random numbers come from a splitmix64 state (Steele, Lea, Flood 2014), so the tape
depends on no library's generator.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
State = NDArray[np.uint64]

MAX_LEVELS = 40
DEPTH_COLUMNS = 6  # stamp, command, flags, orders, price, size
TRADE_COLUMNS = 7  # stamp, kind, price, bid, ask, size, side
CLEAR, ADD, MODIFY, DELETE = 1, 2, 4, 6  # of the bid; the ask's commands are one more
SINGLE, FIRST, MIDDLE, LAST = 0, 1, 2, 3
MAX_ORDERS = 65_535

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


class Book(NamedTuple):
    """Sorted levels, best first: arrays of shape (2, MAX_LEVELS), and how many each side holds."""

    price: Ints
    size: Ints
    orders: Ints
    levels: Ints


class Log(NamedTuple):
    """Depth rows, trade rows, and how many of each are used."""

    depth: Ints
    trades: Ints
    used: Ints


@njit(cache=True)
def uniform(state: State) -> float:
    """Next uniform number in (0, 1)."""
    state[0] += _STEP
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    z = z ^ (z >> _S31)
    return (float(z >> _S11) + 0.5) / 9007199254740992.0


@njit(cache=True)
def above_one(state: State, mean: float) -> int:
    """Integer of at least 1 with about the given mean: a shifted, rounded exponential."""
    return 1 + int(-np.log(uniform(state)) * max(0.0, mean - 1.0) + 0.5 * (mean > 1.0))


@njit(cache=True)
def new_size(state: State, mean: float) -> int:
    """Size of a fresh level, half to three halves of the mean."""
    return 1 + int(mean * (0.5 + uniform(state)))


@njit(cache=True)
def orders_for(state: State, size: int, mean: float) -> int:
    """Number of orders that a level of that size plausibly holds (1 to 65535)."""
    return min(MAX_ORDERS, min(size, 1 + int(12.0 * size / mean * (0.5 + uniform(state)))))


@njit(cache=True)
def emit(log: Log, stamp: int, command: int, orders: int, price: int, size: int) -> None:
    """Append one depth row; its flag is set when the batch ends."""
    row = log.used[0]
    log.depth[row, 0], log.depth[row, 1], log.depth[row, 2] = stamp, command, 0
    log.depth[row, 3], log.depth[row, 4], log.depth[row, 5] = orders, price, size
    log.used[0] = row + 1


@njit(cache=True)
def insert(
    book: Book, log: Log, state: State, stamp: int, side: int, at: int, price: int, mean: float
) -> None:
    """Put a fresh level at position ``at`` of a side."""
    size = new_size(state, mean)
    orders = orders_for(state, size, mean)
    for k in range(book.levels[side], at, -1):
        book.price[side, k], book.size[side, k] = book.price[side, k - 1], book.size[side, k - 1]
        book.orders[side, k] = book.orders[side, k - 1]
    book.price[side, at], book.size[side, at], book.orders[side, at] = price, size, orders
    book.levels[side] += 1
    emit(log, stamp, ADD + side, orders, price, size)


@njit(cache=True)
def remove(book: Book, log: Log, stamp: int, side: int, at: int) -> None:
    """Take the level at position ``at`` of a side away."""
    emit(log, stamp, DELETE + side, 0, book.price[side, at], 0)
    for k in range(at, book.levels[side] - 1):
        book.price[side, k], book.size[side, k] = book.price[side, k + 1], book.size[side, k + 1]
        book.orders[side, k] = book.orders[side, k + 1]
    book.levels[side] -= 1


@njit(cache=True)
def resize(book: Book, log: Log, stamp: int, side: int, at: int, size: int, orders: int) -> None:
    """Change size and orders of the level at position ``at``; orders stay between 1 and the size."""
    held = min(MAX_ORDERS, min(size, max(1, orders)))
    book.size[side, at], book.orders[side, at] = size, held
    emit(log, stamp, MODIFY + side, held, book.price[side, at], size)


@njit(cache=True)
def snapshot(book: Book, log: Log, stamp: int) -> None:
    """One batch: clear, all bids best to worst, all asks."""
    emit(log, stamp, CLEAR, 0, 0, 0)
    for side in range(2):
        for k in range(book.levels[side]):
            emit(log, stamp, ADD + side, book.orders[side, k], book.price[side, k], book.size[side, k])
    log.depth[log.used[0] - 1, 2] = 1


@njit(cache=True)
def report(log: Log, stamp: int, fills: Ints, filled: int, bid: int, ask: int, side: int) -> None:
    """Append the sub-trades of one aggressive order (rows price, size); all carry the quote it met."""
    for k in range(filled):
        row = log.used[1]
        kind = SINGLE
        if filled > 1:
            kind = FIRST if k == 0 else (LAST if k == filled - 1 else MIDDLE)
        # One millisecond of resolution; further records within it count up microseconds.
        at = stamp
        if row > 0 and log.trades[row - 1, 0] >= stamp:
            at = log.trades[row - 1, 0] + 1
        log.trades[row, 0], log.trades[row, 1], log.trades[row, 2] = at, kind, fills[k, 0]
        log.trades[row, 3], log.trades[row, 4] = bid, ask
        log.trades[row, 5], log.trades[row, 6] = fills[k, 1], side
        log.used[1] = row + 1
