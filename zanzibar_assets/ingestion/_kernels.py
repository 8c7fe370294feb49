"""Compiled loops of the order book. Imported lazily: numba costs a second.

A side is a sorted run ``[head, tail)`` within an array, its best level last. Prices are found by
their order, not by their distance: a book of levels far apart costs what a dense one does, where an
array indexed by price would have to be scanned over the gaps and moved with the market. What
changes near the best price moves a few items; the run has room at both ends, so a level far away
moves the worse part of it only, and a snapshot written best to worst appends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

US_PER_DAY = 86_400_000_000
BID_HEAD, BID_TAIL, ASK_HEAD, ASK_TAIL, PENDING, LAST_STAMP, SNAPSHOT_SEEN, FRESH = range(8)
"""Slots of the state: bounds of both runs, pending grid instant (-1: none), running stamp, whether a
CLEAR was seen, and whether one has come since the last batch that was due for a row."""
STATE_SLOTS = 8
BATCHES, CROSSED, LOCKED, UNKNOWN_DELETES, CLEARS, OUT_OF_ORDER, BEFORE_SNAPSHOT, ONE_SIDED = range(8)
"""Slots of the counter array."""
COUNTER_SLOTS = 8
EVERY_BATCH, ON_CHANGE, ON_GRID = 0, 1, 2
"""When a row is written."""
NEAR = 12
"""Levels next to the best one that are compared one by one before the run is halved."""


@njit(cache=True)
def _find(keys: Ints, head: int, tail: int, key: int) -> int:
    """Index of the first key not below ``key`` in ``[head, tail)``."""
    near = max(head, tail - NEAR)
    at = tail
    while at > near and keys[at - 1] >= key:
        at -= 1
    if at > near or near == head:
        return at
    low, high = head, near
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _centre(keys: Ints, sizes: Floats, state: Ints, head_slot: int) -> None:
    """Move a run into the middle of its arrays."""
    head, count = state[head_slot], state[head_slot + 1] - state[head_slot]
    to = (len(keys) - count) // 2
    if to < head:
        for i in range(count):
            keys[to + i] = keys[head + i]
            sizes[to + i] = sizes[head + i]
    else:
        for i in range(count - 1, -1, -1):
            keys[to + i] = keys[head + i]
            sizes[to + i] = sizes[head + i]
    state[head_slot] = to
    state[head_slot + 1] = to + count


@njit(cache=True)
def _set_level(keys: Ints, sizes: Floats, state: Ints, head_slot: int, key: int, size: float) -> None:
    """Insert or replace a level; the arrays have room for it."""
    at = _find(keys, state[head_slot], state[head_slot + 1], key)
    if at < state[head_slot + 1] and keys[at] == key:
        sizes[at] = size
        return
    if state[head_slot] == 0 or state[head_slot + 1] == len(keys):
        at -= state[head_slot]
        _centre(keys, sizes, state, head_slot)
        at += state[head_slot]
    head, tail = state[head_slot], state[head_slot + 1]
    if tail - at <= at - head:
        for i in range(tail, at, -1):
            keys[i] = keys[i - 1]
            sizes[i] = sizes[i - 1]
        state[head_slot + 1] = tail + 1
    else:
        for i in range(head, at):
            keys[i - 1] = keys[i]
            sizes[i - 1] = sizes[i]
        state[head_slot] = head - 1
        at -= 1
    keys[at] = key
    sizes[at] = size


@njit(cache=True)
def _drop_level(keys: Ints, sizes: Floats, state: Ints, head_slot: int, key: int) -> bool:
    """Remove a level; False when it is not there."""
    head, tail = state[head_slot], state[head_slot + 1]
    at = _find(keys, head, tail, key)
    if at >= tail or keys[at] != key:
        return False
    if tail - at <= at - head:
        for i in range(at, tail - 1):
            keys[i] = keys[i + 1]
            sizes[i] = sizes[i + 1]
        state[head_slot + 1] = tail - 1
    else:
        for i in range(at, head, -1):
            keys[i] = keys[i - 1]
            sizes[i] = sizes[i - 1]
        state[head_slot] = head + 1
    return True


@njit(cache=True)
def _apply(
    command: int,
    key: int,
    size: float,
    bid_keys: Ints,
    bid_sizes: Floats,
    ask_keys: Ints,
    ask_sizes: Floats,
    state: Ints,
    counters: Ints,
) -> None:
    """One record. Keys ascend towards the best price on both sides: asks are stored negated."""
    if command == 1:
        state[BID_HEAD] = state[BID_TAIL] = len(bid_keys) // 2
        state[ASK_HEAD] = state[ASK_TAIL] = len(ask_keys) // 2
        state[SNAPSHOT_SEEN] = 1
        state[FRESH] = 1
        counters[CLEARS] += 1
        return
    if command < 2 or command > 7:
        return
    known = True
    if command >= 6 or size <= 0.0:
        if command & 1 == 0:
            known = _drop_level(bid_keys, bid_sizes, state, BID_HEAD, key)
        else:
            known = _drop_level(ask_keys, ask_sizes, state, ASK_HEAD, -key)
    elif command & 1 == 0:
        _set_level(bid_keys, bid_sizes, state, BID_HEAD, key, size)
    else:
        _set_level(ask_keys, ask_sizes, state, ASK_HEAD, -key, size)
    if not known:
        counters[UNKNOWN_DELETES] += 1


@njit(cache=True)
def _write_row(
    row: int,
    bid_keys: Ints,
    bid_sizes: Floats,
    ask_keys: Ints,
    ask_sizes: Floats,
    state: Ints,
    out_keys: Ints,
    out_sizes: Floats,
) -> None:
    """Top of both sides into row ``row``; size 0 marks a level that is not there."""
    levels = out_keys.shape[1] // 2
    bids = min(levels, state[BID_TAIL] - state[BID_HEAD])
    asks = min(levels, state[ASK_TAIL] - state[ASK_HEAD])
    for level in range(bids):
        out_keys[row, level] = bid_keys[state[BID_TAIL] - 1 - level]
        out_sizes[row, level] = bid_sizes[state[BID_TAIL] - 1 - level]
    for level in range(bids, levels):
        out_keys[row, level] = 0
        out_sizes[row, level] = 0.0
    for level in range(asks):
        out_keys[row, levels + level] = -ask_keys[state[ASK_TAIL] - 1 - level]
        out_sizes[row, levels + level] = ask_sizes[state[ASK_TAIL] - 1 - level]
    for level in range(asks, levels):
        out_keys[row, levels + level] = 0
        out_sizes[row, levels + level] = 0.0


@njit(cache=True)
def _same_row(row: int, other: int, out_keys: Ints, out_sizes: Floats) -> bool:
    for column in range(out_keys.shape[1]):
        if out_keys[row, column] != out_keys[other, column]:
            return False
        if out_sizes[row, column] != out_sizes[other, column]:
            return False
    return True


@njit(cache=True)
def _next_instant(stamp: int, every_us: int) -> int:
    """First grid instant strictly after ``stamp``: multiples of the step since UTC midnight."""
    midnight = stamp - stamp % US_PER_DAY
    instant = midnight + ((stamp - midnight) // every_us + 1) * every_us
    return min(instant, midnight + US_PER_DAY)


@njit(cache=True)
def _count_state(bid_keys: Ints, ask_keys: Ints, state: Ints, counters: Ints) -> None:
    counters[BATCHES] += 1
    bids, asks = state[BID_TAIL] > state[BID_HEAD], state[ASK_TAIL] > state[ASK_HEAD]
    if bids and asks:
        spread = -ask_keys[state[ASK_TAIL] - 1] - bid_keys[state[BID_TAIL] - 1]
        if spread < 0:
            counters[CROSSED] += 1
        elif spread == 0:
            counters[LOCKED] += 1
    elif bids or asks:
        counters[ONE_SIDED] += 1


@njit(cache=True)
def _in_order(stamp: int, state: Ints, counters: Ints) -> int:
    """The batch's stamp, or the last one when it runs back."""
    last = int(state[LAST_STAMP])
    if stamp < last:
        counters[OUT_OF_ORDER] += 1
        return last
    state[LAST_STAMP] = stamp
    return stamp


@njit(cache=True)
def replay(
    stamps: Ints,
    keys: Ints,
    sizes: Floats,
    commands: NDArray[np.uint8],
    flags: NDArray[np.uint8],
    bid_keys: Ints,
    bid_sizes: Floats,
    ask_keys: Ints,
    ask_sizes: Floats,
    state: Ints,
    counters: Ints,
    mode: int,
    every_us: int,
    skip_unseeded: bool,
    out_stamps: Ints,
    out_last: Ints,
    out_fresh: NDArray[np.bool_],
    out_keys: Ints,
    out_sizes: Floats,
) -> tuple[int, int]:
    """Apply whole batches; returns (rows written, records consumed).

    Records after the last END_OF_BATCH stay unconsumed. With ``mode`` ON_CHANGE row 0 of the output
    must hold the last row written before (or zeros) and rows start at 1. ``out_last`` is the index,
    within this call, of the record that ended the row's batch (-1 for grid rows); ``out_fresh`` says
    that the row's batch held a CLEAR (on a grid: a batch since the row before).
    """
    rows = 1 if mode == ON_CHANGE else 0
    start = 0
    for i in range(len(stamps)):
        if flags[i] & 1 == 0:
            continue
        stamp = _in_order(stamps[i], state, counters)
        if mode == ON_GRID and state[PENDING] >= 0 and stamp >= state[PENDING]:
            _write_row(rows, bid_keys, bid_sizes, ask_keys, ask_sizes, state, out_keys, out_sizes)
            out_stamps[rows] = state[PENDING]
            out_last[rows] = -1
            out_fresh[rows] = state[FRESH] > 0
            state[PENDING] = -1
            state[FRESH] = 0
            rows += 1
        for j in range(start, i + 1):
            _apply(
                commands[j], keys[j], sizes[j],
                bid_keys, bid_sizes, ask_keys, ask_sizes, state, counters,
            )  # fmt: skip
        start = i + 1
        _count_state(bid_keys, ask_keys, state, counters)
        if skip_unseeded and state[SNAPSHOT_SEEN] == 0:
            counters[BEFORE_SNAPSHOT] += 1
            continue
        if stamp <= 0:  # no true stamp so far: the book moves, but nothing can be dated
            continue
        if mode == ON_GRID:
            if state[PENDING] < 0:  # otherwise the batch lies before the instant that is pending
                state[PENDING] = _next_instant(stamp, every_us)
            continue
        _write_row(rows, bid_keys, bid_sizes, ask_keys, ask_sizes, state, out_keys, out_sizes)
        fresh = state[FRESH] > 0
        state[FRESH] = 0
        if mode == ON_CHANGE and _same_row(rows, rows - 1, out_keys, out_sizes):
            continue
        out_stamps[rows] = stamp
        out_last[rows] = i
        out_fresh[rows] = fresh
        rows += 1
    return rows, start


def new_state() -> tuple[Ints, Ints]:
    """State and counters of an empty book."""
    state = np.zeros(STATE_SLOTS, dtype=np.int64)
    state[PENDING] = -1
    return state, np.zeros(COUNTER_SLOTS, dtype=np.int64)


def with_room(keys: Any, sizes: Any, state: Ints, head_slot: int, adds: int) -> tuple[Any, Any]:
    """Arrays of one side that take ``adds`` more levels, the run moved into larger ones when needed."""
    head, tail = int(state[head_slot]), int(state[head_slot + 1])
    needed = 2 * (tail - head + adds) + 4
    if len(keys) >= needed:
        return keys, sizes
    to = needed - (tail - head) // 2  # the middle of twice the room
    larger = np.empty(2 * needed, dtype=np.int64), np.empty(2 * needed)
    for new, old in zip(larger, (keys, sizes), strict=True):
        new[to : to + tail - head] = old[head:tail]
    state[head_slot], state[head_slot + 1] = to, to + tail - head
    return larger
