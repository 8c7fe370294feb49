"""Compiled loops that every event kernel shares: rows of events, their order, a heap (imports numba).

Rows stand in the columns of one ``(WIDTH, capacity)`` int64 array, so each field is one contiguous
run of memory. The codes of kinds follow the alphabet: the order of codes is the order of names.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.kinds import (
    DIR,
    EVENT,
    EXTRA,
    HI,
    KIND,
    KNOWN,
    LEVEL,
    LO,
    NO,
    REF,
    REF_EVENT,
    WIDTH,
    whole,
)

INSERTION_ROWS = 16

ZERO, UP, DOWN = whole(0), whole(1), whole(-1)

compiled = njit(cache=True, nogil=True)
inlined = njit(cache=True, nogil=True, forceinline=True)
"""Becomes part of its caller: the hand-over of arrays by a call costs atomic reference counts."""


@compiled
def grown(table: Ints, used: int, needed: int) -> Ints:
    """A table with room for ``needed`` columns, holding the first ``used``; odd widths spare the cache."""
    wider = np.empty((table.shape[0], (needed + needed // 2 + 64) | 1), np.int64)
    for field in range(table.shape[0]):
        for at in range(used):
            wider[field, at] = table[field, at]
    return wider


@compiled
def put(
    out: Ints,
    at: int,
    kind: int,
    direction: int,
    event: int,
    known: int,
    level: int,
    lo: int,
    hi: int,
    ref: int,
    ref_event: int,
    extra: int,
    no: int,
) -> None:
    """Write one row."""
    out[KIND, at] = kind
    out[DIR, at] = direction
    out[EVENT, at] = event
    out[KNOWN, at] = known
    out[LEVEL, at] = level
    out[LO, at] = lo
    out[HI, at] = hi
    out[REF, at] = ref
    out[REF_EVENT, at] = ref_event
    out[EXTRA, at] = extra
    out[NO, at] = no


@compiled
def before(a: Ints, i: int, b: Ints, j: int) -> bool:
    """Whether row ``i`` of ``a`` stands before row ``j`` of ``b``: event, kind, then what makes it total."""
    if a[EVENT, i] != b[EVENT, j]:
        return bool(a[EVENT, i] < b[EVENT, j])
    if a[KIND, i] != b[KIND, j]:
        return bool(a[KIND, i] < b[KIND, j])
    for field in (DIR, LEVEL, LO, HI):
        if a[field, i] != b[field, j]:
            return bool(a[field, i] < b[field, j])
    return False


@compiled
def settle(out: Ints, first: int, end: int) -> None:
    """Bring the rows of a bar (``first`` to ``end``) into order; stable, k log r for k rows of r runs."""
    if end - first > INSERTION_ROWS:
        _merge_sort(out, first, end)
        return
    for i in range(first + 1, end):
        j = i
        while j > first and before(out, j, out, j - 1):
            for field in range(WIDTH):
                out[field, j], out[field, j - 1] = out[field, j - 1], out[field, j]
            j -= 1


@compiled
def settle_all(out: Ints) -> None:
    """Bring the rows of every bar into their order."""
    first = 0
    for end in range(1, out.shape[1] + 1):
        if end == out.shape[1] or out[KNOWN, end] != out[KNOWN, first]:
            settle(out, first, end)
            first = end


@compiled
def _merge_sort(out: Ints, first: int, end: int) -> None:
    """Natural merge sort: rows that stand in a few runs, up or down, take time in line with their number."""
    rows = end - first
    order, spare, bounds = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows + 1, np.int64)
    for k in range(rows):
        order[k] = first + k
    runs = _runs(out, order, bounds)
    while runs > 1:
        kept = 0
        for run in range(0, runs, 2):
            start, middle, stop = bounds[run], bounds[run + 1], bounds[min(run + 2, runs)]
            _merge_runs(out, order, spare, start, middle, stop)
            bounds[kept] = start
            kept += 1
        bounds[kept] = rows
        runs = kept
        order, spare = spare, order
    for field in range(WIDTH):
        for k in range(rows):
            spare[k] = out[field, order[k]]
        for k in range(rows):
            out[field, first + k] = spare[k]


@compiled
def _runs(out: Ints, order: Ints, bounds: Ints) -> int:
    """Turn the falling runs of ``order`` round, note where each run begins; gives their number."""
    runs, start, rows = 0, 0, len(order)
    while start < rows:
        end = start + 1
        falls = end < rows and before(out, order[end], out, order[start])
        while end < rows and before(out, order[end], out, order[end - 1]) == falls:
            end += 1
        if falls:
            order[start:end] = order[start:end][::-1].copy()
        bounds[runs] = start
        runs, start = runs + 1, end
    bounds[runs] = rows
    return runs


@compiled
def _merge_runs(out: Ints, order: Ints, into: Ints, start: int, middle: int, end: int) -> None:
    left, right = start, middle
    for k in range(start, end):
        take_right = right < end and (left >= middle or before(out, order[right], out, order[left]))
        if take_right:
            into[k] = order[right]
            right += 1
        else:
            into[k] = order[left]
            left += 1


@njit("i8[:,::1](i8[:,:], i8[:,:])", cache=True, nogil=True)
def merged(a: Ints, b: Ints) -> Ints:
    """Two ordered row tables as one."""
    total = a.shape[1] + b.shape[1]
    out = np.empty((WIDTH, total), np.int64)
    i = j = 0
    for k in range(total):
        if i >= a.shape[1]:
            first = False
        elif j >= b.shape[1]:
            first = True
        elif a[KNOWN, i] != b[KNOWN, j]:
            first = a[KNOWN, i] < b[KNOWN, j]
        else:
            first = not before(b, j, a, i)
        for field in range(WIDTH):
            out[field, k] = a[field, i] if first else b[field, j]
        if first:
            i += 1
        else:
            j += 1
    return out


# Heaps are slices of one array, addressed by number: a view of its own would cost two atomic counts.


@compiled
def _sooner(heaps: Ints, k: int, i: int, j: int) -> bool:
    if heaps[k, 0, i] != heaps[k, 0, j]:
        return bool(heaps[k, 0, i] < heaps[k, 0, j])
    return bool(heaps[k, 1, i] < heaps[k, 1, j])


@compiled
def sift_up(heaps: Ints, k: int, at: int) -> None:
    """Restore heap ``k`` (smallest of fields 0 and 1 on top) after a column was written at ``at``."""
    while at > 0:
        parent = (at - 1) // 2
        if not _sooner(heaps, k, at, parent):
            return
        for field in range(heaps.shape[1]):
            heaps[k, field, parent], heaps[k, field, at] = heaps[k, field, at], heaps[k, field, parent]
        at = parent


@compiled
def drop_top(heaps: Ints, k: int, size: int) -> int:
    """Take the top of heap ``k`` away; gives the new size."""
    size -= 1
    for field in range(heaps.shape[1]):
        heaps[k, field, 0] = heaps[k, field, size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return size
        if child + 1 < size and _sooner(heaps, k, child + 1, child):
            child += 1
        if not _sooner(heaps, k, child, at):
            return size
        for field in range(heaps.shape[1]):
            heaps[k, field, child], heaps[k, field, at] = heaps[k, field, at], heaps[k, field, child]
        at = child


@compiled
def widened(heaps: Ints, used: int) -> Ints:
    """Heaps with twice the room, holding the first ``used`` entries of each."""
    wide = np.empty((heaps.shape[0], heaps.shape[1], 2 * heaps.shape[2] + 65), np.int64)
    for k in range(heaps.shape[0]):
        for field in range(heaps.shape[1]):
            for at in range(used):
                wide[k, field, at] = heaps[k, field, at]
    return wide


@compiled
def range_sum(ohlc: Ints, i: int, base: int, n: int) -> int:
    """Sum of the true ranges of the ``n`` bars before bar ``i``; -1 where fewer exist.

    ``base`` is the series' index of column 0; ``n + 1`` bars before ``i`` are at hand, or all.
    """
    if base + i < n:
        return -1
    total = 0
    for j in range(i - n, i):
        high, low = ohlc[1, j], ohlc[2, j]
        if j > 0:
            high, low = max(high, ohlc[3, j - 1]), min(low, ohlc[3, j - 1])
        total += high - low
    return total


@compiled
def range_sums(ohlc: Ints, first: int, base: int, n: int) -> Ints:
    """Sum of the true ranges of the ``n`` bars before each bar from ``first`` on; -1 where fewer exist.

    ``base`` is the series' index of column 0; the columns before ``first`` reach ``n + 1`` bars back
    (or to the start of the series).
    """
    high, low, close = ohlc[1], ohlc[2], ohlc[3]
    ranges = np.empty(ohlc.shape[1], np.int64)
    for i in range(ohlc.shape[1]):
        ranges[i] = high[i] - low[i]
        if i > 0:
            ranges[i] = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    sums = np.full(ohlc.shape[1], -1, np.int64)
    total = 0
    start = max(0, first - n)
    for i in range(start, first):
        total += ranges[i]
    for i in range(first, ohlc.shape[1]):
        if base + i >= n:
            sums[i] = total
            total -= ranges[i - n]
        total += ranges[i]
    return sums
