"""Slow, obvious Wyckoff accumulation: exact fractions, every baseline taken anew from its slice.

Gives ``(rows, phases)`` with rows ``(kind, event_idx, known_idx)`` in the order of the contract.
"""

from __future__ import annotations

from fractions import Fraction
from statistics import median


def accumulation(bars, p):  # noqa: C901 - one long reading of the table is what makes it obvious
    n = p.n
    o, h, low, c, v = bars.open, bars.high, bars.low, bars.close, bars.volume
    tr = [
        h[t] - low[t] if t == 0 else max(h[t] - low[t], abs(h[t] - c[t - 1]), abs(low[t] - c[t - 1]))
        for t in range(len(bars))
    ]
    state, rows, phases, f = "IDLE", [], [], {}

    def atr(t):
        return Fraction(sum(tr[t - n : t]), n)

    def heavy(t, k):
        return t >= n and v[t] > 0 and v[t] >= k * median(v[t - n : t])

    def trend_down(t):
        if t - 1 - p.trend_n < 0 or t < n:
            return False
        return c[t - 1] <= c[t - 1 - p.trend_n] - Fraction(p.trend_k) * atr(t)

    def climax(t):
        wide = t >= n and tr[t] > 0 and tr[t] >= p.sc_rs * median(tr[t - n : t])
        return trend_down(t) and heavy(t, p.sc_rv) and wide and low[t] <= min(low[t - n : t])

    def swing_low(i):
        before, after = range(i - p.w, i), range(i + 1, i + p.w + 1)
        return i >= p.w and all(low[i] < low[j] for j in before) and all(low[i] <= low[j] for j in after)

    def swing_high(i):
        before, after = range(i - p.w, i), range(i + 1, i + p.w + 1)
        return i >= p.w and all(h[i] > h[j] for j in before) and all(h[i] >= h[j] for j in after)

    def too_far(ticks):
        return p.abandon_atr is not None and ticks > Fraction(p.abandon_atr) * f["atr"]

    def begin(t):
        f.clear()
        f.update(sc=t, low=low[t], atr=atr(t), volume=v[t], res=None, pierced=None)

    for t in range(len(bars)):
        said = []
        if state == "IDLE" or (state == "E" and p.abandon_atr is not None):
            if climax(t):
                begin(t)
                said, state = [("sc", t)], "A1"
            elif state == "IDLE" and trend_down(t) and heavy(t, p.ps_rv) and 2 * c[t] >= h[t] + low[t]:
                said = [("ps", t)]
        elif state == "A1":
            if low[t] < f["low"] and heavy(t, p.sc_rv):
                begin(t)
                said = [("sc", t)]
            elif too_far(f["low"] - c[t]):
                said, state = [("fail", t)], "IDLE"
        elif state == "A2":
            if too_far(f["low"] - c[t]) or too_far(c[t] - f["res"]):
                said, state = [("fail", t)], "IDLE"
        elif state == "B":
            if f["pierced"] is None and low[t] < f["low"]:
                f["pierced"] = t
            if f["pierced"] is not None:
                under = range(f["pierced"], t + 1)
                bottom = min(low[j] for j in under)
                lowest = next(j for j in under if low[j] == bottom)
                if f["low"] - bottom > Fraction(p.spring_max) * f["atr"]:
                    said, state = [("sow", t)], "IDLE"
                elif c[t] > f["low"]:
                    f.update(spring=lowest, pierced=None)
                    said, state = [("spring", lowest)], "C"
                elif len(under) >= p.reclaim_bars:
                    said, state = [("sow", t)], "IDLE"
        elif state == "C":
            if c[t] < low[f["spring"]]:
                said, state = [("sow", t)], "IDLE"
        elif state == "D":
            if 2 * c[t] < f["low"] + f["res"]:
                f["pierced"] = None
                said, state = [("fail", t)], "B"
            elif f["backed"] and c[t] > max(h[f["sos"] : t]):
                said, state = [("markup", t)], "E"
        if state in ("B", "C") and ("fail", t) not in said and f.get("st") is not None:
            if c[t] > f["res"] and c[t] > o[t] and heavy(t, p.sos_rv):
                f.update(sos=t, backed=False)
                said, state = [*said, ("sos", t)], "D"
            elif state == "B" and h[t] > f["res"] > c[t]:
                said.append(("ua", t))
        i = t - p.w
        mid = None if not f or f["res"] is None else Fraction(f["low"] + f["res"], 2)
        rally = i >= p.w and state == "A1" and i > f["sc"] and swing_high(i)
        if rally and h[i] - f["low"] >= Fraction(p.ar_min) * f["atr"]:
            f.update(res=h[i], ar=i)
            said, state = [*said, ("ar", i)], "A2"
            mid = Fraction(f["low"] + f["res"], 2)
        if i >= p.w and state not in ("IDLE", "E") and swing_low(i):
            if state in ("A2", "B") and i > f["ar"]:
                if f["low"] - f["atr"] / 2 <= low[i] <= mid and v[i] < f["volume"]:
                    said, state = [*said, ("st" if state == "A2" else "st_b", i)], "B"
                    f["st"] = i
            elif state == "C" and i > f["spring"]:
                third = f["low"] + Fraction(f["res"] - f["low"], 3)
                if low[f["spring"]] < low[i] <= third and v[i] < v[f["spring"]]:
                    said.append(("test", i))
            elif state == "D" and i > f["sos"] and low[i] >= mid and v[i] < v[f["sos"]]:
                f["backed"] = True
                near = abs(low[i] - f["res"]) <= f["atr"] / 2
                said.append(("bu" if near else "lps", i))
        rows += sorted((kind, event, t) for kind, event in said)
        phases.append({"A1": "A", "A2": "A", "IDLE": None}.get(state, state))
    return sorted(rows, key=lambda r: (r[2], r[1], r[0])), phases
