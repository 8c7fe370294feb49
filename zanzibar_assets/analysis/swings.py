"""Swing points: local extremes, known only once the bars on their right have closed."""

from __future__ import annotations

from dataclasses import dataclass

from zanzibar_assets.analysis.engine import BarSeries, Row


@dataclass(frozen=True, slots=True)
class SwingParams:
    """Bars on the left and on the right of a swing point."""

    left: int = 3
    right: int = 3

    def __post_init__(self) -> None:
        if self.left < 1 or self.right < 1:
            raise ValueError(f"a swing needs a bar on each side, got left={self.left} right={self.right}")


class SwingEngine:
    """High at i: above every high of the left bars, not below any of the right ones; low mirrored.

    Left strict and right non-strict give exactly one point on a plateau, its first bar. The row's
    ``event_idx`` is i, its ``known_idx`` i + right.
    """

    def __init__(self, params: SwingParams) -> None:
        self.params = params

    def step(self, bars: BarSeries, t: int) -> list[Row]:
        """Swings that the close of bar ``t`` confirms."""
        left, i = self.params.left, t - self.params.right
        if i < left:
            return []
        found: list[Row] = []
        high, low = bars.high[i], bars.low[i]
        if high > max(bars.high[i - left : i]) and high >= max(bars.high[i + 1 : t + 1]):
            found.append(Row("swing", 1, i, t, level=high))
        if low < min(bars.low[i - left : i]) and low <= min(bars.low[i + 1 : t + 1]):
            found.append(Row("swing", -1, i, t, level=low))
        return found


def swings(bars: BarSeries, params: SwingParams) -> list[Row]:
    """All swings of a series, in the order in which they become known."""
    engine = SwingEngine(params)
    return [row for t in range(len(bars)) for row in sorted(engine.step(bars, t), key=lambda r: r.dir)]
