"""Compiled place of price in the dealing range (imports numba: import it where it is used)."""

from __future__ import annotations

from zanzibar_assets.analysis._event_kernels import ZERO, compiled, put, settle
from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.kinds import (
    CODES,
    DIR,
    EVENT,
    KIND,
    KNOWN,
    LEVEL,
    NO,
    NONE,
    RANGE_ROWS,
    SERIES_OF_ROWS,
    whole,
)

SWING, OTE = (whole(CODES[name]) for name in ("swing", "ote"))
PREMIUM, EQUILIBRIUM, DISCOUNT = (whole(CODES[name]) for name in ("premium", "equilibrium", "discount"))

R_SERIAL, R_ZONE, R_OTE, R_HIGH, R_HIGH_EVENT, R_HIGH_NO, R_LOW, R_LOW_EVENT, R_LOW_NO = range(9)
RANGE_REGISTERS = 9
"""Running number, zone and OTE side of the last bar, the last confirmed swing of each side."""

OTE_NEAR, OTE_FAR, WHOLE_LEG = 618, 786, 1_000


@compiled
def _zone(above: int, height: int, e: float) -> int:
    """Zone of a close ``above`` the low of a range."""
    if 2 * above > (1 + 2 * e) * height:
        return PREMIUM
    return DISCOUNT if 2 * above < (1 - 2 * e) * height else EQUILIBRIUM


@compiled
def _ote(above: int, height: int, registers: Ints) -> int:
    """+1 in the buying zone of an up-leg, -1 in the selling zone of a down-leg, else 0."""
    leg = registers[R_HIGH_EVENT] - registers[R_LOW_EVENT]
    if leg == 0:
        return 0
    back = height - above if leg > 0 else above
    inside = OTE_NEAR * height <= WHOLE_LEG * back <= OTE_FAR * height
    return (1 if leg > 0 else -1) if inside else 0


@compiled
def _write(registers: Ints, out: Ints, count: int, kind: int, direction: int, t: int, close: int) -> int:
    newer = R_HIGH if registers[R_HIGH_EVENT] > registers[R_LOW_EVENT] else R_LOW
    one_bar = registers[R_HIGH_EVENT] == registers[R_LOW_EVENT]
    ref, ref_event = (NONE, NONE) if one_bar else (registers[newer + 2], registers[newer + 1])
    registers[R_SERIAL] += 1
    put(
        out, count, kind, direction, t, t, close, registers[R_LOW], registers[R_HIGH],
        ref, ref_event, 0, registers[R_SERIAL] * SERIES_OF_ROWS + RANGE_ROWS,
    )  # fmt: skip
    return count + 1


@compiled
def _judge(close: int, t: int, e: float, registers: Ints, out: Ints, count: int) -> int:
    """Rows of a bar whose close stands elsewhere in the range than the last one's."""
    height, above = registers[R_HIGH] - registers[R_LOW], close - registers[R_LOW]
    if registers[R_HIGH_NO] == NONE or registers[R_LOW_NO] == NONE or height <= 0:
        return count
    zone, side = _zone(above, height, e), _ote(above, height, registers)
    if zone != registers[R_ZONE]:
        direction = 0 if zone == EQUILIBRIUM else (1 if zone == DISCOUNT else -1)
        count = _write(registers, out, count, zone, direction, t, close)
    if side != 0 and side != registers[R_OTE]:
        count = _write(registers, out, count, OTE, side, t, close)
    registers[R_ZONE], registers[R_OTE] = zone, side
    return count


@compiled
def range_rows(ohlc: Ints, first: int, base: int, e: float, points: Ints, registers: Ints, out: Ints) -> int:
    """Rows on the bars from ``first`` on; ``out`` has room for two a bar, ``points`` confirm swings there."""
    count, at = ZERO, 0
    for i in range(first, ohlc.shape[1]):
        t, begun = base + i, count
        count = _judge(ohlc[3, i], t, e, registers, out, count)
        if count - begun > 1:
            settle(out, begun, count)
        while at < points.shape[1] and points[KNOWN, at] <= t:
            if points[KIND, at] == SWING:
                side = R_HIGH if points[DIR, at] > 0 else R_LOW
                registers[side], registers[side + 1] = points[LEVEL, at], points[EVENT, at]
                registers[side + 2] = points[NO, at]
            at += 1
    return count
