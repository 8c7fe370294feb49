"""Compiled loops over single trades: outcomes of levels and runs of prints.

(Imports numba: import it where it is used.) Every loop goes forward once and decides a row with the
trade at which it becomes known.
"""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints

BLOCK = 512
"""Trades whose price range is kept, so that a level far away is skipped block by block."""
NONE, SWEPT, ACCEPTED = 0, 1, 2


@njit(cache=True, nogil=True)
def block_ranges(price: Ints, lows: Ints, highs: Ints) -> None:
    """Lowest and highest price of each block of trades."""
    for block in range(len(lows)):
        first, last = block * BLOCK, min((block + 1) * BLOCK, len(price))
        low = high = price[first]
        for i in range(first + 1, last):
            low, high = min(low, price[i]), max(high, price[i])
        lows[block], highs[block] = low, high


@njit(cache=True, nogil=True)
def _first_beyond(price: Ints, lows: Ints, highs: Ints, start: int, stop: int, side: int, reach: int) -> int:
    """First trade from ``start`` before ``stop`` at or beyond price ``reach`` on a side; -1 when none."""
    i = start
    while i < stop:
        block = i // BLOCK
        outer = highs[block] if side > 0 else lows[block]
        if side * (outer - reach) < 0:
            i = (block + 1) * BLOCK
            continue
        end = min((block + 1) * BLOCK, stop)
        while i < end:
            if side * (price[i] - reach) >= 0:
                return i
            i += 1
    return -1


@njit(cache=True, nogil=True)
def _outcome(
    ts: Ints, price: Ints, size: Floats, aggressor: Ints, start: int, level: int, side: int,
    reclaim: int, within_us: int, span: Ints, volumes: Floats,
) -> None:  # fmt: skip
    """Follow one penetration from trade ``start`` to its outcome (``span`` stays unset without one)."""
    extreme, beyond, same_side, delta = price[start], 0.0, 0.0, 0.0
    for i in range(start, len(ts)):
        away = side * (price[i] - level)
        if side * (price[i] - extreme) > 0:
            extreme, delta = price[i], 0.0
        if price[i] == extreme:
            delta += size[i] * aggressor[i]
        if away > 0:
            beyond += size[i]
            if aggressor[i] == side:
                same_side += size[i]
        late = ts[i] > ts[start] + within_us
        if late or away <= -reclaim:
            span[0], span[1], span[2], span[3] = start, i, ACCEPTED if late else SWEPT, extreme
            volumes[0], volumes[1], volumes[2] = beyond, same_side, delta
            return


@njit(cache=True, nogil=True)
def level_outcomes(
    ts: Ints, price: Ints, size: Floats, aggressor: Ints, lows: Ints, highs: Ints,
    levels: Ints, sides: Ints, armed: Ints, disarmed: Ints,
    min_pen: int, reclaim: int, within_us: int, span: Ints, volumes: Floats,
) -> None:  # fmt: skip
    """Outcome of each level: ``span`` (start, known, what, extreme), ``volumes`` (beyond, same side, delta).

    A level acts on trades ``armed[k] <= i``; one not penetrated before trade ``disarmed[k]`` never is.
    ``span[k, 0]`` is the penetrating trade or -1 (one that is given stays); ``span[k, 2]`` is NONE while
    undecided.
    """
    for k in range(len(levels)):
        reach = levels[k] + sides[k] * min_pen
        start = span[k, 0]
        if start < 0:
            start = _first_beyond(price, lows, highs, armed[k], disarmed[k], sides[k], reach)
        span[k, 0], span[k, 2] = start, NONE
        if start >= 0:
            _outcome(
                ts, price, size, aggressor, start, levels[k], sides[k], reclaim, within_us,
                span[k], volumes[k],
            )  # fmt: skip


@njit(cache=True, nogil=True)
def runs_of_prints(
    ts: Ints, price: Ints, size: Floats, aggressor: Ints, min_levels: int, window_us: int,
    run_of: Ints, span: Ints, quantity: Floats,
) -> int:  # fmt: skip
    """Runs of same-side prints that never move back: one row a run of ``min_levels`` prices.

    ``span`` (start, known at) and ``quantity`` up to there; ``run_of[i]`` is the first trade of the
    run that trade i belongs to. Gives the number of rows.
    """
    count, start, levels, total = 0, 0, 0, 0.0
    for i in range(len(ts)):
        side = aggressor[i]
        goes_on = (
            i > 0
            and side != 0
            and side == aggressor[i - 1]
            and ts[i] - ts[i - 1] <= window_us
            and side * (price[i] - price[i - 1]) >= 0
        )
        if not goes_on:
            start, levels, total = i, 0, 0.0
        run_of[i] = start
        new_price = not goes_on or price[i] != price[i - 1]
        total += size[i]
        if new_price:
            levels += 1
            if side != 0 and levels == min_levels:
                span[count, 0], span[count, 1], quantity[count] = start, i, total
                count += 1
    return count
