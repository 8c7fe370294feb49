"""Compiled liquidity pools and sweeps of levels (imports numba: import it where it is used).

Untouched swings of a side lie in a stack by price of their own accord: a new swing high is not above
an older one that price has not passed since. So the members a bar passes are on top, groups end in
stack order, and the oldest group near enough to a swing is found by bisection.
"""

from __future__ import annotations

from zanzibar_assets.analysis._event_kernels import (
    ZERO,
    compiled,
    drop_top,
    grown,
    put,
    range_sum,
    settle,
    sift_up,
    widened,
)
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
    POOL_ROWS,
    REF,
    SERIES_OF_ROWS,
    SWEEP_ROWS,
    whole,
)

SWING, POOL, TAKEN = (whole(CODES[name]) for name in ("swing", "pool", "pool_taken"))
SWEPT, ACCEPTED = (whole(CODES[name]) for name in ("level_sweep", "level_accept"))

M_PRICE, M_GROUP = range(2)
MEMBER_FIELDS = 2
G_FIRST, G_ALIVE, G_POOL, G_EVENT, G_COUNT = range(5)
GROUP_FIELDS = 5
"""Of a group: mirrored price of its first member, members alive, its last pool row's number, event and n."""

W_KEY, W_AGE, W_PRICE, W_EVENT, W_KIND, W_REF = range(6)
WAITING_FIELDS = 6
"""Of an armed level: penetrating price, minus its row's number, price, event, kind, the row it replaces."""

O_PRICE, O_NO, O_EVENT, O_KIND, O_SINCE, O_EXTREME = range(6)
OPEN_FIELDS = 6


@compiled
def _number(serial: Ints, engine: int) -> int:
    serial[0] += 1
    return int(serial[0] * SERIES_OF_ROWS + engine)


@compiled
def _pass_members(
    members: Ints, groups: Ints, sizes: Ints, row: int, reach: int, side: int, t: int, serial: Ints,
    out: Ints, count: int,
) -> tuple[Ints, int]:  # fmt: skip
    """Drop the members a bar trades through; a group that loses its first is gone, its pool taken."""
    while sizes[row, 0] > 0 and members[row, M_PRICE, sizes[row, 0] - 1] < reach:
        sizes[row, 0] -= 1
        group = members[row, M_GROUP, sizes[row, 0]]
        groups[row, G_ALIVE, group] -= 1
        if groups[row, G_ALIVE, group] > 0:
            continue
        sizes[row, 1] -= 1
        if groups[row, G_POOL, group] == NONE:
            continue
        if count + 1 > out.shape[1]:
            out = grown(out, count, count + 1)
        put(
            out, count, TAKEN, side, t, t, side * groups[row, G_FIRST, group], NONE, NONE,
            groups[row, G_POOL, group], groups[row, G_EVENT, group], groups[row, G_COUNT, group],
            _number(serial, POOL_ROWS),
        )  # fmt: skip
        count += 1
    return out, count


@compiled
def _oldest_near(groups: Ints, row: int, size: int, price: int, tolerance: float) -> int:
    """First group whose first member is within the tolerance; ``size`` when there is none."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if groups[row, G_FIRST, middle] - price <= tolerance:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _join(
    members: Ints, groups: Ints, sizes: Ints, row: int, side: int, level: int, event: int, t: int,
    tolerance: float, serial: Ints, out: Ints, count: int,
) -> int:  # fmt: skip
    """Take a confirmed swing in; writes the pool that it forms or widens."""
    price = side * level
    group = _oldest_near(groups, row, sizes[row, 1], price, tolerance)
    if group == sizes[row, 1]:
        groups[row, G_FIRST, group], groups[row, G_ALIVE, group], groups[row, G_POOL, group] = price, 0, NONE
        groups[row, G_EVENT, group] = NONE
        sizes[row, 1] += 1
    at = sizes[row, 0]
    members[row, M_PRICE, at], members[row, M_GROUP, at] = price, group
    sizes[row, 0] += 1
    groups[row, G_ALIVE, group] += 1
    if groups[row, G_ALIVE, group] < 2:
        return count
    no, alive = _number(serial, POOL_ROWS), groups[row, G_ALIVE, group]
    put(
        out, count, POOL, side, event, t, side * groups[row, G_FIRST, group], NONE, NONE,
        groups[row, G_POOL, group], groups[row, G_EVENT, group], alive, no,
    )  # fmt: skip
    groups[row, G_POOL, group], groups[row, G_EVENT, group], groups[row, G_COUNT, group] = no, event, alive
    return count + 1


@compiled
def _tolerance(ohlc: Ints, i: int, base: int, n: int, tol_ticks: int, tol_atr: float) -> float:
    total = range_sum(ohlc, i, base, n) if tol_atr > 0 else -1
    return float(tol_ticks) if total < 0 else max(float(tol_ticks), tol_atr * (total / n))


@compiled
def pool_rows(
    ohlc: Ints, first: int, base: int, n: int, tol_ticks: int, tol_atr: float, points: Ints,
    members: Ints, groups: Ints, sizes: Ints, serial: Ints, out: Ints,
) -> tuple[Ints, int]:  # fmt: skip
    """Rows of pools on the bars from ``first`` on; ``points`` are the rows that confirm swings there."""
    count, nextp = ZERO, 0
    tolerance = float(tol_ticks)
    for i in range(first, ohlc.shape[1]):
        t, begun = base + i, count
        for row in range(2):
            reach = ohlc[1, i] if row == 0 else -ohlc[2, i]
            if sizes[row, 0] > 0 and members[row, M_PRICE, sizes[row, 0] - 1] < reach:
                out, count = _pass_members(
                    members, groups, sizes, row, reach, 1 - 2 * row, t, serial, out, count
                )  # fmt: skip
        if nextp < points.shape[1] and points[KNOWN, nextp] <= t:
            tolerance = _tolerance(ohlc, i, base, n, tol_ticks, tol_atr)
        while nextp < points.shape[1] and points[KNOWN, nextp] <= t:
            if count + 1 > out.shape[1]:
                out = grown(out, count, count + 1)
            if points[KIND, nextp] == SWING:
                side = points[DIR, nextp]
                count = _join(
                    members, groups, sizes, 0 if side > 0 else 1, side, points[LEVEL, nextp],
                    points[EVENT, nextp], t, tolerance, serial, out, count,
                )  # fmt: skip
            nextp += 1
        if count - begun > 1:
            settle(out, begun, count)
    return out, count


@compiled
def _arm(waiting: Ints, sizes: Ints, levels: Ints, k: int, min_pen: int) -> None:
    side = levels[DIR, k]
    row = 0 if side > 0 else 1
    at, price = sizes[row], side * levels[LEVEL, k]
    waiting[row, W_KEY, at], waiting[row, W_AGE, at] = price + min_pen, -levels[NO, k]
    waiting[row, W_PRICE, at], waiting[row, W_EVENT, at] = price, levels[EVENT, k]
    waiting[row, W_KIND, at], waiting[row, W_REF, at] = levels[KIND, k], levels[REF, k]
    sift_up(waiting, row, at)
    sizes[row] += 1


@compiled
def _penetrate(waiting: Ints, sizes: Ints, opened: Ints, row: int, reach: int, t: int) -> Ints:
    """Move the levels that a bar penetrates to the open ones; a pool replaces the smaller one it grew from.

    Both stand at one price, so both are here on one bar, the later before the earlier.
    """
    replaced = NONE
    while sizes[row] > 0 and waiting[row, W_KEY, 0] <= reach:
        no, kind = -waiting[row, W_AGE, 0], waiting[row, W_KIND, 0]
        if kind != POOL or no != replaced:
            at = sizes[2 + row]
            if at >= opened.shape[2]:
                opened = widened(opened, at)
            opened[row, O_PRICE, at], opened[row, O_NO, at] = waiting[row, W_PRICE, 0], no
            opened[row, O_EVENT, at], opened[row, O_KIND, at] = waiting[row, W_EVENT, 0], kind
            opened[row, O_SINCE, at], opened[row, O_EXTREME, at] = t, reach
            sizes[2 + row] += 1
        if kind == POOL:
            replaced = waiting[row, W_REF, 0]
        sizes[row] = drop_top(waiting, row, sizes[row])
    return opened


@compiled
def _outcomes(
    opened: Ints, sizes: Ints, row: int, reach: int, settled: int, within: int, t: int, serial: Ints,
    out: Ints, count: int,
) -> tuple[Ints, int]:  # fmt: skip
    """Sweeps and acceptances of the penetrated levels that bar ``t`` decides."""
    side, kept = 1 - 2 * row, 0
    for k in range(sizes[2 + row]):
        opened[row, O_EXTREME, k] = max(opened[row, O_EXTREME, k], reach)
        swept = settled < opened[row, O_PRICE, k]
        if not swept and t - opened[row, O_SINCE, k] + 1 < within:
            for field in range(OPEN_FIELDS):
                opened[row, field, kept] = opened[row, field, k]
            kept += 1
            continue
        if count + 1 > out.shape[1]:
            out = grown(out, count, count + 1)
        level, extreme = side * opened[row, O_PRICE, k], side * opened[row, O_EXTREME, k]
        known = (opened[row, O_NO, k], opened[row, O_EVENT, k], opened[row, O_KIND, k])
        kind, direction = (SWEPT, -side) if swept else (ACCEPTED, side)
        put(
            out, count, kind, direction, opened[row, O_SINCE, k], t, level, min(level, extreme),
            max(level, extreme), known[0], known[1], known[2], _number(serial, SWEEP_ROWS),
        )  # fmt: skip
        count += 1
    sizes[2 + row] = kept
    return out, count


@compiled
def sweep_rows(
    ohlc: Ints, first: int, base: int, min_pen: int, within: int, levels: Ints,
    waiting: Ints, opened: Ints, sizes: Ints, serial: Ints, out: Ints,
) -> tuple[Ints, int, Ints, Ints]:  # fmt: skip
    """Outcomes on the bars from ``first`` on; each of ``levels`` is armed at the close of its known bar."""
    count, nextl = ZERO, 0
    for i in range(first - 1, ohlc.shape[1]):
        t, begun = base + i, count
        if i >= first:
            for row in range(2):
                reach, settled = (ohlc[1, i], ohlc[3, i]) if row == 0 else (-ohlc[2, i], -ohlc[3, i])
                if sizes[row] > 0 and waiting[row, W_KEY, 0] <= reach:
                    opened = _penetrate(waiting, sizes, opened, row, reach, t)
                if sizes[2 + row] > 0:
                    out, count = _outcomes(
                        opened, sizes, row, reach, settled, within, t, serial, out, count
                    )  # fmt: skip
            if count - begun > 1:
                settle(out, begun, count)
        while nextl < levels.shape[1] and levels[KNOWN, nextl] <= t:
            used = max(sizes[0], sizes[1])
            if used >= waiting.shape[2]:
                waiting = widened(waiting, used)
            _arm(waiting, sizes, levels, nextl, min_pen)
            nextl += 1
    return out, count, waiting, opened
