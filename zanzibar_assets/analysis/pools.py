"""Liquidity pools: equal highs and equal lows, where stops rest.

Swings of one side that lie within a tolerance of the group's first member form a pool from the
second on. A member that price trades through, by a tick or more after it is known, is dropped; a
pool whose level is traded through is taken. A pool that grows is a new row that refers to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zanzibar_assets.analysis.engine import BarSeries, Row, ordered, prior_atr
from zanzibar_assets.analysis.swings import SwingEngine, SwingParams


@dataclass(frozen=True, slots=True)
class PoolParams:
    """Tolerance: ``tol_ticks``, or ``tol_atr`` mean true ranges at the later known bar if wider."""

    swing: SwingParams
    tol_ticks: int = 2
    tol_atr: float = 0.0
    atr_bars: int = 14


@dataclass(slots=True)
class _Group:
    side: int
    members: list[Row] = field(default_factory=list)
    pool: Row | None = None

    def beyond(self, price: int) -> int:
        """Mirrored distance of a price beyond the group's outermost member."""
        return self.side * price - self.edge

    @property
    def edge(self) -> int:
        """Mirrored price of the outermost member (the pool's level)."""
        return max(self.side * _price(member) for member in self.members)


class PoolEngine:
    """State: the groups of untouched swings of each side."""

    def __init__(self, params: PoolParams, atr: Sequence[float | None] = ()) -> None:
        self.params = params
        self.atr = atr
        self.groups: dict[int, list[_Group]] = {1: [], -1: []}
        # Mirrored price of each side's nearest member: a bar that does not pass it changes nothing.
        self._nearest: dict[int, int | None] = {1: None, -1: None}

    def step(self, bars: BarSeries, t: int) -> list[Row]:
        """Pools that bar ``t`` takes; members it trades through are dropped."""
        found: list[Row] = []
        for side, reach in ((1, bars.high[t]), (-1, bars.low[t])):
            nearest = self._nearest[side]
            if nearest is None or side * reach <= nearest:
                continue
            kept: list[_Group] = []
            for group in self.groups[side]:
                if group.beyond(reach) < 1:
                    group.members = [m for m in group.members if side * _price(m) >= side * reach]
                    kept.append(group)
                elif group.pool is not None:
                    found.append(_taken(group.pool, t))
            self.groups[side] = [group for group in kept if group.members]
            prices = [side * _price(member) for group in self.groups[side] for member in group.members]
            self._nearest[side] = min(prices, default=None)
        return ordered(found)

    def ingest(self, t: int, confirmed: list[Row]) -> list[Row]:
        """Take in swings confirmed at the close of bar ``t``; gives the pools they form or widen."""
        found: list[Row] = []
        for swing in confirmed:
            group = self._group_of(swing, self._tolerance(t))
            group.members.append(swing)
            nearest, price = self._nearest[swing.dir], swing.dir * _price(swing)
            self._nearest[swing.dir] = price if nearest is None else min(nearest, price)
            if len(group.members) < 2:
                continue
            level = group.side * group.edge
            group.pool = Row(
                "pool",
                swing.dir,
                swing.event_idx,
                t,
                level=level,
                ref=group.pool,
                attrs={"n": len(group.members)},
            )
            found.append(group.pool)
        return ordered(found)

    def _tolerance(self, t: int) -> float:
        atr = self.atr[t] if self.params.tol_atr > 0 else None
        return max(self.params.tol_ticks, self.params.tol_atr * atr if atr is not None else 0.0)

    def _group_of(self, swing: Row, tolerance: float) -> _Group:
        """Oldest group whose first member is near enough, or a new one."""
        for group in self.groups[swing.dir]:
            if abs(_price(swing) - _price(group.members[0])) <= tolerance:
                return group
        group = _Group(swing.dir)
        self.groups[swing.dir].append(group)
        return group


def _price(swing: Row) -> int:
    assert swing.level is not None, "a swing row always has its level"
    return swing.level


def _taken(pool: Row, t: int) -> Row:
    return Row("pool_taken", pool.dir, t, t, level=pool.level, ref=pool, attrs={"n": pool.attrs["n"]})


def pools(bars: BarSeries, params: PoolParams) -> list[Row]:
    """All pools of a series and their taking."""
    atr = prior_atr(bars, params.atr_bars) if params.tol_atr > 0 else ()
    swing_engine, engine = SwingEngine(params.swing), PoolEngine(params, atr)
    found: list[Row] = []
    for t in range(len(bars)):
        found += engine.step(bars, t)
        found += engine.ingest(t, swing_engine.step(bars, t))
    return ordered(found)
