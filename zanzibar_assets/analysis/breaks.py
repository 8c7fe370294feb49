"""Breaks of structure (BOS), changes of character (CHoCH) and the order blocks they leave.

The level on a side is the most recently confirmed swing there. A break spends it: there is none on
that side until the next swing is confirmed. Bar t is tested against levels known at t-1; swings that
bar t confirms are taken in afterwards. In wick mode a bar may break both sides: the level nearer to
the open goes first; at equal distance nothing tells the order, both are judged against the trend
before the bar, and the trend afterwards is the bar's own direction.

Definition 2 adds what makes a break a market structure shift: ``displacement`` (the body is at least
``body_atr`` mean true ranges of the bars before), ``gap_in_leg`` (a gap of the break's direction lies
between the leg's far end and the breaking bar), ``mss`` (a CHoCH with both). Levels are as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.columns import EngineState, as_rows
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.kinds import WIDTH
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.windows import BarBlock, BarTail, Window

DEFINITION = 2
ROWS_OF_SWING = 3
"""Usual rows a swing; the table grows where there are more."""


@dataclass(frozen=True, slots=True)
class BreakParams:
    """Swings whose levels are broken, what breaks them (close, or the bar's range), a strong body."""

    swing: SwingParams
    mode: Literal["close", "wick"] = "close"
    body_atr: float = 1.0
    atr_bars: int = 14

    def __post_init__(self) -> None:
        if self.mode not in ("close", "wick"):
            raise ValueError(f"mode is close or wick, got {self.mode!r}")


class StructureEngine(EngineState):
    """Swings, their breaks and, with ``blocks``, order blocks and their life, bar after bar."""

    def __init__(self, params: BreakParams, *, blocks: bool = True) -> None:
        from zanzibar_assets.analysis import _leg_kernels as legs
        from zanzibar_assets.analysis._structure_kernels import BLOCK_FIELDS

        self.params, self.blocks = params, blocks
        super().__init__(
            {
                "sides": np.zeros((2, legs.SIDE_REGISTERS), np.int64),
                "common": np.zeros(legs.COMMON_REGISTERS, np.int64),
                "heaps": np.empty((4, BLOCK_FIELDS, 64), np.int64),
                "sizes": np.zeros(4, np.int64),
            }
        )

    @property
    def lookback(self) -> int:
        """Earlier bars that a window needs."""
        return max(self.params.swing.left + self.params.swing.right, self.params.atr_bars + 1, 2)

    def feed(self, window: Window) -> Ints:
        """Rows that the new bars of a window make known."""
        from zanzibar_assets.analysis._structure_kernels import Rules, structure_rows
        from zanzibar_assets.analysis._swing_kernels import swing_marks

        params, state, ohlc = self.params, self.arrays, window.bars.ohlc
        left, right, wick = params.swing.left, params.swing.right, params.mode == "wick"
        rules = Rules(left, right, wick, params.atr_bars, float(params.body_atr), self.blocks)
        marks = swing_marks(ohlc, window.first, window.base, left, right)
        most = ROWS_OF_SWING * (int(np.count_nonzero(marks)) + 1) + int(state["sizes"].sum())
        out, count, state["heaps"] = structure_rows(
            ohlc, marks, window.first, window.base, rules, state["sides"], state["common"],
            state["heaps"], state["sizes"], np.empty((WIDTH, most | 1), np.int64),
        )  # fmt: skip
        return out[:, :count]

    def used(self) -> dict[str, Ints]:
        """The arrays without their spare room."""
        size = int(self.arrays["sizes"].max())
        return {**self.arrays, "heaps": self.arrays["heaps"][:, :, :size]}


def structure(bars: BarSeries, params: BreakParams) -> list[Row]:
    """Swings, breaks and order blocks of a series."""
    engine = StructureEngine(params)
    return as_rows(engine.feed(BarTail(engine.lookback).join(BarBlock.of(bars))))


def breaks(bars: BarSeries, params: BreakParams) -> list[Row]:
    """All BOS and CHoCH rows of a series (``ref`` is the broken swing)."""
    return [row for row in structure(bars, params) if row.kind in ("bos", "choch")]
