"""Compiled loops of the order book. Imported lazily: numba costs a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

US_PER_DAY = 86_400_000_000
BIDS, ASKS, PENDING, LAST_STAMP, SNAPSHOT_SEEN = 0, 1, 2, 3, 4
"""Slots of the state array: level counts, pending grid instant (-1: none), running stamp, CLEAR seen."""
STATE_SLOTS = 5
BATCHES, CROSSED, LOCKED, UNKNOWN_DELETES, CLEARS, OUT_OF_ORDER, BEFORE_SNAPSHOT = range(7)
"""Slots of the counter array."""
COUNTER_SLOTS = 7
EVERY_BATCH, ON_CHANGE, ON_GRID = 0, 1, 2
"""When a row is written."""


@njit(cache=True)
def _find(keys: Ints, count: int, key: int) -> int:
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _set_level(keys: Ints, sizes: Floats, count: int, key: int, size: float) -> int:
    """Insert or replace a level in ascending keys; returns the new count."""
    at = _find(keys, count, key)
    if at < count and keys[at] == key:
        sizes[at] = size
        return count
    for i in range(count, at, -1):
        keys[i] = keys[i - 1]
        sizes[i] = sizes[i - 1]
    keys[at] = key
    sizes[at] = size
    return count + 1


@njit(cache=True)
def _drop_level(keys: Ints, sizes: Floats, count: int, key: int) -> int:
    """Remove a level; the count is unchanged when it is not there."""
    at = _find(keys, count, key)
    if at >= count or keys[at] != key:
        return count
    for i in range(at, count - 1):
        keys[i] = keys[i + 1]
        sizes[i] = sizes[i + 1]
    return count - 1


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
        state[BIDS] = 0
        state[ASKS] = 0
        state[SNAPSHOT_SEEN] = 1
        counters[CLEARS] += 1
        return
    if command < 2 or command > 7:
        return
    remove = command >= 6 or size <= 0.0
    if command % 2 == 0:
        before = state[BIDS]
        if remove:
            state[BIDS] = _drop_level(bid_keys, bid_sizes, before, key)
        else:
            state[BIDS] = _set_level(bid_keys, bid_sizes, before, key, size)
        unknown = remove and state[BIDS] == before
    else:
        before = state[ASKS]
        if remove:
            state[ASKS] = _drop_level(ask_keys, ask_sizes, before, -key)
        else:
            state[ASKS] = _set_level(ask_keys, ask_sizes, before, -key, size)
        unknown = remove and state[ASKS] == before
    if unknown:
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
    for level in range(levels):
        at = state[BIDS] - 1 - level
        out_keys[row, level] = bid_keys[at] if at >= 0 else 0
        out_sizes[row, level] = bid_sizes[at] if at >= 0 else 0.0
        at = state[ASKS] - 1 - level
        out_keys[row, levels + level] = -ask_keys[at] if at >= 0 else 0
        out_sizes[row, levels + level] = ask_sizes[at] if at >= 0 else 0.0


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
    if state[BIDS] > 0 and state[ASKS] > 0:
        spread = -ask_keys[state[ASKS] - 1] - bid_keys[state[BIDS] - 1]
        if spread < 0:
            counters[CROSSED] += 1
        elif spread == 0:
            counters[LOCKED] += 1


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
    out_keys: Ints,
    out_sizes: Floats,
) -> tuple[int, int]:
    """Apply whole batches; returns (rows written, records consumed).

    Records after the last END_OF_BATCH stay unconsumed. With ``mode`` ON_CHANGE row 0 of the output
    must hold the last row written before (or zeros) and rows start at 1. ``out_last`` is the index,
    within this call, of the record that ended the row's batch (-1 for grid rows).
    """
    rows = 1 if mode == ON_CHANGE else 0
    start = 0
    for i in range(len(stamps)):
        if flags[i] & 1 == 0:
            continue
        stamp = stamps[i]
        if stamp < state[LAST_STAMP]:
            counters[OUT_OF_ORDER] += 1
            stamp = state[LAST_STAMP]
        state[LAST_STAMP] = stamp
        if mode == ON_GRID and state[PENDING] >= 0 and stamp >= state[PENDING]:
            _write_row(rows, bid_keys, bid_sizes, ask_keys, ask_sizes, state, out_keys, out_sizes)
            out_stamps[rows] = state[PENDING]
            out_last[rows] = -1
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
            state[PENDING] = _next_instant(stamp, every_us)
            continue
        _write_row(rows, bid_keys, bid_sizes, ask_keys, ask_sizes, state, out_keys, out_sizes)
        if mode == ON_CHANGE and _same_row(rows, rows - 1, out_keys, out_sizes):
            continue
        out_stamps[rows] = stamp
        out_last[rows] = i
        rows += 1
    return rows, start


def new_state() -> tuple[Ints, Ints]:
    """State and counters of an empty book."""
    state = np.zeros(STATE_SLOTS, dtype=np.int64)
    state[PENDING] = -1
    return state, np.zeros(COUNTER_SLOTS, dtype=np.int64)


def grown(array: Any, needed: int) -> Any:
    """The array, or a copy with room for ``needed`` items."""
    if len(array) >= needed:
        return array
    larger = np.empty(max(needed, 2 * len(array)), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
