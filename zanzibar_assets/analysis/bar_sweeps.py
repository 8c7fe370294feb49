"""Sweeps (stop runs) of known levels, seen on bars.

A bar penetrates a level when it trades ``min_pen`` ticks or more beyond it. A close back inside
within ``reclaim_bars`` bars, the penetrating bar being the first, is a sweep; else the level is
accepted. A touch is neither. Each arming of a level has one outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from zanzibar_assets.analysis.engine import Attr, BarSeries, Row, ordered


@dataclass(frozen=True, slots=True)
class SweepParams:
    """Smallest penetration in ticks, and the bars within which a close must come back."""

    min_pen: int = 1
    reclaim_bars: int = 5

    def __post_init__(self) -> None:
        if self.min_pen < 1 or self.reclaim_bars < 1:
            raise ValueError(f"min_pen and reclaim_bars are at least 1, got {self}")


@dataclass(slots=True)
class _Armed:
    level: Row
    price: int
    retired: bool = False
    since: int = -1
    extreme: int = 0


class SweepEngine:
    """State: armed levels of each side by price, and the penetrations that wait for their outcome.

    A level's side is its row's ``dir``: +1 rests above the market, -1 below.
    """

    def __init__(self, params: SweepParams) -> None:
        self.params = params
        self._waiting: dict[int, list[tuple[int, int, _Armed]]] = {1: [], -1: []}
        self._open: dict[int, list[_Armed]] = {1: [], -1: []}
        self._pools: dict[tuple[int, int, int], _Armed] = {}
        self._count = 0

    def arm(self, level: Row) -> None:
        """Watch a level from the next bar on; a pool replaces the smaller pool it refers to."""
        if level.level is None or level.dir == 0:
            raise ValueError(f"a {level.kind} row needs a level and a side to be swept")
        armed = _Armed(level, level.dir * level.level)
        self._count += 1
        heappush(self._waiting[level.dir], (armed.price + self.params.min_pen, self._count, armed))
        if level.kind == "pool":
            if level.ref is not None:
                self._pools[_pool_key(level.ref)].retired = True
            self._pools[_pool_key(level)] = armed

    def step(self, bars: BarSeries, t: int) -> list[Row]:
        """Outcomes known at the close of bar ``t`` for levels armed before it."""
        found: list[Row] = []
        for side in (1, -1):
            reach, settle = (bars.high[t], bars.close[t]) if side > 0 else (-bars.low[t], -bars.close[t])
            self._penetrate(side, t, reach)
            still_open: list[_Armed] = []
            for armed in self._open[side]:
                armed.extreme = max(armed.extreme, reach)
                if settle < armed.price:
                    found.append(_outcome(armed, "level_sweep", -side, t))
                elif t - armed.since + 1 >= self.params.reclaim_bars:
                    found.append(_outcome(armed, "level_accept", side, t))
                else:
                    still_open.append(armed)
            self._open[side] = still_open
        return ordered(found)

    def _penetrate(self, side: int, t: int, reach: int) -> None:
        waiting = self._waiting[side]
        while waiting and waiting[0][0] <= reach:
            armed = heappop(waiting)[2]
            if not armed.retired:
                armed.since, armed.extreme = t, reach
                self._open[side].append(armed)


def _pool_key(pool: Row) -> tuple[int, int, int]:
    return (pool.dir, pool.event_idx, pool.known_idx)


def _outcome(armed: _Armed, kind: str, direction: int, t: int) -> Row:
    level = armed.level.level
    extreme = armed.level.dir * armed.extreme
    assert level is not None, "arm() refuses rows without a level"
    attrs: dict[str, Attr] = {
        "extreme_ticks": extreme,
        "depth_ticks": abs(extreme - level),
        "bars": t - armed.since + 1,
        "source": armed.level.kind,
    }
    if "name" in armed.level.attrs:
        attrs["name"] = armed.level.attrs["name"]
    lo, hi = min(level, extreme), max(level, extreme)
    return Row(kind, direction, armed.since, t, level=level, lo=lo, hi=hi, ref=armed.level, attrs=attrs)


def bar_sweeps(bars: BarSeries, levels: Iterable[Row], params: SweepParams) -> list[Row]:
    """Outcomes of levels, each armed at the close of its own ``known_idx`` (-1: before the first bar)."""
    arming: dict[int, list[Row]] = {}
    for level in levels:
        arming.setdefault(level.known_idx, []).append(level)
    engine = SweepEngine(params)
    found: list[Row] = []
    for t in range(-1, len(bars)):
        if t >= 0:
            found += engine.step(bars, t)
        for level in arming.get(t, ()):
            engine.arm(level)
    return found
