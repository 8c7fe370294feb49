"""Compiled loops of the tick screens. Imported lazily: numba costs a second."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]

LATE, SET_BACK, ASIDE, CONFIRMED = 1, 2, 3, 4


@njit(cache=True)
def _settle(first: int, count: int, waiting: Ints, clock: int, dated: Ints, verdicts: Codes) -> None:
    for k in range(first, count):
        dated[waiting[k]] = clock
        verdicts[waiting[k]] = LATE


@njit(cache=True)
def date_rows(stamps: Ints, far_us: int, back_rows: int, dated: Ints, verdicts: Codes) -> None:
    """Fill ``dated`` (a copy of the stamps) and ``verdicts`` (zeros); see ``tick_screen.date_rows``."""
    waiting = np.zeros(back_rows, dtype=np.int64)
    count = 0
    clock = stamps[0]
    for i in range(1, len(stamps)):
        stamp = stamps[i]
        if stamp >= clock - far_us:
            _settle(0, count, waiting, clock, dated, verdicts)
            count = 0
            if stamp < clock:
                dated[i] = clock
                verdicts[i] = LATE
            else:
                clock = stamp
            continue
        if count > 0 and stamp < stamps[waiting[count - 1]]:
            _settle(0, count, waiting, clock, dated, verdicts)
            count = 0
        waiting[count] = i
        count += 1
        if count == back_rows:
            for k in range(count):
                verdicts[waiting[k]] = SET_BACK
            clock = stamp
            count = 0
    _settle(0, count, waiting, clock, dated, verdicts)


@njit(cache=True)
def _place(ordered: Ints, count: int, price: int) -> int:
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] < price:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _add(queue: Ints, ordered: Ints, head: int, count: int, price: int) -> tuple[int, int]:
    """Queue the price, dropping the oldest when full; returns the new head and count."""
    window = len(queue)
    if count == window:
        at = _place(ordered, count, queue[head])
        for k in range(at, count - 1):
            ordered[k] = ordered[k + 1]
        head = (head + 1) % window
        count -= 1
    at = _place(ordered, count, price)
    for k in range(count, at, -1):
        ordered[k] = ordered[k - 1]
    ordered[at] = price
    queue[(head + count) % window] = price
    return head, count + 1


@njit(cache=True)
def _mad(ordered: Ints, count: int, middle: int) -> int:
    """Lower median of the distances from ``middle``, by walking outwards from the nearest price."""
    right = _place(ordered, count, middle)
    left = right - 1
    distance = 0
    for _ in range((count - 1) // 2 + 1):
        if left < 0 or (right < count and ordered[right] - middle <= middle - ordered[left]):
            distance = ordered[right] - middle
            right += 1
        else:
            distance = middle - ordered[left]
            left -= 1
    return distance


@njit(cache=True)
def screen_prices(
    prices: Ints,
    stamps: Ints,
    window: int,
    mads: float,
    min_ticks: int,
    min_fraction: float,
    confirm: int,
    stale_us: int,
    dated: Ints,
    verdicts: Codes,
) -> None:
    """Fill ``dated`` (a copy of the stamps) and ``verdicts`` (zeros); see ``tick_screen``."""
    queue, ordered = np.zeros(window, dtype=np.int64), np.zeros(window + 1, dtype=np.int64)
    run = np.zeros(confirm, dtype=np.int64)
    head, count, waiting = 0, 0, 0
    for i in range(len(prices)):
        price = prices[i]
        if i > 0 and stamps[i] - stamps[i - 1] > stale_us:
            head, count, waiting = 0, 0, 0
        width = -1.0
        if count >= confirm:
            middle = ordered[(count - 1) // 2]
            distance = abs(price - middle)
            width = max(float(min_ticks), min_fraction * abs(middle))
            if distance > width:  # the MAD is looked for only when it decides
                width = max(width, mads * _mad(ordered, count, middle))
            if distance <= width:
                width = -1.0
        if width < 0.0:
            waiting = 0
            head, count = _add(queue, ordered, head, count, price)
            continue
        if waiting > 0 and abs(price - prices[run[0]]) > width:
            waiting = 0
        run[waiting] = i
        waiting += 1
        verdicts[i] = ASIDE
        if waiting == confirm:
            head, count = 0, 0
            for k in range(confirm):
                dated[run[k]] = stamps[i]
                verdicts[run[k]] = CONFIRMED
                head, count = _add(queue, ordered, head, count, prices[run[k]])
            waiting = 0
