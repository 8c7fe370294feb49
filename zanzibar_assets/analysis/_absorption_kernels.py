"""Compiled loops of absorption and refills (imports numba: import it where it is used).

Every loop goes forward once and decides a row with the trade or book update at which it becomes known.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints

FAILED = -1
"""Progress of a trigger that price went through."""
ONE_A_RUN = -(2**30)
"""Count of refills after a run's row: it does not come up to another one."""


@njit(cache=True, nogil=True)
def absorptions(
    ts: Ints, row: Ints, size: Floats, aggressor: Ints, least: Floats, first: np.int64,
    window_us: np.int64, tau_us: np.int64, give: np.int64,
    volume: Floats, marks: Ints, queue: Ints, held: Floats, places: Ints, span: Ints, found: Floats,
) -> int:  # fmt: skip
    """Prices where much was traded by one aggressor within the window and price did not go on.

    Trades before ``first`` were worked on by an earlier call, which left ``volume`` (2, rows) by side and
    price, ``marks`` (2, 2, rows: first trade and number of trades in it; zeros at the start), ``queue``
    (trigger, progress) and ``held`` of what waits, and ``places`` (oldest trade in the window, triggers
    waiting). ``row`` price rows from 0, ``least[i]`` the volume that trade i needs (NaN: none known
    yet). ``queue``, ``held``, ``span`` and ``found`` have room for what waits and every new trade.
    A row: ``span`` (trigger trade, known-at trade, price row, aggressor, ticks progressed), ``found``
    (volume at the price, threshold). Gives the number of rows. What waits stands at the front after it.
    """
    since, trades = marks[0], marks[1]
    count, oldest, head, tail = 0, places[0], 0, places[1]
    for i in range(first, len(ts)):
        while head < tail and ts[i] > ts[queue[head, 0]] + tau_us:
            trigger = queue[head, 0]
            if queue[head, 1] != FAILED:
                span[count, 0], span[count, 1], span[count, 2] = trigger, i, row[trigger]
                span[count, 3], span[count, 4] = aggressor[trigger], queue[head, 1]
                found[count, 0], found[count, 1] = held[head], least[trigger]
                count += 1
                side = (aggressor[trigger] + 1) // 2
                volume[side, row[trigger]] = 0.0
                since[side, row[trigger]], trades[side, row[trigger]] = i, 0
            head += 1
        for k in range(head, tail):
            _follow(queue, held, k, row, size, aggressor, i, give)
        while ts[oldest] < ts[i] - window_us:
            _leave(volume, since, trades, row, size, aggressor, oldest)
            oldest += 1
        if aggressor[i] == 0:
            continue
        side = (aggressor[i] + 1) // 2
        volume[side, row[i]] += size[i]
        trades[side, row[i]] += 1
        if volume[side, row[i]] >= least[i] and not _waits(queue, head, tail, row, aggressor, i):
            queue[tail, 0], queue[tail, 1], held[tail] = i, 0, volume[side, row[i]]
            volume[side, row[i]] = 0.0
            since[side, row[i]], trades[side, row[i]] = i + 1, 0
            tail += 1
    places[0], places[1] = oldest, tail - head
    for k in range(tail - head):
        queue[k, 0], queue[k, 1], held[k] = queue[head + k, 0], queue[head + k, 1], held[head + k]
    return count


@njit(cache=True, nogil=True)
def _leave(
    volume: Floats, since: Ints, trades: Ints, row: Ints, size: Floats, aggressor: Ints, i: int
) -> None:  # fmt: skip
    """Take a trade that left the window from its price; a price that no trade is left of holds nothing."""
    side = (aggressor[i] + 1) // 2
    if aggressor[i] == 0 or i < since[side, row[i]]:
        return
    trades[side, row[i]] -= 1
    volume[side, row[i]] -= size[i]
    if trades[side, row[i]] == 0:
        volume[side, row[i]] = 0.0


@njit(cache=True, nogil=True)
def _follow(
    queue: Ints, held: Floats, k: int, row: Ints, size: Floats, aggressor: Ints, i: int, give: np.int64
) -> None:
    """Let trade ``i`` bear on the trigger that waits at place ``k`` of the queue."""
    trigger = queue[k, 0]
    if queue[k, 1] == FAILED:
        return
    through = aggressor[trigger] * (row[i] - row[trigger])
    if through > give:
        queue[k, 1] = FAILED
    elif through > queue[k, 1]:
        queue[k, 1] = through
    elif through == 0 and aggressor[i] == aggressor[trigger]:
        held[k] += size[i]


@njit(cache=True, nogil=True)
def _waits(queue: Ints, head: int, tail: int, row: Ints, aggressor: Ints, i: int) -> bool:
    """Whether a trigger of the same price and aggressor still waits for its outcome."""
    for k in range(head, tail):
        trigger = queue[k, 0]
        if queue[k, 1] != FAILED and row[trigger] == row[i] and aggressor[trigger] == aggressor[i]:
            return True
    return False


@njit(cache=True, nogil=True)
def refills(
    trade_ts: Ints, price: Ints, size: Floats, aggressor: Ints,
    book_ts: Ints, best: Ints, shown: Floats,
    side: np.int64, restored: np.float64, within_us: np.int64, least: np.int64,
    state: Ints, volumes: Floats, span: Ints, found: Floats,
) -> int:  # fmt: skip
    """Best prices that took more than they showed and were filled up again.

    ``best``/``shown`` are the price and size of the resting side (``side`` +1 asks, taken by buyers;
    -1 bids) after each update. A run lasts while the best price stays; a fill starts a clock within
    which the shown size must fall below and be back to ``restored`` of what stood before it. A row a
    run, known at the update that makes ``least`` refills of more than the first shown size: ``span``
    (stamp of the first fill, update), ``found`` (executed, shown before the first fill, refills). A
    trade at the stamp of an update counts before it.

    ``state`` (best price, whether the run was filled, stamp of its first fill, stamp of the fill whose
    clock runs, whether the size fell, refills) and ``volumes`` (executed, shown before the run's first
    fill, before the last fill, shown last) go from call to call.
    """
    count, i = 0, 0
    at, filled, first_us, fill_us, dropped, times = state[0], state[1], state[2], state[3], state[4], state[5]
    executed, before_run, before_fill, last = volumes[0], volumes[1], volumes[2], volumes[3]
    for k in range(len(book_ts) + 1):
        while i < len(trade_ts) and (k == len(book_ts) or trade_ts[i] <= book_ts[k]):
            if aggressor[i] == side and price[i] == at:
                if not filled:
                    filled, first_us, before_run = 1, trade_ts[i], last
                executed += size[i]
                if before_fill == 0.0:
                    before_fill, fill_us, dropped = last, trade_ts[i], 0
            i += 1
        if k == len(book_ts):
            break
        last = shown[k]
        if best[k] != at:
            at, filled, executed, times, before_fill = best[k], 0, 0.0, 0, 0.0
            continue
        low = shown[k] < restored * before_fill
        in_time = book_ts[k] - fill_us <= within_us
        if dropped and not low and in_time and before_fill > 0.0:
            times, before_fill = times + 1, 0.0
            if executed > before_run and times >= least:
                span[count, 0], span[count, 1] = first_us, k
                found[count, 0], found[count, 1], found[count, 2] = executed, before_run, times
                count, times = count + 1, ONE_A_RUN
        dropped = max(dropped, int(low))
        before_fill = before_fill if in_time else 0.0
    state[0], state[1], state[2], state[3], state[4], state[5] = at, filled, first_us, fill_us, dropped, times
    volumes[0], volumes[1], volumes[2], volumes[3] = executed, before_run, before_fill, last
    return count
