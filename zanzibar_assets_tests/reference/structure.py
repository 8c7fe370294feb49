"""Slow, obvious structure definitions: every row is looked for from scratch over the whole series.

Rows are tuples ``(kind, dir, event_idx, known_idx, level, lo, hi, ref_event_idx)``.
"""

from __future__ import annotations

from fractions import Fraction

from zanzibar_assets.analysis.engine import BarSeries

Tuple = tuple[str, int, int, int, "int | None", "int | None", "int | None", "int | None"]


def in_order(rows):
    def key(row):
        kind, direction, event, known, *prices = row
        return (known, event, kind, direction, *((x is not None, x) for x in prices))

    return sorted(rows, key=key)


def swings(bars: BarSeries, left: int, right: int):
    rows = []
    for i in range(left, len(bars) - right):
        before, after = range(i - left, i), range(i + 1, i + right + 1)
        h, low = bars.high, bars.low
        if all(h[i] > h[j] for j in before) and all(h[i] >= h[j] for j in after):
            rows.append(("swing", 1, i, i + right, h[i], None, None, None))
        if all(low[i] < low[j] for j in before) and all(low[i] <= low[j] for j in after):
            rows.append(("swing", -1, i, i + right, low[i], None, None, None))
    return in_order(rows)


def close_breaks(bars: BarSeries, left: int, right: int):
    """Breaks in close mode; a swing counts while it is the side's latest and never closed beyond."""
    points = swings(bars, left, right)
    rows, trend = [], 0
    for t in range(len(bars)):
        for side in (1, -1):
            known = [p for p in points if p[1] == side and p[3] < t]
            if not known:
                continue
            level, event, since = known[-1][4], known[-1][2], known[-1][3]
            unspent = all(side * bars.close[j] <= side * level for j in range(since + 1, t))
            if unspent and side * bars.close[t] > side * level:
                rows.append(("choch" if trend == -side else "bos", side, t, t, level, None, None, event))
                trend = side
    return in_order(rows)


def order_blocks(bars: BarSeries, left: int, right: int):
    rows = []
    for _, side, _, t, _, _, _, s in close_breaks(bars, left, right):
        leg = list(range(s + 1, t))
        if side > 0:
            m = next(j for j in leg if bars.low[j] == min(bars.low[i] for i in leg))
            against = [j for j in range(s, m + 1) if bars.close[j] < bars.open[j]]
        else:
            m = next(j for j in leg if bars.high[j] == max(bars.high[i] for i in leg))
            against = [j for j in range(s, m + 1) if bars.close[j] > bars.open[j]]
        k = against[-1] if against else m
        lo, hi = bars.low[k], bars.high[k]
        rows.append(("ob", side, k, t, None, lo, hi, t))
        later = range(t + 1, len(bars))
        touched = [j for j in later if (bars.low[j] <= hi if side > 0 else bars.high[j] >= lo)]
        broken = [j for j in later if (bars.close[j] < lo if side > 0 else bars.close[j] > hi)]
        rows += [("ob_mitigated", side, j, j, None, lo, hi, k) for j in touched[:1]]
        rows += [("breaker", -side, j, j, None, lo, hi, k) for j in broken[:1]]
    return in_order(rows)


def fvgs(bars: BarSeries):
    rows, gaps = [], {}
    for i in range(2, len(bars)):
        if bars.low[i] > bars.high[i - 2]:
            gaps[i] = (1, bars.high[i - 2], bars.low[i])
        elif bars.high[i] < bars.low[i - 2]:
            gaps[i] = (-1, bars.high[i], bars.low[i - 2])
    for i, (side, lo, hi) in gaps.items():
        rows.append(("fvg", side, i - 1, i, None, lo, hi, None))
        later = range(i + 1, len(bars))
        if side > 0:
            depths = {"fvg_touch": hi, "fvg_ce": (lo + hi) / 2, "fvg_fill": lo}
            reached = {k: [j for j in later if bars.low[j] <= p] for k, p in depths.items()}
            reached["fvg_invert"] = [j for j in later if bars.close[j] < lo]
        else:
            depths = {"fvg_touch": lo, "fvg_ce": (lo + hi) / 2, "fvg_fill": hi}
            reached = {k: [j for j in later if bars.high[j] >= p] for k, p in depths.items()}
            reached["fvg_invert"] = [j for j in later if bars.close[j] > hi]
        for kind, when in reached.items():
            flipped = -side if kind == "fvg_invert" else side
            rows += [(kind, flipped, j, j, None, lo, hi, i - 1) for j in when[:1]]
    return in_order([*rows, *_extensions(bars, gaps)])


def _extensions(bars, gaps):
    """A gap right after a same-way gap extends the first of its chain, unless that one is filled."""
    rows, first = [], {}
    for i, (side, lo, hi) in gaps.items():
        first[i] = i
        if i - 1 not in gaps or gaps[i - 1][0] != side:
            continue
        head = first[i - 1]
        _, head_lo, head_hi = gaps[head]
        since = range(head + 1, i + 1)
        filled = any(bars.low[j] <= head_lo if side > 0 else bars.high[j] >= head_hi for j in since)
        if not filled:
            first[i] = head
            rows.append(("fvg_extend", side, i - 1, i, None, min(lo, head_lo), max(hi, head_hi), head - 1))
    return rows


def pools(bars: BarSeries, left: int, right: int, tolerance: int):
    """Groups are kept as lists of members; who is still untouched is looked up bar by bar."""

    def untouched(member, t):
        side, known, level = member[1], member[3], member[4]
        since = range(known + 1, t + 1)
        return all(bars.high[j] <= level if side > 0 else bars.low[j] >= level for j in since)

    rows, groups = [], []
    for t in range(len(bars)):
        for group in groups:
            group["members"] = [m for m in group["members"] if untouched(m, t)]
            if group["pool"] and not group["members"]:
                side, event, level = group["pool"]
                rows.append(("pool_taken", side, t, t, level, None, None, event))
                group["pool"] = None
        for point in (p for p in swings(bars.head(t + 1), left, right) if p[3] == t):
            alive = [g for g in groups if g["members"] and g["members"][0][1] == point[1]]
            near = [g for g in alive if abs(g["members"][0][4] - point[4]) <= tolerance]
            if not near:
                groups.append({"members": [point], "pool": None})
                continue
            group = near[0]
            group["members"].append(point)
            levels = [m[4] for m in group["members"]]
            level = max(levels) if point[1] > 0 else min(levels)
            before = group["pool"][1] if group["pool"] else None
            rows.append(("pool", point[1], point[2], t, level, None, None, before))
            group["pool"] = (point[1], point[2], level)
    return in_order(rows)


def bar_sweep(bars: BarSeries, level: int, side: int, known: int, min_pen: int, within: int):
    """At most one row: the outcome of one level."""
    later = range(known + 1, len(bars))
    through = [
        j for j in later if (bars.high[j] >= level + min_pen if side > 0 else bars.low[j] <= level - min_pen)
    ]
    if not through:
        return []
    start, last = through[0], through[0] + within - 1
    for t in range(start, min(last, len(bars) - 1) + 1):
        span = range(start, t + 1)
        extreme = max(bars.high[j] for j in span) if side > 0 else min(bars.low[j] for j in span)
        lo, hi = sorted((level, extreme))
        if bars.close[t] < level if side > 0 else bars.close[t] > level:
            return [("level_sweep", -side, start, t, level, lo, hi, None)]
        if t == last:
            return [("level_accept", side, start, t, level, lo, hi, None)]
    return []


def zones(bars: BarSeries, left: int, right: int, e: float):
    """Premium, discount and OTE from the definition: the range of the swings known a bar earlier."""
    points = swings(bars, left, right)
    rows, zone, inside = [], None, 0
    for t, close in enumerate(bars.close):
        tops, bottoms = ([p for p in points if p[1] == side and p[3] < t] for side in (1, -1))
        if not (tops and bottoms) or tops[-1][4] <= bottoms[-1][4]:
            continue
        (high, up), (low, down) = ((p[-1][4], p[-1][2]) for p in (tops, bottoms))
        place = Fraction(close - low, high - low)
        half, band = Fraction(1, 2), Fraction(e)
        now = "premium" if place > half + band else "discount" if place < half - band else "equilibrium"
        deep = [Fraction(618, 1000), Fraction(786, 1000)]
        back = 1 - place if up > down else place
        side = 0 if up == down or not deep[0] <= back <= deep[1] else (1 if up > down else -1)
        newer = None if up == down else max(up, down)
        if now != zone:
            favours = {"premium": -1, "discount": 1, "equilibrium": 0}[now]
            rows.append((now, favours, t, t, close, low, high, newer))
        if side and side != inside:
            rows.append(("ote", side, t, t, close, low, high, newer))
        zone, inside = now, side
    return in_order(rows)


def zigzag(bars: BarSeries, left: int, right: int):
    """``swing_supersede`` rows: a swing more extreme than the last point, which is of its side."""
    points = sorted(swings(bars, left, right), key=lambda p: (p[3], p[1]))
    rows, last = [], None
    for known in sorted({p[3] for p in points}):
        group = [p for p in points if p[3] == known]
        if len(group) == 2:
            body = bars.close[known - right] - bars.open[known - right]
            if last is None and body == 0:
                continue
            lead = last[1] if last is not None else (-1 if body > 0 else 1)
            group.sort(key=lambda p: p[1] != lead)
        for point in group:
            side, event, price = point[1], point[2], point[4]
            if last is not None and last[1] == side:
                if side * price <= side * last[4]:
                    continue
                rows.append(("swing_supersede", side, event, known, price, None, None, last[2]))
            last = point
    return in_order(rows)


def wick_breaks(bars: BarSeries, left: int, right: int):
    """Breaks in wick mode, swing by swing: spent by the first bar whose range passes it."""
    points = swings(bars, left, right)
    rows, trend, spent = [], 0, set()
    for t in range(len(bars)):
        hit = []
        for side, reach in ((1, bars.high[t]), (-1, bars.low[t])):
            known = [p for p in points if p[1] == side and p[3] < t]
            if known and known[-1] not in spent and side * reach > side * known[-1][4]:
                hit.append(known[-1])
        spent.update(hit)
        near = [abs(bars.open[t] - p[4]) for p in hit]
        if len(hit) == 2 and near[0] == near[1]:
            kinds = ["choch" if trend == -p[1] else "bos" for p in hit]
            body = bars.close[t] - bars.open[t]
            trend = trend if body == 0 else (1 if body > 0 else -1)
        else:
            hit.sort(key=lambda p: abs(bars.open[t] - p[4]))
            kinds = []
            for p in hit:
                kinds.append("choch" if trend == -p[1] else "bos")
                trend = p[1]
        for kind, p in zip(kinds, hit, strict=True):
            rows.append((kind, p[1], t, t, p[4], None, None, p[2]))
    return in_order(rows)


def shifts(bars: BarSeries, left: int, right: int, body_atr: float, n: int):
    """Of each close-mode break at t: displacement, a gap of its side in the leg, both on a CHoCH."""
    found = {}
    ranges = [
        max(bars.high[t], bars.close[t - 1] if t else bars.high[t])
        - min(bars.low[t], bars.close[t - 1] if t else bars.low[t])
        for t in range(len(bars))
    ]
    for kind, side, _, t, _, _, _, s in close_breaks(bars, left, right):
        body = side * (bars.close[t] - bars.open[t])
        atr = Fraction(sum(ranges[t - n : t]), n) if t >= n else None
        strong = atr is not None and atr > 0 and body > 0 and body >= Fraction(body_atr) * atr
        leg = list(range(s + 1, t))
        far = min(leg, key=lambda j: (bars.low[j] if side > 0 else -bars.high[j], j))
        gaps = [
            i - 1
            for i in range(far + 2, t + 1)
            if (bars.low[i] > bars.high[i - 2] if side > 0 else bars.high[i] < bars.low[i - 2])
        ]
        found[(t, side)] = (strong, bool(gaps), kind == "choch" and strong and bool(gaps))
    return found
