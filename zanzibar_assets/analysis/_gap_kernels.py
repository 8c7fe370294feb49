"""Compiled life of fair value gaps (imports numba: import it where it is used).

Gaps of one side wait on four stacks: untouched, middle not reached, not filled, not inverted. A new
bullish gap lies above every older gap that still waits for the same thing, except perhaps the gap of
the bar before: older ones have kept price above their edge since, the new one's lower edge being a
high of that time. So the stacks stay ordered by themselves, each bar looks at their tops alone, and
a gap costs the same however many are open.
"""

from __future__ import annotations

from zanzibar_assets.analysis._event_kernels import (
    DOWN,
    UP,
    ZERO,
    compiled,
    grown,
    inlined,
    put,
    range_sum,
    settle,
)
from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.kinds import ACROSS, CODES, GAP_ROWS, NONE, SERIES_OF_ROWS, whole

FVG, EXTEND = (whole(CODES[name]) for name in ("fvg", "fvg_extend"))
TOUCH, CE, FILL, INVERT = (whole(CODES[name]) for name in ("fvg_touch", "fvg_ce", "fvg_fill", "fvg_invert"))

G_LO, G_HI, G_EVENT, G_NO = range(4)
GAP_FIELDS = 4
"""Fields of the gap table."""
IDS = 8
"""Rows 0 to 7 of the stacks hold twice the mirrored price that ends a wait, rows 8 to 15 its gap."""

R_SERIAL, R_GAPS, R_CHAIN, R_CHAIN_LO, R_CHAIN_HI, R_CHAIN_EVENT, R_CHAIN_NO, R_CHAIN_END, R_CHAIN_FILLED = (
    range(9)
)
GAP_REGISTERS = 9
"""Registers: running number, gaps in the table, and the chain that now grows (its side, 0 for none)."""


@inlined
def _trigger(lo: int, hi: int, stage: int, side: int) -> int:
    """Twice the mirrored price that ends the wait of a gap at a stage."""
    near, far = (hi, lo) if side > 0 else (-lo, -hi)
    if stage == 0:
        return 2 * near
    return near + far if stage == 1 else 2 * far


@inlined
def _wait(stacks: Ints, sizes: Ints, row: int, trigger: int, gap: int) -> None:
    """Put a gap on a stack; at most the gap of the bar before moves up over it."""
    at = sizes[row]
    while at > 0 and stacks[row, at - 1] > trigger:
        stacks[row, at], stacks[IDS + row, at] = stacks[row, at - 1], stacks[IDS + row, at - 1]
        at -= 1
    stacks[row, at], stacks[IDS + row, at] = trigger, gap
    sizes[row] += 1


@inlined
def _next(stacks: Ints, sizes: Ints, first: int, until: int) -> int:
    """Highest trigger on top of the stacks from ``first`` to ``until``."""
    found = NONE
    for row in range(first, until):
        if sizes[row] > 0:
            found = max(found, stacks[row, sizes[row] - 1])
    return found


@inlined
def _stage_kind(stage: int) -> int:
    if stage == 0:
        return TOUCH
    if stage == 1:
        return CE
    return FILL if stage == 2 else INVERT


@inlined
def _life(
    out: Ints, count: int, gaps: Ints, stacks: Ints, sizes: Ints, registers: Ints,
    side: int, reach: int, settled: int, t: int,
) -> int:  # fmt: skip
    """Rows of the waits that a bar ends; ``reach`` and ``settled`` are its mirrored extreme and close."""
    for stage in range(4):
        row = stage if side > 0 else 4 + stage
        limit = 2 * settled + 1 if stage == 3 else 2 * reach
        while sizes[row] > 0 and stacks[row, sizes[row] - 1] >= limit:
            sizes[row] -= 1
            gap = stacks[IDS + row, sizes[row]]
            put(
                out, count, _stage_kind(stage), -side if stage == 3 else side, t, t, NONE,
                gaps[G_LO, gap], gaps[G_HI, gap], gaps[G_NO, gap], gaps[G_EVENT, gap], ZERO,
                _number(registers),
            )  # fmt: skip
            count += 1
    return count


@inlined
def _number(registers: Ints) -> int:
    registers[R_SERIAL] += 1
    return int(registers[R_SERIAL] * SERIES_OF_ROWS + GAP_ROWS)


@inlined
def _wide_enough(ohlc: Ints, i: int, base: int, height: int, n: int, min_ticks: int, min_atr: float) -> bool:
    if height < min_ticks:
        return False
    if min_atr <= 0:
        return True
    total = range_sum(ohlc, i, base, n)
    return bool(total >= 0 and height >= min_atr * (total / n))


@inlined
def _follow_chain(registers: Ints, high: int, low: int) -> None:
    """Note that a bar fills the first gap of the chain."""
    side, lo, hi = registers[R_CHAIN], registers[R_CHAIN_LO], registers[R_CHAIN_HI]
    if (side > 0 and low <= lo) or (side < 0 and high >= hi):
        registers[R_CHAIN_FILLED] = 1


@inlined
def _chain(out: Ints, count: int, registers: Ints, side: int, lo: int, hi: int, t: int, no: int) -> int:
    """Row that joins a gap to the unfilled gap one bar earlier; else the gap begins a chain."""
    follows = registers[R_CHAIN] == side and registers[R_CHAIN_END] == t - 1
    registers[R_CHAIN_END] = t
    if follows and not registers[R_CHAIN_FILLED]:
        put(
            out, count, EXTEND, side, t - 1, t, NONE,
            min(lo, registers[R_CHAIN_LO]), max(hi, registers[R_CHAIN_HI]),
            registers[R_CHAIN_NO], registers[R_CHAIN_EVENT], ZERO, _number(registers),
        )  # fmt: skip
        return count + 1
    registers[R_CHAIN], registers[R_CHAIN_FILLED] = side, 0
    registers[R_CHAIN_LO], registers[R_CHAIN_HI] = lo, hi
    registers[R_CHAIN_EVENT], registers[R_CHAIN_NO] = t - 1, no
    return count


@inlined
def _open(
    out: Ints, count: int, gaps: Ints, stacks: Ints, sizes: Ints, registers: Ints,
    side: int, lo: int, hi: int, t: int, across: int,
) -> int:  # fmt: skip
    """Write a gap that bar ``t`` completes and let it wait."""
    gap, no = registers[R_GAPS], _number(registers)
    gaps[G_LO, gap], gaps[G_HI, gap], gaps[G_EVENT, gap], gaps[G_NO, gap] = lo, hi, t - 1, no
    registers[R_GAPS] += 1
    put(out, count, FVG, side, t - 1, t, NONE, lo, hi, NONE, NONE, across, no)
    first = 0 if side > 0 else 4
    for stage in range(4):
        _wait(stacks, sizes, first + stage, _trigger(lo, hi, stage, side), gap)
    return _chain(out, count + 1, registers, side, lo, hi, t, no)


@inlined
def _bar(
    ohlc: Ints, across: int, i: int, t: int, base: int, n: int, min_ticks: int, min_atr: float, live: bool,
    registers: Ints, gaps: Ints, stacks: Ints, sizes: Ints, out: Ints, count: int,
) -> int:  # fmt: skip
    """Rows of a bar on which something happens; ``out`` has room for them."""
    high, low, close, begun = ohlc[1, i], ohlc[2, i], ohlc[3, i], count
    if live:
        count = _life(out, count, gaps, stacks, sizes, registers, UP, low, close, t)
        count = _life(out, count, gaps, stacks, sizes, registers, DOWN, -high, -close, t)
    _follow_chain(registers, high, low)
    up, down = (low - ohlc[1, i - 2], ohlc[2, i - 2] - high) if t >= 2 else (ZERO, ZERO)
    height = max(up, down)
    if height > 0 and _wide_enough(ohlc, i, base, height, n, min_ticks, min_atr):
        side, lo, hi = (1, ohlc[1, i - 2], low) if up > 0 else (-1, high, ohlc[2, i - 2])
        count = _open(out, count, gaps, stacks, sizes, registers, side, lo, hi, t, across)
    if count - begun > 1:
        settle(out, begun, count)
    return count


@inlined
def _waiting(sizes: Ints) -> int:
    total = 0
    for row in range(8):
        total += sizes[row]
    return total


@compiled
def _run(
    ohlc: Ints, sessions: Ints, start: int, base: int, n: int, min_ticks: int, min_atr: float,
    registers: Ints, gaps: Ints, stacks: Ints, sizes: Ints, out: Ints, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Bars from ``start`` on while there is room: gives the next bar and the rows written."""
    high, low, close = ohlc[1], ohlc[2], ohlc[3]
    up, up_close = _next(stacks, sizes, 0, 3), _next(stacks, sizes, 3, 4)
    down, down_close = _next(stacks, sizes, 4, 7), _next(stacks, sizes, 7, 8)
    for i in range(start, len(high)):
        t = base + i
        live = (
            up >= 2 * low[i] or down >= -2 * high[i] or up_close > 2 * close[i] or down_close > -2 * close[i]
        )
        gap = t >= 2 and (low[i] > high[i - 2] or high[i] < low[i - 2])
        if not (live or gap):
            continue
        if count + 2 + (_waiting(sizes) if live else 0) > out.shape[1]:
            return i, count
        across = ACROSS if gap and sessions[i - 2] != sessions[i] else 0
        count = _bar(
            ohlc, across, i, t, base, n, min_ticks, min_atr, live, registers, gaps, stacks, sizes, out, count
        )  # fmt: skip
        up, up_close = _next(stacks, sizes, 0, 3), _next(stacks, sizes, 3, 4)
        down, down_close = _next(stacks, sizes, 4, 7), _next(stacks, sizes, 7, 8)
    return len(high), count


@compiled
def gap_rows(
    ohlc: Ints, sessions: Ints, first: int, base: int, n: int, min_ticks: int, min_atr: float,
    registers: Ints, gaps: Ints, stacks: Ints, sizes: Ints, out: Ints,
) -> tuple[Ints, int]:  # fmt: skip
    """Rows of gaps and their life on the bars from ``first`` on; the state arrays change in place.

    ``gaps`` and ``stacks`` have room for a gap a bar. Most bars change nothing, which four comparisons
    with what waits on top tell.
    """
    i, count = first, ZERO
    while True:
        i, count = _run(
            ohlc, sessions, i, base, n, min_ticks, min_atr, registers, gaps, stacks, sizes, out, count
        )  # fmt: skip
        if i >= ohlc.shape[1]:
            break
        out = grown(out, count, count + 2 + _waiting(sizes))
    return out, count
