"""Compiled search for swing points (imports numba: import it where it is used)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.analysis._event_kernels import DOWN, UP, compiled
from zanzibar_assets.analysis._records import Ints

RINGS = 5
"""Neighbours on each side that are compared for all bars at once."""

Marks = NDArray[np.uint8]


@compiled
def any_above(values: Ints, start: int, end: int, sign: int, price: int) -> bool:
    """Whether a mirrored price from ``start`` to ``end`` lies above ``price``."""
    found = False
    for j in range(start, end):
        if sign * values[j] > price:
            found = True
            break
    return found


@compiled
def peak(values: Ints, i: int, left: int, right: int, sign: int, known: int) -> bool:
    """Swing test beyond the ``known`` nearest neighbours, both sides outwards at once.

    Whoever survives k bars on each side has them to itself, so all tests together take n log k steps.
    """
    price = sign * values[i]
    near = max(known, min(left, right))
    for k in range(known + 1, near + 1):
        if sign * values[i + k] > price or sign * values[i - k] >= price:
            return False
    for k in range(near + 1, left + 1):
        if sign * values[i - k] >= price:
            return False
    return not any_above(values, i + near + 1, i + right + 1, sign, price)


@compiled
def _beat_neighbours(values: Ints, first: int, last: int, rings: int, sign: int) -> NDArray[np.bool_]:
    """Which of the bars from ``first`` to ``last`` pass the swing test against 1 to ``rings`` neighbours.

    Without branches, so that the processor compares several bars at once; few bars are left to `peak`.
    """
    kept, own = np.ones(last - first, np.bool_), values[first:last]
    for ring in range(1, rings + 1):
        before, after = values[first - ring : last - ring], values[first + ring : last + ring]
        for k in range(last - first):
            kept[k] = kept[k] & (sign * own[k] > sign * before[k]) & (sign * own[k] >= sign * after[k])
    return kept


@compiled
def swing_marks(ohlc: Ints, first: int, base: int, left: int, right: int) -> Marks:
    """For each bar from ``first`` on whether it confirms a swing high (1), a swing low (2) or both (3)."""
    marks = np.zeros(ohlc.shape[1] - first, np.uint8)
    start = max(first, left + right - base)
    if start >= ohlc.shape[1]:
        return marks
    rings, high, low = min(left, right, RINGS), ohlc[1], ohlc[2]
    highs = _beat_neighbours(high, start - right, len(high) - right, rings, UP)
    lows = _beat_neighbours(low, start - right, len(low) - right, rings, DOWN)
    found = marks[start - first :]
    for k in range(len(found)):
        found[k] = np.uint8(highs[k]) | (np.uint8(lows[k]) << np.uint8(1))
    if left == rings and right == rings:
        return marks
    for k in range(len(found)):
        at = start - right + k
        if found[k] & 1 and not peak(high, at, left, right, UP, rings):
            found[k] &= 2
        if found[k] & 2 and not peak(low, at, left, right, DOWN, rings):
            found[k] &= 1
    return marks
