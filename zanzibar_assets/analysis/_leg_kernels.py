"""Compiled swings taken in, their zig-zag and the leg since a live one (imports numba).

The leg since a live swing (its far end, the last opposite bar before that) is only walked when the level
breaks or the block of bars ends; legs of a side do not overlap by more than a swing's right side. Side
0 holds swing highs and upward breaks, side 1 their mirror: prices times -1.
"""

from __future__ import annotations

from zanzibar_assets.analysis._event_kernels import ZERO, inlined, put
from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.kinds import CODES, NO, NONE, SERIES_OF_ROWS, STRUCTURE_ROWS, whole

SWING, SUPERSEDE = (whole(CODES[name]) for name in ("swing", "swing_supersede"))

(S_LIVE, S_PRICE, S_EVENT, S_NO, S_GAP, S_FAR, S_FAR_AT, S_FAR_LO, S_FAR_HI, S_OPP_AT, S_OPP_LO, S_OPP_HI,
 S_OB_AT, S_OB_LO, S_OB_HI, S_UPTO) = range(16)  # fmt: skip
SIDE_REGISTERS = 16
"""Of each side: the live swing; the last gap's event; the leg's far end and that bar's range; the last
opposite bar of the leg; the last opposite bar up to the far end; the bar walked up to."""

C_SERIAL, C_TREND, C_ZIG, C_ZIG_PRICE, C_ZIG_EVENT, C_ZIG_NO = range(6)
COMMON_REGISTERS = 6
"""Running number, trend, and the last point of the alternating zig-zag."""


@inlined
def number(common: Ints) -> int:
    common[C_SERIAL] += 1
    return int(common[C_SERIAL] * SERIES_OF_ROWS + STRUCTURE_ROWS)


@inlined
def _note(ohlc: Ints, base: int, at: int, sides: Ints, k: int, field: int) -> None:
    """Keep the index and range of a bar of the leg in three registers."""
    if at != sides[k, field]:
        sides[k, field], sides[k, field + 1], sides[k, field + 2] = at, ohlc[2, at - base], ohlc[1, at - base]


@inlined
def walk(ohlc: Ints, base: int, until: int, sides: Ints, k: int) -> None:
    """Walk the leg of a side on, up to the bar before series index ``until``.

    Whether a bar is opposite is a coin toss, so the loop keeps indices only, without a jump on them.
    """
    side, start, event = 1 - 2 * k, sides[k, S_UPTO] + 1, sides[k, S_EVENT]
    opposite, block, farthest = sides[k, S_OPP_AT], sides[k, S_OB_AT], sides[k, S_FAR_AT]
    far, gap = (sides[k, S_FAR] if farthest >= 0 else 2**62), sides[k, S_GAP]
    for at in range(start, until):
        j = at - base
        opposite = at if side * ohlc[3, j] < side * ohlc[0, j] else opposite
        edge = ohlc[2, j] if side > 0 else -ohlc[1, j]
        farther = at > event and edge < far
        far, farthest, block = (edge, at, opposite) if farther else (far, farthest, block)
        if at >= event + 2:
            gap = at - 1 if edge > (ohlc[1, j - 2] if side > 0 else -ohlc[2, j - 2]) else gap
    sides[k, S_FAR], sides[k, S_GAP], sides[k, S_UPTO] = far, gap, until - 1
    # The block is the last opposite bar of some time: either of this walk or noted before.
    if block != sides[k, S_OB_AT] and block == sides[k, S_OPP_AT]:
        sides[k, S_OB_AT], sides[k, S_OB_LO] = block, sides[k, S_OPP_LO]
        sides[k, S_OB_HI] = sides[k, S_OPP_HI]
    if block >= 0:
        _note(ohlc, base, block, sides, k, S_OB_AT)
    else:
        sides[k, S_OB_AT] = -1
    if opposite >= 0:
        _note(ohlc, base, opposite, sides, k, S_OPP_AT)
    if farthest >= 0:
        _note(ohlc, base, farthest, sides, k, S_FAR_AT)


@inlined
def take_swing(price: int, event: int, sides: Ints, k: int, no: int) -> None:
    """Make a confirmed swing the side's level; its leg begins at the swing bar."""
    sides[k, S_LIVE], sides[k, S_EVENT], sides[k, S_NO] = 1, event, no
    sides[k, S_PRICE], sides[k, S_UPTO] = price, event - 1
    sides[k, S_GAP] = sides[k, S_FAR_AT] = sides[k, S_OPP_AT] = sides[k, S_OB_AT] = -1


@inlined
def zigzag(out: Ints, count: int, common: Ints, side: int, price: int, event: int, t: int, no: int) -> int:
    """Follow the alternating points; a more extreme swing of the same side supersedes the last."""
    same = common[C_ZIG] == side
    if same and side * price <= side * common[C_ZIG_PRICE]:
        return count
    if same:
        put(
            out, count, SUPERSEDE, side, event, t, price, NONE, NONE,
            common[C_ZIG_NO], common[C_ZIG_EVENT], ZERO, number(common),
        )  # fmt: skip
        no = out[NO, count]
        count += 1
    common[C_ZIG], common[C_ZIG_PRICE], common[C_ZIG_EVENT], common[C_ZIG_NO] = side, price, event, no
    return count


@inlined
def confirm(
    ohlc: Ints, i: int, base: int, right: int, mark: int, sides: Ints, common: Ints, out: Ints, count: int
) -> int:
    """Swings that bar ``i`` confirms; ``mark`` 1 is a high, 2 a low, 3 both."""
    event = i - right
    # A bar that is both: first the side of the zig-zag's last point, so that the mirror agrees.
    body = ohlc[3, event] - ohlc[0, event]
    lead = common[C_ZIG] if common[C_ZIG] != 0 else (-1 if body > 0 else 1)
    known_order = common[C_ZIG] != 0 or body != 0 or mark != 3
    for turn in range(2):
        side = lead if turn == 0 else -lead
        if not mark & (1 if side > 0 else 2):
            continue
        price, no = ohlc[1, event] if side > 0 else ohlc[2, event], number(common)
        put(out, count, SWING, side, base + event, base + i, price, NONE, NONE, NONE, NONE, ZERO, no)
        take_swing(side * price, base + event, sides, 0 if side > 0 else 1, no)
        count += 1
        if known_order:
            count = zigzag(out, count, common, side, price, base + event, base + i, no)
    return count
