"""Compiled order flow: market orders, limit orders, cancellations, repricing (imported lazily)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from zanzibar_assets.simulator._levels_kernel import (
    MAX_LEVELS,
    Book,
    Floats,
    Ints,
    Log,
    State,
    above_one,
    insert,
    remove,
    report,
    resize,
    snapshot,
    uniform,
)

LEVELS_LOW, LEVELS_FULL, LEVELS_HIGH = 7, 9, 12
"""Visible levels a side: filled up to FULL when under LOW, cut to FULL when over HIGH."""
MAX_SWEEP = 6
SNAPSHOT_US = 600_000_000
SWEPT_SHARE = 0.5  # of repricings that take the stale quotes; in the others makers pull them
INSIDE_SHARE = 0.01  # of market orders that trade inside a wide spread, without a side
CONTINUE_SHARE = 0.5  # of market orders that go on to the next level when one is used up
ONE_SWEEP_SHARE = 0.3  # of those that take quotes: in one order; else in several, level by level
SPLIT_SHARE = 0.2  # of fills at one level that meet two orders, so are written as two sub-trades
BLOCK_SHARE, BLOCK_FACTOR = 0.03, 8  # of market orders that are large, and how large
LEVEL_SCALE = 2.2  # mean distance from the touch of a passive order, in levels


class Flow(NamedTuple):
    """Scales of the order flow, in ticks and volume units; ``lean`` tilts market orders."""

    market_share: float
    lean: float
    threshold: float
    gap: float
    spread: float
    trade_size: float
    level_size: float


@njit(cache=True)
def settle(book: Book, log: Log, state: State, stamp: int, flow: Flow) -> None:
    """Keep the visible depth in bounds: fill far levels, drop the farthest."""
    for side in range(2):
        if book.levels[side] < LEVELS_LOW:
            while book.levels[side] < LEVELS_FULL:
                last = book.levels[side] - 1
                price = book.price[side, last] + (2 * side - 1) * above_one(state, flow.gap)
                insert(book, log, state, stamp, side, last + 1, price, flow.level_size)
        if book.levels[side] > LEVELS_HIGH:
            while book.levels[side] > LEVELS_FULL:
                remove(book, log, stamp, side, book.levels[side] - 1)


@njit(cache=True)
def follow(book: Book, log: Log, state: State, stamp: int, side: int, touch: int, flow: Flow) -> None:
    """Quote from a new touch down to the side's old best."""
    away = 2 * side - 1
    at, price = 0, touch
    while at < LEVELS_FULL and (book.levels[side] <= at or (book.price[side, at] - price) * away > 0):
        while book.levels[side] >= LEVELS_HIGH:
            remove(book, log, stamp, side, book.levels[side] - 1)
        insert(book, log, state, stamp, side, at, price, flow.level_size)
        price += away * above_one(state, flow.gap)
        at += 1


@njit(cache=True)
def hit_stale(book: Book, log: Log, state: State, stamp: int, taken: int, stale: int, fills: Ints) -> None:
    """Informed orders take the stale levels: one sweep, or one order a level with the quote moving."""
    away = 2 * taken - 1
    quote = np.array([book.price[0, 0], book.price[1, 0]])
    filled = min(stale, MAX_SWEEP)
    whole = uniform(state) < ONE_SWEEP_SHARE
    for k in range(filled):
        at = k if whole else 0
        fills[at, 0], fills[at, 1] = book.price[taken, k], book.size[taken, k]
        if not whole:
            quote[taken] = book.price[taken, k]
            report(log, stamp, fills, 1, quote[0], quote[1], away)
    if whole:
        report(log, stamp, fills, filled, quote[0], quote[1], away)


@njit(cache=True)
def reprice(book: Book, log: Log, state: State, stamp: int, fair: float, flow: Flow, fills: Ints) -> None:
    """Move the book to the latent price: stale quotes are swept or pulled, new ones follow behind."""
    bid, ask = book.price[0, 0], book.price[1, 0]
    taken = 1 if 2.0 * fair > bid + ask else 0
    away = 2 * taken - 1
    spread = above_one(state, flow.spread)
    low = int(np.floor(fair - 0.5 * spread + 0.5))
    target = (low, low + spread)
    stale = 0
    while stale < book.levels[taken] and (book.price[taken, stale] - target[taken]) * away < 0:
        stale += 1
    if stale > 0 and uniform(state) < SWEPT_SHARE:
        hit_stale(book, log, state, stamp, taken, stale, fills)
    for _ in range(stale):
        remove(book, log, stamp, taken, 0)
    if book.levels[taken] == 0 or (book.price[taken, 0] - target[taken]) * away > flow.gap:
        insert(book, log, state, stamp, taken, 0, target[taken], flow.level_size)
    follow(book, log, state, stamp, 1 - taken, target[1 - taken], flow)


@njit(cache=True)
def take(book: Book, log: Log, state: State, stamp: int, side: int, size: int, fills: Ints) -> int:
    """Consume a side from its touch on; returns the number of fills. Two levels always stay."""
    filled = 0
    while size > 0 and book.levels[side] > 2 and filled < MAX_SWEEP:
        held = book.size[side, 0]
        fills[filled, 0], fills[filled, 1] = book.price[side, 0], min(size, held)
        filled += 1
        if size < held:
            resize(book, log, stamp, side, 0, held - size, book.orders[side, 0] - 1)
            size = 0
        else:
            remove(book, log, stamp, side, 0)
            size = size - held if uniform(state) < CONTINUE_SHARE else 0
    return filled


@njit(cache=True)
def market_order(book: Book, log: Log, state: State, stamp: int, buys: bool, flow: Flow, fills: Ints) -> None:
    """An uninformed aggressive order: takes the touch, sometimes the levels behind it."""
    bid, ask = book.price[0, 0], book.price[1, 0]
    size = above_one(state, flow.trade_size)
    if uniform(state) < BLOCK_SHARE:
        size *= BLOCK_FACTOR
    if ask - bid >= 2 and uniform(state) < INSIDE_SHARE:
        fills[0, 0], fills[0, 1] = bid + 1 + int(uniform(state) * (ask - bid - 1)), size
        report(log, stamp, fills, 1, bid, ask, 0)
        return
    side = 1 if buys else 0
    filled = take(book, log, state, stamp, side, size, fills)
    if filled == 1 and fills[0, 1] >= 2 and uniform(state) < SPLIT_SHARE:
        part = fills[0, 1] // 2
        fills[1, 0], fills[1, 1] = fills[0, 0], fills[0, 1] - part
        fills[0, 1] = part
        filled = 2
    report(log, stamp, fills, filled, bid, ask, 2 * side - 1)


@njit(cache=True)
def improve(book: Book, log: Log, state: State, stamp: int, fair: float, flow: Flow) -> None:
    """A limit order inside a wide spread, on the side that lies farther from the latent price."""
    bid, ask = book.price[0, 0], book.price[1, 0]
    side = 1 if ask - fair > fair - bid else 0
    room = ask - bid - 1
    step = min(room, 1 + int(uniform(state) * room))
    insert(book, log, state, stamp, side, 0, book.price[side, 0] - (2 * side - 1) * step, flow.level_size)


@njit(cache=True)
def passive_order(book: Book, log: Log, state: State, stamp: int, fair: float, flow: Flow) -> None:
    """A limit order or a cancellation at some level; sizes revert to their mean."""
    spread = book.price[1, 0] - book.price[0, 0]
    if spread > 1.0 + 1.5 * flow.spread and uniform(state) < 0.7:
        improve(book, log, state, stamp, fair, flow)
        return
    side = 1 if uniform(state) < 0.5 else 0
    at = min(book.levels[side] - 1, int(-np.log(uniform(state)) * LEVEL_SCALE))
    roll = uniform(state)
    room = abs(book.price[side, at + 1] - book.price[side, at]) if at + 1 < book.levels[side] else 0
    if roll < 0.08 and room >= 2:
        price = book.price[side, at] + (2 * side - 1) * (room // 2)
        insert(book, log, state, stamp, side, at + 1, price, flow.level_size)
    elif 0.08 <= roll < 0.14 and book.levels[side] > LEVELS_LOW:
        remove(book, log, stamp, side, at)
    else:
        change_size(book, log, state, stamp, side, at, roll < 0.57, flow)


@njit(cache=True)
def change_size(book: Book, log: Log, state: State, stamp: int, side: int, at: int, grow: bool, flow: Flow) -> None:  # fmt: skip  # noqa: E501
    """An order joins or leaves a level; small levels grow and large ones shrink."""
    size, orders = book.size[side, at], book.orders[side, at]
    if size < 0.5 * flow.level_size or (grow and size < 1.8 * flow.level_size):
        more = 1 + int(-np.log(uniform(state)) * 0.2 * flow.level_size)
        resize(book, log, stamp, side, at, size + more, orders + 1)
    elif size > 1:
        left = max(1, size - 1 - int(0.5 * uniform(state) * size))
        resize(book, log, stamp, side, at, left, orders - 1)


@njit(cache=True)
def open_book(state: State, log: Log, fair: float, flow: Flow) -> Book:
    """A full book around a price; the rows it emits are taken back."""
    book = Book(
        np.zeros((2, MAX_LEVELS), dtype=np.int64),
        np.zeros((2, MAX_LEVELS), dtype=np.int64),
        np.zeros((2, MAX_LEVELS), dtype=np.int64),
        np.zeros(2, dtype=np.int64),
    )
    spread = above_one(state, flow.spread)
    low = int(np.floor(fair - 0.5 * spread + 0.5))
    for side in range(2):
        price = low + side * spread
        for k in range(LEVELS_FULL):
            insert(book, log, state, 0, side, k, price, flow.level_size)
            price += (2 * side - 1) * above_one(state, flow.gap)
    log.used[0] = 0
    return book


@njit(cache=True)
def play(book: Book, log: Log, state: State, stamp: int, fair: float, flow: Flow, fills: Ints) -> None:
    """One event: a repricing when the latent price has left the band, else some order."""
    begins = log.used[0]
    away = fair - 0.5 * (book.price[0, 0] + book.price[1, 0])
    if abs(away) > flow.threshold:
        reprice(book, log, state, stamp, fair, flow, fills)
    elif uniform(state) < flow.market_share:
        buys = uniform(state) < 0.5 + 0.5 * flow.lean * away / flow.threshold
        market_order(book, log, state, stamp, buys, flow, fills)
    else:
        passive_order(book, log, state, stamp, fair, flow)
    settle(book, log, state, stamp, flow)
    if log.used[0] > begins:
        log.depth[log.used[0] - 1, 2] = 1


@njit(cache=True)
def run_book(stamps: Ints, fair: Floats, seed: State, flow: Flow, log: Log) -> int:
    """Play the events in order; returns how many (fewer when the log is about to be full).

    ``stamps`` (n,) ascending microseconds, ``fair`` (n,) latent price in ticks, ``seed`` (1,).
    """
    state = seed.copy()
    fills = np.empty((MAX_SWEEP, 2), dtype=np.int64)
    log.used[:] = 0
    book = open_book(state, log, fair[0], flow)
    next_snapshot = stamps[0]
    for i in range(len(stamps)):
        if log.used[0] + 8 * MAX_LEVELS > len(log.depth) or log.used[1] + MAX_SWEEP > len(log.trades):
            return i
        if stamps[i] >= next_snapshot:
            boundary = max(stamps[0], stamps[i] // SNAPSHOT_US * SNAPSHOT_US)
            snapshot(book, log, boundary)
            next_snapshot = (boundary // SNAPSHOT_US + 1) * SNAPSHOT_US
        play(book, log, state, stamps[i], fair[i], flow, fills)
    return len(stamps)


__all__ = ["Flow", "Log", "run_book"]
