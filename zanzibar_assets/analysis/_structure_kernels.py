"""Compiled swings, breaks of structure and order blocks (imports numba: import it where it is used).

Linear in the bars: swings are marked first; then each bar is compared with the two live levels and the
tops of four heaps of blocks. Side 0 holds swing highs and upward breaks, side 1 their mirror.
"""

from __future__ import annotations

from typing import NamedTuple

from zanzibar_assets.analysis._event_kernels import (
    ZERO,
    compiled,
    drop_top,
    grown,
    inlined,
    put,
    range_sum,
    settle,
    sift_up,
    widened,
)
from zanzibar_assets.analysis._leg_kernels import (
    C_TREND,
    S_EVENT,
    S_FAR_AT,
    S_FAR_HI,
    S_FAR_LO,
    S_GAP,
    S_LIVE,
    S_NO,
    S_OB_AT,
    S_OB_HI,
    S_OB_LO,
    S_PRICE,
    confirm,
    number,
    walk,
)
from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis._swing_kernels import Marks
from zanzibar_assets.analysis.kinds import (
    AMBIGUOUS,
    CODES,
    DISPLACEMENT,
    EXTRA,
    FALLBACK,
    GAP_IN_LEG,
    INITIAL,
    MSS,
    NO,
    NONE,
    whole,
)

BOS, CHOCH = (whole(CODES[name]) for name in ("bos", "choch"))
OB, MITIGATED, BREAKER = (whole(CODES[name]) for name in ("ob", "ob_mitigated", "breaker"))

B_KEY, B_LO, B_HI, B_EVENT, B_NO = range(5)
BLOCK_FIELDS = 5
ROWS_OF_BAR = 8
"""Most rows of one bar, the ends of blocks not counted."""


class Rules(NamedTuple):
    """Bars on each side of a swing; breaks by wick; ATR bars, body of a displacement; blocks or none."""

    left: int
    right: int
    wick: bool
    n: int
    body_atr: float
    blocks: bool


@inlined
def _block_life(
    heaps: Ints, sizes: Ints, out: Ints, count: int, common: Ints, k: int, limit: int, t: int
) -> int:
    """Blocks of heap ``k`` (mitigations and breakers of each side) whose edge a bar reaches."""
    side, stage = 1 if k < 2 else -1, k % 2
    while sizes[k] > 0 and heaps[k, B_KEY, 0] <= limit:
        kind, direction = (MITIGATED, side) if stage == 0 else (BREAKER, -side)
        put(
            out, count, kind, direction, t, t, NONE, heaps[k, B_LO, 0], heaps[k, B_HI, 0],
            heaps[k, B_NO, 0], heaps[k, B_EVENT, 0], ZERO, number(common),
        )  # fmt: skip
        count += 1
        sizes[k] = drop_top(heaps, k, sizes[k])
    return count


@inlined
def _reach(k: int, high: int, low: int, close: int) -> int:
    """Largest key of heap ``k`` that a bar ends: keys are mirrored edges times -1."""
    if k == 0:
        return -low
    if k == 1:
        return -close - 1
    return high if k == 2 else close - 1


@inlined
def _add_block(
    sides: Ints, out: Ints, count: int, common: Ints, heaps: Ints, sizes: Ints, side: int, t: int,
    broken: int, flags: int,
) -> int:  # fmt: skip
    """Order block of the break just written; ``broken`` is that row's number."""
    own = 0 if side > 0 else 1
    found = sides[own, S_OB_AT] >= 0
    at = sides[own, S_OB_AT if found else S_FAR_AT]
    lo, hi = sides[own, S_OB_LO if found else S_FAR_LO], sides[own, S_OB_HI if found else S_FAR_HI]
    no = number(common)
    put(out, count, OB, side, at, t, NONE, lo, hi, broken, t, flags | (0 if found else FALLBACK), no)
    near, far = (hi, lo) if side > 0 else (-lo, -hi)
    for stage in range(2):
        k = 2 * own + stage
        size = sizes[k]
        heaps[k, B_KEY, size] = -near if stage == 0 else -far
        heaps[k, B_LO, size], heaps[k, B_HI, size] = lo, hi
        heaps[k, B_EVENT, size], heaps[k, B_NO, size] = at, no
        sift_up(heaps, k, size)
        sizes[k] += 1
    return count + 1


@inlined
def _spend(
    ohlc: Ints, i: int, base: int, side: int, flags: int, sides: Ints, common: Ints, out: Ints, count: int,
    rules: Rules,
) -> int:  # fmt: skip
    """Row of a break; the swing is spent and the trend is the break's."""
    t, k = base + i, 0 if side > 0 else 1
    walk(ohlc, base, t, sides, k)
    total = range_sum(ohlc, i, base, rules.n)
    gap = (
        t - 1
        if (ohlc[2, i] > ohlc[1, i - 2] if side > 0 else ohlc[1, i] < ohlc[2, i - 2])
        else sides[k, S_GAP]
    )
    choch = common[C_TREND] == -side
    if common[C_TREND] == 0:
        flags |= INITIAL
    body = side * (ohlc[3, i] - ohlc[0, i])
    if total > 0 and body > 0 and rules.n * body >= rules.body_atr * total:
        flags |= DISPLACEMENT
    if gap > sides[k, S_FAR_AT]:
        flags |= GAP_IN_LEG
        if choch and flags & DISPLACEMENT:
            flags |= MSS
    put(
        out, count, CHOCH if choch else BOS, side, t, t, side * sides[k, S_PRICE], NONE, NONE,
        sides[k, S_NO], sides[k, S_EVENT], flags, number(common),
    )  # fmt: skip
    sides[k, S_LIVE], common[C_TREND] = 0, side
    return count + 1


@inlined
def _breaks(
    ohlc: Ints, i: int, base: int, up: bool, down: bool, sides: Ints, common: Ints, out: Ints, count: int,
    rules: Rules, heaps: Ints, sizes: Ints,
) -> int:  # fmt: skip
    """Rows of the breaks on bar ``i``, and their order blocks.

    Where a bar breaks both sides the level nearer to the open goes first; at equal distance both are
    judged against the trend before the bar, and the trend afterwards is the bar's own direction.
    """
    flags = AMBIGUOUS if up and down else 0
    above, below = abs(ohlc[0, i] - sides[0, S_PRICE]), abs(ohlc[0, i] + sides[1, S_PRICE])
    tied, trend = up and down and above == below, common[C_TREND]
    lead = 1 if above <= below or not down else -1
    for turn in range(2):
        side = lead if turn == 0 else -lead
        if not (up if side > 0 else down):
            continue
        if tied:
            common[C_TREND] = trend
        count = _spend(ohlc, i, base, side, flags, sides, common, out, count, rules)
        if not rules.blocks:
            continue
        leg = out[EXTRA, count - 1] & GAP_IN_LEG
        count = _add_block(
            sides, out, count, common, heaps, sizes, side, base + i, out[NO, count - 1], leg
        )  # fmt: skip
    if tied:
        body = ohlc[3, i] - ohlc[0, i]
        common[C_TREND] = trend if body == 0 else (1 if body > 0 else -1)
    return count


@inlined
def _bar(
    ohlc: Ints, i: int, base: int, up: bool, down: bool, mark: int, rules: Rules,
    sides: Ints, common: Ints, heaps: Ints, sizes: Ints, out: Ints, count: int,
) -> int:  # fmt: skip
    """Rows of a bar on which something happens; ``out`` has room for them."""
    begun = count
    for k in range(4 if rules.blocks else 0):
        limit = _reach(k, ohlc[1, i], ohlc[2, i], ohlc[3, i])
        if sizes[k] > 0 and heaps[k, B_KEY, 0] <= limit:
            count = _block_life(heaps, sizes, out, count, common, k, limit, base + i)
    if up or down:
        count = _breaks(
            ohlc, i, base, up, down, sides, common, out, count, rules, heaps, sizes
        )  # fmt: skip
    if mark:
        count = confirm(ohlc, i, base, rules.right, mark, sides, common, out, count)
    if count - begun > 1:
        settle(out, begun, count)
    return count


@inlined
def _tops(heaps: Ints, sizes: Ints) -> tuple[int, int, int, int]:
    """Keys on top of the four heaps; what no bar reaches where a heap is empty."""
    never = 2**62
    return (
        heaps[0, B_KEY, 0] if sizes[0] > 0 else never,
        heaps[1, B_KEY, 0] if sizes[1] > 0 else never,
        heaps[2, B_KEY, 0] if sizes[2] > 0 else never,
        heaps[3, B_KEY, 0] if sizes[3] > 0 else never,
    )


@compiled
def _run(
    ohlc: Ints, marks: Marks, first: int, start: int, base: int, rules: Rules,
    sides: Ints, common: Ints, heaps: Ints, sizes: Ints, out: Ints, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Bars from ``start`` on while there is room: gives the next bar and the rows written."""
    never, live = 2**62, sizes[0] + sizes[1] + sizes[2] + sizes[3]
    high, low, close = ohlc[1], ohlc[2], ohlc[3]
    above, below = (high, low) if rules.wick else (close, close)
    level_up = sides[0, S_PRICE] if sides[0, S_LIVE] else never
    level_down = sides[1, S_PRICE] if sides[1, S_LIVE] else never
    near_up, far_up, near_down, far_down = _tops(heaps, sizes)
    for i in range(start, len(high)):
        up, down = above[i] > level_up, -below[i] > level_down
        lived = near_up <= -low[i] or far_up < -close[i] or near_down <= high[i] or far_down < close[i]
        if not (up or down or lived or marks[i - first]):
            continue
        if live >= heaps.shape[2] or count + live + ROWS_OF_BAR > out.shape[1]:
            return i, count
        count = _bar(
            ohlc, i, base, up, down, marks[i - first], rules,
            sides, common, heaps, sizes, out, count,
        )  # fmt: skip
        live = sizes[0] + sizes[1] + sizes[2] + sizes[3]
        level_up = sides[0, S_PRICE] if sides[0, S_LIVE] else never
        level_down = sides[1, S_PRICE] if sides[1, S_LIVE] else never
        near_up, far_up, near_down, far_down = _tops(heaps, sizes)
    return len(high), count


@compiled
def structure_rows(
    ohlc: Ints, marks: Marks, first: int, base: int, rules: Rules,
    sides: Ints, common: Ints, heaps: Ints, sizes: Ints, out: Ints,
) -> tuple[Ints, int, Ints]:  # fmt: skip
    """Rows of swings, breaks and order blocks on the bars from ``first`` on, of which ``marks`` tell the
    swings; gives the heaps anew.

    Arrays grow between runs: inside the loop they stay what they are, which spares counting references.
    """
    i, count = first, ZERO
    while True:
        i, count = _run(
            ohlc, marks, first, i, base, rules, sides, common, heaps, sizes, out, count
        )  # fmt: skip
        if i >= ohlc.shape[1]:
            break
        live = sizes.sum()
        if live >= heaps.shape[2]:
            heaps = widened(heaps, heaps.shape[2])
        if count + live + ROWS_OF_BAR > out.shape[1]:
            out = grown(out, count, count + live + ROWS_OF_BAR)
    for k in range(2):
        if sides[k, S_LIVE]:
            walk(ohlc, base, base + ohlc.shape[1], sides, k)
    return out, count, heaps
