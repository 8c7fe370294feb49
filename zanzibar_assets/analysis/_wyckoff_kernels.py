"""Compiled Wyckoff accumulation machine (imports numba: import it where it is used).

One pass, on the machine's own price axis: distribution is the same machine on the mirrored bars. The
rules read the bar, the ``n`` bars before it and the registers, never what follows. Rules are written
as products of whole ticks with sums of true ranges, so they hold exactly at any scale.
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._baseline_kernels import (
    I_N,
    I_W,
    I_WITHIN,
    P_ABANDON,
    P_DEPTH,
    P_PS,
    P_RALLY,
    P_SC,
    P_SOS,
    Bars,
    climax,
    downtrend,
    heavy,
    relative_volume,
)
from zanzibar_assets.analysis._event_kernels import DOWN, UP, ZERO, compiled, put, settle
from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis._swing_kernels import peak
from zanzibar_assets.analysis.kinds import CODES, NONE, SERIES_OF_ROWS, whole

IDLE, A1, A2, B, C, D, E = range(7)
PHASE_OF_STATE = (0, 1, 1, 2, 3, 4, 5)

PS, SC, AR, ST, ST_B, UA = (whole(CODES[name]) for name in ("ps", "sc", "ar", "st", "st_b", "ua"))
SPRING, TEST, SOS, BU, LPS = (whole(CODES[name]) for name in ("spring", "test", "sos", "bu", "lps"))
MARKUP, SOW, FAIL = (whole(CODES[name]) for name in ("markup", "sow", "fail"))

(F_STATE, F_SERIAL, F_ENGINE, F_LAST, F_LAST_EVENT, F_CLIMAX, F_SUPPORT, F_UNIT, F_RALLY, F_RESISTANCE,
 F_PIERCED, F_LOWEST, F_LOWEST_PRICE, F_SPRING, F_SPRING_PRICE, F_STRENGTH, F_STRENGTH_HIGH,
 F_BACKED) = range(18)  # fmt: skip
FACTS = 18
"""Facts of the running schematic; F_UNIT is ``n`` mean true ranges before the climax."""

V_CLIMAX, V_LOWEST, V_SPRING, V_STRENGTH, V_LOWEST_RV = range(5)
VOLUMES = 5


@compiled
def _say(
    f: Ints, out: Ints, count: int, kind: int, direction: int, event: int, t: int, price: int, extra: int
) -> int:
    """Write a row that follows the schematic's last one; PS stands alone."""
    f[F_SERIAL] += 1
    no = f[F_SERIAL] * SERIES_OF_ROWS + f[F_ENGINE]
    alone = kind == PS or (kind == SC and extra == 0)
    ref, ref_event = (NONE, NONE) if alone else (f[F_LAST], f[F_LAST_EVENT])
    phase = PHASE_OF_STATE[f[F_STATE]]
    bits = phase if kind == SC else phase + 8 * extra
    put(out, count, kind, direction, event, t, price, NONE, NONE, ref, ref_event, bits, no)
    if kind != PS:
        f[F_LAST], f[F_LAST_EVENT] = no, event
    return count + 1


@compiled
def _begin(bars: Bars, i: int, t: int, f: Ints, v: Floats, out: Ints, count: int) -> int:
    again = UP if f[F_STATE] == A1 else ZERO
    f[F_STATE], f[F_CLIMAX], f[F_SUPPORT], f[F_UNIT] = A1, t, bars[0][2, i], bars[2][i]
    for field in range(F_RALLY, F_BACKED + 1):
        f[field] = 0
    f[F_PIERCED] = -1
    v[V_CLIMAX] = bars[1][i]
    return _say(f, out, count, SC, UP, t, t, bars[0][2, i], again)


@compiled
def _end(f: Ints, out: Ints, count: int, kind: int, t: int, close: int) -> int:
    f[F_STATE] = IDLE
    return _say(f, out, count, kind, DOWN, t, t, close, ZERO)


@compiled
def _abandoned(ticks: int, f: Ints, n: int, limit: float) -> bool:
    return bool(limit >= 0 and n * ticks > limit * f[F_UNIT])


@compiled
def _early(
    bars: Bars, i: int, t: int, base: int, counts: Ints, m: Floats, f: Ints, v: Floats, out: Ints, count: int
) -> int:
    """Bar rules of IDLE, A1, A2 and E."""
    ohlc, state, n = bars[0], f[F_STATE], counts[I_N]
    low, close = ohlc[2, i], ohlc[3, i]
    if state == A1:
        if low < f[F_SUPPORT] and heavy(bars, i, n, m[P_SC]):
            return _begin(bars, i, t, f, v, out, count)
        if _abandoned(f[F_SUPPORT] - close, f, n, m[P_ABANDON]):
            return _end(f, out, count, FAIL, t, close)
        return count
    if state == A2:
        far = max(f[F_SUPPORT] - close, close - f[F_RESISTANCE])
        return _end(f, out, count, FAIL, t, close) if _abandoned(far, f, n, m[P_ABANDON]) else count
    if state == E and m[P_ABANDON] < 0:
        return count
    if not downtrend(bars, i, base, counts, m):
        return count
    if climax(bars, i, base, counts, m):
        return _begin(bars, i, t, f, v, out, count)
    if state == IDLE and 2 * close >= ohlc[1, i] + low and heavy(bars, i, n, m[P_PS]):
        return _say(f, out, count, PS, UP, t, t, low, ZERO)
    return count


@compiled
def _spring_type(relative: float) -> int:
    """1 heavy (needs a test), 2 usual, 3 no supply; 0 where the usual volume is not known."""
    if relative < 0:
        return 0
    if relative > 1.5:
        return 1
    return 2 if relative >= 0.7 else 3


@compiled
def _undercut(
    bars: Bars, i: int, t: int, counts: Ints, m: Floats, f: Ints, v: Floats, out: Ints, count: int
) -> int:
    """Spring or failure while price has been below the support."""
    low, close, support, n = bars[0][2, i], bars[0][3, i], f[F_SUPPORT], counts[I_N]
    fresh = f[F_PIERCED] < 0
    if fresh and low >= support:
        return count
    if fresh:
        f[F_PIERCED] = t
    if fresh or low < f[F_LOWEST_PRICE]:
        f[F_LOWEST], f[F_LOWEST_PRICE], v[V_LOWEST] = t, low, bars[1][i]
        v[V_LOWEST_RV] = relative_volume(bars[1], i, n)
    if n * (support - f[F_LOWEST_PRICE]) > m[P_DEPTH] * f[F_UNIT]:
        return _end(f, out, count, SOW, t, close)
    if close > support:
        f[F_SPRING], f[F_SPRING_PRICE], v[V_SPRING] = f[F_LOWEST], f[F_LOWEST_PRICE], v[V_LOWEST]
        f[F_PIERCED], f[F_STATE] = -1, C
        kind_of_spring = _spring_type(v[V_LOWEST_RV])
        return _say(f, out, count, SPRING, UP, f[F_SPRING], t, f[F_SPRING_PRICE], kind_of_spring)
    if t - f[F_PIERCED] + 1 >= counts[I_WITHIN]:
        return _end(f, out, count, SOW, t, close)
    return count


@compiled
def _strength(
    bars: Bars, i: int, t: int, n: int, multiple: float, f: Ints, v: Floats, out: Ints, count: int
) -> int:
    opened, high, close = bars[0][0, i], bars[0][1, i], bars[0][3, i]
    if close <= f[F_RESISTANCE] or close <= opened or not heavy(bars, i, n, multiple):
        return count
    f[F_STATE], f[F_BACKED], f[F_STRENGTH], f[F_STRENGTH_HIGH] = D, 0, t, high
    v[V_STRENGTH] = bars[1][i]
    return _say(f, out, count, SOS, UP, t, t, high, ZERO)


@compiled
def _late(
    bars: Bars, i: int, t: int, counts: Ints, m: Floats, f: Ints, v: Floats, out: Ints, count: int
) -> int:
    """Bar rules of B and C."""
    high, close = bars[0][1, i], bars[0][3, i]
    if f[F_STATE] == B:
        count = _undercut(bars, i, t, counts, m, f, v, out, count)
    elif close < f[F_SPRING_PRICE]:
        return _end(f, out, count, SOW, t, close)
    if f[F_STATE] == IDLE:
        return count
    count = _strength(bars, i, t, counts[I_N], m[P_SOS], f, v, out, count)
    if f[F_STATE] == B and high > f[F_RESISTANCE] and close < f[F_RESISTANCE]:
        count = _say(f, out, count, UA, UP, t, t, high, ZERO)
    return count


@compiled
def _advance(ohlc: Ints, i: int, t: int, f: Ints, out: Ints, count: int) -> int:
    """Bar rules of D."""
    high, close = ohlc[1, i], ohlc[3, i]
    if 2 * close < f[F_SUPPORT] + f[F_RESISTANCE]:
        f[F_STATE], f[F_PIERCED] = B, -1
        return _say(f, out, count, FAIL, DOWN, t, t, close, ZERO)
    if f[F_BACKED] and close > f[F_STRENGTH_HIGH]:
        f[F_STATE] = E
        return _say(f, out, count, MARKUP, UP, t, t, close, ZERO)
    f[F_STRENGTH_HIGH] = max(f[F_STRENGTH_HIGH], high)
    return count


@compiled
def _swing_high(price: int, event: int, t: int, n: int, rally: float, f: Ints, out: Ints, count: int) -> int:
    rise = price - f[F_SUPPORT]
    if f[F_STATE] != A1 or event <= f[F_CLIMAX] or n * rise < rally * f[F_UNIT]:
        return count
    f[F_STATE], f[F_RALLY], f[F_RESISTANCE] = A2, event, price
    return _say(f, out, count, AR, UP, event, t, price, ZERO)


@compiled
def _swing_low(
    low: int, volume: float, event: int, t: int, n: int, f: Ints, v: Floats, out: Ints, count: int
) -> int:
    state, support, edges = f[F_STATE], f[F_SUPPORT], f[F_SUPPORT] + f[F_RESISTANCE]
    if state in (A2, B) and event > f[F_RALLY]:
        near = 2 * n * (support - low) <= f[F_UNIT] and 2 * low <= edges
        if near and volume < v[V_CLIMAX]:
            f[F_STATE] = B
            return _say(f, out, count, ST if state == A2 else ST_B, UP, event, t, low, ZERO)
    elif state == C and event > f[F_SPRING]:
        lower_third = 3 * (low - support) <= f[F_RESISTANCE] - support
        if low > f[F_SPRING_PRICE] and lower_third and volume < v[V_SPRING]:
            return _say(f, out, count, TEST, UP, event, t, low, ZERO)
    elif state == D and event > f[F_STRENGTH] and 2 * low >= edges and volume < v[V_STRENGTH]:
        f[F_BACKED] = 1
        near = 2 * n * abs(low - f[F_RESISTANCE]) <= f[F_UNIT]
        return _say(f, out, count, BU if near else LPS, UP, event, t, low, ZERO)
    return count


@compiled
def _bar_rules(
    bars: Bars, i: int, t: int, base: int, counts: Ints, m: Floats, f: Ints, v: Floats, out: Ints, count: int
) -> int:
    state = f[F_STATE]
    if state in (B, C):
        return _late(bars, i, t, counts, m, f, v, out, count)
    if state == D:
        return _advance(bars[0], i, t, f, out, count)
    return _early(bars, i, t, base, counts, m, f, v, out, count)


@compiled
def wyckoff_rows(
    bars: Bars, first: int, base: int, counts: Ints, multiples: Floats, f: Ints, v: Floats, out: Ints
) -> tuple[int, Ints]:
    """Rows of the bars from ``first`` on and the phase (0 to 5) after each; ``out`` has room for 4 a bar.

    Within a bar the rules that the bar itself decides go first, then the swings that its close confirms.
    """
    ohlc, volume, w, n = bars[0], bars[1], counts[I_W], counts[I_N]
    phases = np.empty(ohlc.shape[1] - first, np.int64)
    count = ZERO
    for i in range(first, ohlc.shape[1]):
        t, begun = base + i, count
        count = _bar_rules(bars, i, t, base, counts, multiples, f, v, out, count)
        if t >= 2 * w and f[F_STATE] != IDLE and f[F_STATE] != E:
            at = i - w
            if f[F_STATE] == A1 and peak(ohlc[1], at, w, w, UP, ZERO):
                count = _swing_high(ohlc[1, at], t - w, t, n, multiples[P_RALLY], f, out, count)
            if f[F_STATE] != A1 and peak(ohlc[2], at, w, w, DOWN, ZERO):
                count = _swing_low(ohlc[2, at], volume[at], t - w, t, n, f, v, out, count)
        if count - begun > 1:
            settle(out, begun, count)
        phases[i - first] = PHASE_OF_STATE[f[F_STATE]]
    return count, phases
