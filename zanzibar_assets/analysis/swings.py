"""Swing points: local extremes, known only once the bars on their right have closed.

High at i: above every high of the left bars, not below any of the right ones; low mirrored. Left
strict and right non-strict give exactly one point on a plateau, its first bar. The row's
``event_idx`` is i, its ``known_idx`` i + right.
"""

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


def swings(bars: BarSeries, params: SwingParams) -> list[Row]:
    """All swings of a series, in the order in which they become known."""
    from zanzibar_assets.analysis.breaks import BreakParams, structure

    return [row for row in structure(bars, BreakParams(params)) if row.kind == "swing"]
