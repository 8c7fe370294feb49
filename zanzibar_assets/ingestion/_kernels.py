"""Compiled replay of depth records over the levels of ``_level_kernels``. Imported lazily."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.ingestion._depth_kernels import columns
from zanzibar_assets.ingestion._level_kernels import (
    BATCHES,
    BEFORE_SNAPSHOT,
    BEST_ASK,
    BEST_BID,
    CROSSED,
    FRESH,
    LAST_STAMP,
    LOCKED,
    MIDNIGHT,
    ONE_SIDED,
    OUT_OF_ORDER,
    PENDING,
    SNAPSHOT_SEEN,
    Floats,
    Ints,
    Words,
    apply,
    compiled,
    write_row,
)

US_PER_DAY = 86_400_000_000
EVERY_BATCH, ON_CHANGE, ON_GRID = 0, 1, 2
"""When a row is written."""


@compiled
def _same_row(row: int, other: int, out_keys: Ints, out_sizes: Floats) -> bool:
    for column in range(out_keys.shape[1]):
        if out_keys[row, column] != out_keys[other, column]:
            return False
        if out_sizes[row, column] != out_sizes[other, column]:
            return False
    return True


@compiled
def _next_instant(stamp: int, every_us: int, state: Ints) -> int:
    """First grid instant strictly after ``stamp``: multiples of the step since UTC midnight.

    Dividing whole numbers of 64 bits is slow: the midnight is kept, and the steps are counted in
    floating point, which is exact within a day but for the last one, and that is put right.
    """
    since = stamp - state[MIDNIGHT]
    if since < 0 or since >= US_PER_DAY:
        state[MIDNIGHT] = stamp - stamp % US_PER_DAY
        since = stamp - state[MIDNIGHT]
    steps = int(float(since) / float(every_us)) + 1
    if (steps - 1) * every_us > since:
        steps -= 1
    elif steps * every_us <= since:
        steps += 1
    return int(state[MIDNIGHT]) + min(steps * every_us, US_PER_DAY)


@compiled
def _count_state(last: int, state: Ints, counters: Ints) -> None:
    counters[BATCHES] += 1
    if state[BEST_BID] >= 0 and state[BEST_ASK] >= 0:
        spread = last - state[BEST_ASK] - state[BEST_BID]
        if spread < 0:
            counters[CROSSED] += 1
        elif spread == 0:
            counters[LOCKED] += 1
    elif state[BEST_BID] >= 0 or state[BEST_ASK] >= 0:
        counters[ONE_SIDED] += 1


@compiled
def _in_order(stamp: int, state: Ints, counters: Ints) -> int:
    """The batch's stamp, or the last one when it runs back."""
    last = int(state[LAST_STAMP])
    if stamp < last:
        counters[OUT_OF_ORDER] += 1
        return last
    state[LAST_STAMP] = stamp
    return stamp


@compiled
def _is_silent(stamp: int, skip_unseeded: bool, state: Ints, counters: Ints) -> bool:
    """Whether a batch only moves the book: nobody knows what stood before, or when it was."""
    if skip_unseeded and state[SNAPSHOT_SEEN] == 0:
        counters[BEFORE_SNAPSHOT] += 1
        return True
    return stamp <= 0


@compiled
def replay(
    stamps: Ints,
    keys: Ints,
    sizes: Floats,
    commands: NDArray[np.uint8],
    flags: NDArray[np.uint8],
    held: Floats,
    places: Words,
    words: Words,
    blocks: Words,
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

    Records after the last END_OF_BATCH stay unconsumed, and those that find the output full. With
    ``mode`` ON_CHANGE row 0 of the output must hold the last row written before (or zeros) and rows
    start at 1. ``out_last`` is the index, within this call, of the record that ended the row's batch
    (-1 for grid rows); ``out_fresh`` says that the row's batch held a CLEAR (on a grid: a batch since
    the row before).
    """
    rows = 1 if mode == ON_CHANGE else 0
    shown = -1  # the row of this call that holds what was shown last
    start, last = 0, held.shape[1] - 1
    for i in range(len(stamps)):
        if flags[i] & 1 == 0:
            continue
        if rows == len(out_stamps):
            break
        stamp = _in_order(stamps[i], state, counters)
        if mode == ON_GRID and state[PENDING] >= 0 and stamp >= state[PENDING]:
            write_row(rows, shown, held, places, words, blocks, state, out_keys, out_sizes)
            shown = rows
            out_stamps[rows] = state[PENDING]
            out_last[rows] = -1
            out_fresh[rows] = state[FRESH] > 0
            state[PENDING] = -1
            state[FRESH] = 0
            rows += 1
        for j in range(start, i + 1):
            apply(commands[j], keys[j], sizes[j], held, places, words, blocks, state, counters)
        start = i + 1
        _count_state(last, state, counters)
        if _is_silent(stamp, skip_unseeded, state, counters):
            continue
        if mode == ON_GRID:
            if state[PENDING] < 0:  # otherwise the batch lies before the instant that is pending
                state[PENDING] = _next_instant(stamp, every_us, state)
            continue
        fresh = state[FRESH] > 0
        state[FRESH] = 0
        write_row(rows, shown, held, places, words, blocks, state, out_keys, out_sizes)
        shown = rows
        if mode == ON_CHANGE and _same_row(rows, rows - 1, out_keys, out_sizes):
            shown = rows - 1
            continue
        out_stamps[rows] = stamp
        out_last[rows] = i
        out_fresh[rows] = fresh
        rows += 1
    return rows, start


@compiled
def replay_columns(
    stamps: Ints,
    keys: Ints,
    sizes: Floats,
    commands: NDArray[np.uint8],
    flags: NDArray[np.uint8],
    held: Floats,
    places: Words,
    words: Words,
    blocks: Words,
    state: Ints,
    counters: Ints,
    mode: int,
    every_us: int,
    skip_unseeded: bool,
    tile_stamps: Ints,
    tile_last: Ints,
    tile_fresh: NDArray[np.bool_],
    tile_keys: Ints,
    tile_sizes: Floats,
    tick_size: float,
    power: float,
    out_stamps: Ints,
    out_prices: Floats,
    out_sizes: Floats,
    missing: NDArray[np.bool_],
) -> tuple[int, int]:
    """``replay`` and ``columns`` by tiles that stay in the first cache; (rows, records consumed).

    Stops when the output has no room for another tile. Not for rows on change.
    """
    total, done, room = 0, 0, len(tile_stamps)
    rows = room
    while rows == room and total + room <= len(out_stamps):
        rows, used = replay(
            stamps[done:], keys[done:], sizes[done:], commands[done:], flags[done:],
            held, places, words, blocks, state, counters, mode, every_us, skip_unseeded,
            tile_stamps, tile_last, tile_fresh, tile_keys, tile_sizes,
        )  # fmt: skip
        end = total + rows
        columns(
            tile_keys[:rows], tile_sizes[:rows], tick_size, power,
            out_prices[:, total:end], out_sizes[:, total:end], missing,
        )  # fmt: skip
        for row in range(rows):
            out_stamps[total + row] = tile_stamps[row]
        total, done = end, done + used
    return total, done


@compiled
def priced_span(keys: Ints, commands: NDArray[np.uint8]) -> tuple[int, int]:
    """Least and greatest key of the records that name a price; (0, 0) when none does."""
    low, high = 0, 0
    for i in range(len(keys)):
        if 2 <= commands[i] <= 7:
            low, high = min(low, keys[i]), max(high, keys[i])
    return low, high
