"""Compiled comparisons of a bar with the bars before it, for the Wyckoff machine (imports numba)."""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._event_kernels import compiled
from zanzibar_assets.analysis._records import Floats, Ints

P_TREND, P_PS, P_SC, P_WIDE, P_RALLY, P_DEPTH, P_SOS, P_ABANDON = range(8)
"""Multiples; P_ABANDON below 0 is off."""
I_N, I_TREND, I_WITHIN, I_W = range(4)

Bars = tuple[Ints, Floats, Ints]
"""OHLC in ticks, volume, sums of the ``n`` true ranges before each bar."""


@compiled
def _median(values: Floats) -> float:
    ordered = np.empty(len(values), np.float64)
    for k in range(len(values)):
        at = k
        while at > 0 and ordered[at - 1] > values[k]:
            ordered[at] = ordered[at - 1]
            at -= 1
        ordered[at] = values[k]
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float((ordered[middle - 1] + ordered[middle]) / 2)


@compiled
def relative_volume(volume: Floats, i: int, n: int) -> float:
    """Volume over the median of the n bars before; -1 without that median."""
    usual = _median(volume[i - n : i])
    return float(volume[i] / usual) if usual > 0 else -1.0


@compiled
def heavy(bars: Bars, i: int, n: int, multiple: float) -> bool:
    volume, sums = bars[1], bars[2]
    if sums[i] < 0 or volume[i] <= 0:
        return False
    return bool(volume[i] >= multiple * _median(volume[i - n : i]))


@compiled
def downtrend(bars: Bars, i: int, base: int, counts: Ints, multiples: Floats) -> bool:
    close, total, back = bars[0][3], bars[2][i], i - 1 - counts[I_TREND]
    if total < 0 or base + back < 0:
        return False
    return bool(counts[I_N] * (close[back] - close[i - 1]) >= multiples[P_TREND] * total)


@compiled
def _true_range(ohlc: Ints, i: int) -> int:
    return int(max(ohlc[1, i], ohlc[3, i - 1]) - min(ohlc[2, i], ohlc[3, i - 1]))


@compiled
def _higher(low: int, ohlc: Ints, i: int, n: int) -> bool:
    """Whether one of the n bars before went lower."""
    found = False
    for j in range(i - n, i):
        found = found or ohlc[2, j] < low
    return found


@compiled
def climax(bars: Bars, i: int, base: int, counts: Ints, multiples: Floats) -> bool:
    """Selling climax after a fall: heavy volume, wide range, lowest low of n bars."""
    n, ohlc = counts[I_N], bars[0]
    if not heavy(bars, i, n, multiples[P_SC]):
        return False
    own = _true_range(ohlc, i)
    if own <= 0 or _higher(ohlc[2, i], ohlc, i, n):
        return False
    ranges = np.empty(n, np.float64)
    for k in range(n):
        j = i - n + k
        ranges[k] = _true_range(ohlc, j) if base + j > 0 else ohlc[1, j] - ohlc[2, j]
    return bool(own >= multiples[P_WIDE] * _median(ranges))
