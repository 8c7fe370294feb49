"""Breaks of structure (BOS) and changes of character (CHoCH).

The level on a side is the most recently confirmed swing there. A break spends it: there is none on
that side until the next swing is confirmed. Bar t is tested against levels known at t-1; swings that
bar t confirms are taken in afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zanzibar_assets.analysis.engine import Attr, BarSeries, Row, ordered
from zanzibar_assets.analysis.swings import SwingEngine, SwingParams


@dataclass(frozen=True, slots=True)
class BreakParams:
    """Swings whose levels are broken, and what breaks them: the close, or the bar's range."""

    swing: SwingParams
    mode: Literal["close", "wick"] = "close"


class BreakEngine:
    """State: the trend (0 until the first break) and the unbroken swing of each side."""

    def __init__(self, params: BreakParams) -> None:
        self.params = params
        self.trend = 0
        self.levels: dict[int, Row] = {}

    def step(self, bars: BarSeries, t: int) -> list[Row]:
        """Breaks on bar ``t`` of levels known before it.

        In wick mode a bar may break both sides: the level nearer to the open goes first. At equal
        distance nothing tells the order: both are judged against the trend before the bar, and
        the trend afterwards is the bar's own direction.
        """
        hit = [side for side in (1, -1) if self._broken(bars, t, side)]
        if len(hit) < 2:
            return [self._spend(bars, t, side, {}) for side in hit]
        flag: dict[str, Attr] = {"ambiguous_order": True}
        distances = {side: abs(bars.open[t] - self._price(side)) for side in hit}
        if distances[1] != distances[-1]:
            return [self._spend(bars, t, side, flag) for side in sorted(hit, key=distances.__getitem__)]
        before, found = self.trend, []
        for side in hit:
            self.trend = before
            found.append(self._spend(bars, t, side, flag))
        body = bars.close[t] - bars.open[t]
        self.trend = before if body == 0 else (1 if body > 0 else -1)
        return found

    def ingest(self, confirmed: list[Row]) -> None:
        """Take in swings confirmed at the close of the bar just stepped."""
        for swing in confirmed:
            self.levels[swing.dir] = swing

    def _price(self, side: int) -> int:
        level = self.levels[side].level
        assert level is not None, "a swing row always has its level"
        return level

    def _broken(self, bars: BarSeries, t: int, side: int) -> bool:
        if side not in self.levels:
            return False
        wick = bars.high[t] if side > 0 else bars.low[t]
        reach = bars.close[t] if self.params.mode == "close" else wick
        return side * reach > side * self._price(side)

    def _spend(self, bars: BarSeries, t: int, side: int, flags: dict[str, Attr]) -> Row:
        level = self._price(side)
        swing = self.levels.pop(side)
        attrs: dict[str, Attr] = dict(flags)
        if self.trend == 0:
            attrs["initial"] = True
        kind = "choch" if self.trend == -side else "bos"
        self.trend = side
        return Row(kind, side, t, t, level=level, ref=swing, attrs=attrs)


def breaks(bars: BarSeries, params: BreakParams) -> list[Row]:
    """All BOS and CHoCH rows of a series (``ref`` is the broken swing)."""
    swing_engine, engine = SwingEngine(params.swing), BreakEngine(params)
    found: list[Row] = []
    for t in range(len(bars)):
        found += engine.step(bars, t)
        engine.ingest(swing_engine.step(bars, t))
    return ordered(found)
