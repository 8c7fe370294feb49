"""Slow, obvious computations that the fast order-flow code must equal."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise


def bars(trades, length):
    """Bars {start: [open, high, low, close, volume, sold, bought]} of (ts, price, size, side)."""
    found = {}
    for ts, price, size, side in trades:
        start = ts - ts % length
        bar = found.setdefault(start, [price, price, price, price, 0.0, 0.0, 0.0])
        bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
        bar[4] += size
        bar[5] += size if side < 0 else 0.0
        bar[6] += size if side > 0 else 0.0
    return found


def welford(trades):
    """(mean, population sd) after each (price, size), trade by trade (weighted Welford)."""
    weight, mean, squares, out = 0.0, math.nan, 0.0, []
    for price, size in trades:
        if size > 0:
            mean = price if weight == 0 else mean
            weight += size
            distance = price - mean
            mean += distance * size / weight
            squares += size * distance * (price - mean)
        out.append((mean, math.sqrt(squares / weight) if weight else math.nan))
    return out


def profile(trades, pct=70, rows=2):
    """(poc, vah, val) of (price, size) trades by the rules, price by price."""
    volume = defaultdict(float)
    for price, size in trades:
        volume[price] += size
    low, high = min(volume), max(volume)
    centre = Fraction(low + high, 2)
    poc = min(range(low, high + 1), key=lambda p: (-volume[p], abs(p - centre), p))
    top = bottom = poc
    held, total = volume[poc], sum(volume.values())
    while held * 100 < pct * total:
        above = [p for p in range(top + 1, top + 1 + rows) if p <= high]
        below = [p for p in range(bottom - rows, bottom) if p >= low]
        if not above and not below:
            break
        up, down = sum(volume[p] for p in above), sum(volume[p] for p in below)
        if above and (not below or up >= down):
            top, held = above[-1], held + up
        else:
            bottom, held = below[0], held + down
    return poc, top, bottom


def order_flow(quotes):
    """Cont-Kukanov-Stoikov e of each (bid, bid size, ask, ask size) after the first."""
    out = []
    for (b0, qb0, a0, qa0), (b1, qb1, a1, qa1) in pairwise(quotes):
        e = 0
        if b1 >= b0:
            e += qb1
        if b1 <= b0:
            e -= qb0
        if a1 <= a0:
            e -= qa1
        if a1 >= a0:
            e += qa0
        out.append(e)
    return out


def vpin(records, bucket_records, window):
    """[(known_at, vpin)] at each full bucket of (known_at, size, bought, sold), record by record."""
    volume = count = 0
    room = size = None
    bought = sold = 0.0
    done, out = [], []
    for known, lots, buy, sell in records:
        volume, count = volume + lots, count + 1
        left = lots
        while room is not None and left >= room:
            bought += buy * room / lots
            sold += sell * room / lots
            done.append((abs(bought - sold) / size, bought + sold))
            if len(done) >= window:
                last = done[-window:]
                signed = sum(s for _, s in last)
                out.append((known, sum(i for i, _ in last) / window if signed else math.nan))
            else:
                out.append((known, math.nan))
            left -= room
            bought = sold = 0.0
            room = size = bucket_records * volume / count
        if room is None and count == bucket_records:
            room = size = bucket_records * volume / count
        elif room is not None:
            bought += buy * left / lots
            sold += sell * left / lots
            room -= left
    return out


def footprint(trades, ratio=3.0, unit=1.0, least=5.0, stack=3):
    """(buy prices, sell prices, buy stacks, sell stacks) of one bar's (price, sold, bought)."""
    sold, bought = defaultdict(float), defaultdict(float)
    for price, s, b in trades:
        sold[price] += s
        bought[price] += b
    prices = sorted(set(sold) | set(bought))
    buy = [p for p in prices if bought[p] >= max(ratio * max(sold.get(p - 1, 0), unit), least)]
    sell = [p for p in prices if sold[p] >= max(ratio * max(bought.get(p + 1, 0), unit), least)]

    def runs(marked):
        found = []
        for p in marked:
            if found and found[-1][-1] == p - 1:
                found[-1].append(p)
            else:
                found.append([p])
        return [run for run in found if len(run) >= stack]

    return buy, sell, runs(buy), runs(sell)


def ratios_at_extremes(trades):
    """(ratio at the high, at the low) of one bar's (price, sold, bought); None where there is none."""
    sold, bought = defaultdict(float), defaultdict(float)
    for price, s, b in trades:
        sold[price] += s
        bought[price] += b
    low, high = min(sold), max(sold)
    if low == high:
        return None, None
    at_high = bought[high - 1] / bought[high] if bought[high] else None
    return at_high, sold[low + 1] / sold[low] if sold[low] else None


def slope(xs, ys):
    """Least-squares slope in exact arithmetic, or None when x does not vary."""
    xs, ys = [Fraction(x) for x in xs], [Fraction(y) for y in ys]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mx) ** 2 for x in xs)
    return (
        None if spread == 0 else float(sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / spread)
    )


def hayashi_yoshida(a, b, at, lag=0):
    """Sum of products of overlapping returns known by ``at``; returns are (start, end, value)."""
    total = 0.0
    for s, e, x in a:
        for u, v, y in b:
            if max(e, v) <= at and max(s, u - lag) < min(e, v - lag):
                total += x * y
    return total


def absorptions(trades, window, tau, give):
    """[(trigger, known, price, aggressor, progress, volume)] of (ts, price, size, side, least) trades.

    Everything is counted anew at each trade: volume of the aggressor at the price within the window
    and since the last trigger or outcome there.
    """
    waiting, out, since, volumes = [], [], {}, {}
    for i, (ts, price, _, side, least) in enumerate(trades):
        for trigger in list(waiting):
            t0, p0, _, s0, _ = trades[trigger]
            if ts <= t0 + tau:
                continue
            waiting.remove(trigger)
            after = trades[trigger + 1 : i]
            progress = max([s0 * (p - p0) for _, p, _, _, _ in after], default=0)
            if progress <= give:
                more = sum(q for _, p, q, s, _ in after if (p, s) == (p0, s0))
                out.append((trigger, i, p0, s0, max(progress, 0), volumes[trigger] + more))
                since[p0, s0] = i
        if side == 0:
            continue
        first = since.get((price, side), 0)
        volume = sum(
            q
            for k, (t, p, q, s, _) in enumerate(trades[: i + 1])
            if k >= first and t >= ts - window and (p, s) == (price, side)
        )
        alive = any(
            trades[w][1] == price
            and trades[w][3] == side
            and all(side * (p - price) <= give for _, p, _, _, _ in trades[w + 1 : i + 1])
            for w in waiting
        )
        if volume >= least and not alive:
            volumes[i] = volume
            waiting.append(i)
            since[price, side] = i + 1
    return out


def refills(trades, updates, side, restored, within, least):
    """[(first fill, update, executed, shown before, refills)] of trades and (ts, price, shown) updates.

    Trades are (ts, price, size, side). Run by run: the updates at one best price, and the trades that
    took it, event after event. The first update of all only starts the book.
    """
    out, start = [], 1
    while start < len(updates):
        end = start
        while end + 1 < len(updates) and updates[end + 1][1] == updates[start][1]:
            end += 1
        out += _refills_of_run(trades, updates, (start, end), side, restored, within, least)
        start = end + 1
    return out


def _refills_of_run(trades, updates, span, side, restored, within, least):
    price, (start, end) = updates[span[0]][1], span
    stop = updates[end + 1][0] if end + 1 < len(updates) else updates[end][0]
    events = [(ts, 1, k) for k, (ts, _, _) in enumerate(updates) if start < k <= end]
    events += [
        (ts, 0, k)
        for k, (ts, p, _, s) in enumerate(trades)
        if p == price and s == side and updates[start][0] < ts <= stop
    ]
    shown = before = updates[start][2]
    first = fill = None
    executed = times = 0
    dropped = False
    for ts, is_update, k in sorted(events):
        if not is_update:
            if first is None:
                first, before = k, shown
            executed += trades[k][2]
            if fill is None:
                fill, dropped = (ts, shown), False
            continue
        shown = updates[k][2]
        if fill is None:
            continue
        low = shown < restored * fill[1]
        if ts - fill[0] > within:
            fill = None
        elif low:
            dropped = True
        elif dropped:
            times, fill = times + 1, None
            if executed > before and times >= least:
                return [(first, k, executed, before, times)]
    return []
