"""Compiled loops of absorption and refills (imports numba: import it where it is used).

Every loop goes forward once and decides a row with the trade or book update at which it becomes known.
"""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints

FAILED = -1
"""Progress of a trigger that price went through."""
ONE_A_RUN = -(2**30)
"""Count of refills after a run's row: it does not come up to another one."""


@njit(cache=True, nogil=True)
def absorptions(
    ts: Ints, row: Ints, size: Floats, aggressor: Ints, least: Floats,
    window_us: int, tau_us: int, give: int,
    volume: Floats, since: Ints, queue: Ints, held: Floats, span: Ints, found: Floats,
) -> int:  # fmt: skip
    """Prices where much was traded by one aggressor within the window and price did not go on.

    ``row`` price rows from 0, ``least[i]`` the volume that trade i needs (NaN: none known yet).
    ``volume`` and ``since`` (2, rows) are zeros to work in, ``queue`` (trades, 2: trigger, progress) and
    ``held`` (trades) room for what waits. A row: ``span`` (trigger trade, known-at trade, price row,
    aggressor, ticks progressed), ``found`` (volume at the price, threshold). Gives the number of rows.
    """
    count, oldest, head, tail = 0, 0, 0, 0
    for i in range(len(ts)):
        while head < tail and ts[i] > ts[queue[head, 0]] + tau_us:
            trigger = queue[head, 0]
            if queue[head, 1] != FAILED:
                span[count, 0], span[count, 1], span[count, 2] = trigger, i, row[trigger]
                span[count, 3], span[count, 4] = aggressor[trigger], queue[head, 1]
                found[count, 0], found[count, 1] = held[head], least[trigger]
                count += 1
                side = (aggressor[trigger] + 1) // 2
                volume[side, row[trigger]], since[side, row[trigger]] = 0.0, i
            head += 1
        for k in range(head, tail):
            _follow(queue, held, k, row, size, aggressor, i, give)
        if aggressor[i] == 0:
            continue
        while ts[oldest] < ts[i] - window_us:
            side = (aggressor[oldest] + 1) // 2
            if aggressor[oldest] != 0 and oldest >= since[side, row[oldest]]:
                volume[side, row[oldest]] -= size[oldest]
            oldest += 1
        side = (aggressor[i] + 1) // 2
        volume[side, row[i]] += size[i]
        if volume[side, row[i]] >= least[i] and not _waits(queue, head, tail, row, aggressor, i):
            queue[tail, 0], queue[tail, 1], held[tail] = i, 0, volume[side, row[i]]
            volume[side, row[i]], since[side, row[i]] = 0.0, i + 1
            tail += 1
    return count


@njit(cache=True, nogil=True)
def _follow(
    queue: Ints, held: Floats, k: int, row: Ints, size: Floats, aggressor: Ints, i: int, give: int
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
    book_ts: Ints, best: Ints, shown: Floats, side: int, restored: float, within_us: int, least: int,
    span: Ints, found: Floats,
) -> int:  # fmt: skip
    """Best prices that took more than they showed and were filled up again.

    ``best``/``shown`` are the price and size of the resting side (``side`` +1 asks, taken by buyers;
    -1 bids) after each update. A run lasts while the best price stays; a fill starts a clock within
    which the shown size must fall below and be back to ``restored`` of what stood before it. A row a
    run, known at the update that makes ``least`` refills of more than the first shown size: ``span``
    (first fill trade, update), ``found`` (executed, shown before the first fill, refills). A trade at
    the stamp of an update counts before it.
    """
    count, i, at, first, times = 0, 0, -(2**62), -1, 0
    executed, before_run, before_fill, fill_us, dropped = 0.0, 0.0, 0.0, 0, False
    for k in range(len(book_ts)):
        while i < len(trade_ts) and trade_ts[i] <= book_ts[k]:
            if aggressor[i] == side and price[i] == at:
                if first < 0:
                    first, before_run = i, shown[k - 1]
                executed += size[i]
                if before_fill == 0.0:
                    before_fill, fill_us, dropped = shown[k - 1], trade_ts[i], False
            i += 1
        if best[k] != at:
            at, first, executed, times, before_fill = best[k], -1, 0.0, 0, 0.0
            continue
        low = shown[k] < restored * before_fill
        in_time = book_ts[k] - fill_us <= within_us
        if dropped and not low and in_time and before_fill > 0.0:
            times, before_fill = times + 1, 0.0
            if executed > before_run and times >= least and first >= 0:
                span[count, 0], span[count, 1] = first, k
                found[count, 0], found[count, 1], found[count, 2] = executed, before_run, times
                count, times = count + 1, ONE_A_RUN
        dropped = dropped or low
        before_fill = before_fill if in_time else 0.0
    return count
