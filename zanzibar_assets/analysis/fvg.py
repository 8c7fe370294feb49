"""Fair value gaps and their whole life: touch, middle, fill, inversion, extension.

Bullish on bars i-2, i-1, i: the low of i lies above the high of i-2; the gap is drawn on i-1 and
known at the close of i. Every later change is its own row that refers to the gap: the first bars that
reach its near edge (``fvg_touch``), its middle (``fvg_ce``; an odd middle is not rounded) and its far
edge (``fvg_fill``), equality counting, and the first that closes strictly beyond (``fvg_invert``, of
the opposite direction). A gap right after a gap of its direction that is still unfilled gives an
``fvg_extend`` over both, which refers to the first of the chain; the first is never rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.columns import EngineState, as_rows
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.kinds import WIDTH
from zanzibar_assets.analysis.windows import BarBlock, BarTail, Window

KINDS = ("fvg", "fvg_touch", "fvg_ce", "fvg_fill", "fvg_invert", "fvg_extend")
WAITS = 8
SPARE_GAPS = 4_096
SPARE_ROWS = 8


@dataclass(frozen=True, slots=True)
class FvgParams:
    """Smallest gap in ticks and in mean true ranges of the bars before; 0 leaves a filter off."""

    min_ticks: int = 0
    min_atr: float = 0.0
    atr_bars: int = 14


class GapEngine(EngineState):
    """Live gaps of both directions, and the chain of consecutive gaps that now grows.

    A gap whose three bars do not share one session carries ``gap_across_session``.
    """

    def __init__(self, params: FvgParams) -> None:
        from zanzibar_assets.analysis import _gap_kernels as kernels

        self.params = params
        super().__init__(
            {
                "registers": np.zeros(kernels.GAP_REGISTERS, np.int64),
                "gaps": np.empty((kernels.GAP_FIELDS, 0), np.int64),
                "stacks": np.empty((2 * WAITS, 0), np.int64),
                "sizes": np.zeros(WAITS, np.int64),
            }
        )

    @property
    def lookback(self) -> int:
        """Earlier bars that a window needs."""
        return max(2, self.params.atr_bars + 1 if self.params.min_atr > 0 else 0)

    def feed(self, window: Window) -> Ints:
        """Rows that the new bars of a window make known."""
        from zanzibar_assets.analysis._gap_kernels import gap_rows

        params, state = self.params, self.arrays
        ohlc, first, base = window.bars.ohlc, window.first, window.base
        self._make_room(len(window.bars) - first)
        out = np.empty((WIDTH, self._most_rows(ohlc) | 1), np.int64)
        out, count = gap_rows(
            ohlc, window.bars.sessions, first, base, params.atr_bars, params.min_ticks, params.min_atr,
            state["registers"], state["gaps"], state["stacks"], state["sizes"], out,
        )  # fmt: skip
        return out[:, :count]

    def _most_rows(self, ohlc: Ints) -> int:
        """Rows that the waiting gaps and those of a window can make: each at most six."""
        high, low = ohlc[1], ohlc[2]
        formed = np.count_nonzero((low[2:] > high[:-2]) | (high[2:] < low[:-2]))
        return 6 * int(formed) + int(self.arrays["sizes"].sum()) + SPARE_ROWS

    def _make_room(self, bars: int) -> None:
        """Room for a gap a bar; the gaps that ended are let go when they fill the table."""
        needed = int(self.arrays["registers"][1]) + bars
        if needed <= self.arrays["gaps"].shape[1]:
            return
        held = self.used()
        used = held["gaps"].shape[1]
        for name, array in (("gaps", held["gaps"]), ("stacks", held["stacks"])):
            wide = np.empty((array.shape[0], 2 * used + bars + SPARE_GAPS * (bars < SPARE_GAPS)), np.int64)
            wide[:, : array.shape[1]] = array
            self.arrays[name] = wide
        self.arrays["registers"] = held["registers"]

    def used(self) -> dict[str, Ints]:
        """Only the gaps that still live, numbered anew, and the stacks without their spare room."""
        state = self.arrays
        sizes, stacks = state["sizes"], state["stacks"]
        # A gap leaves the stack of inversions last.
        alive = np.sort(np.concatenate([stacks[WAITS + row, : sizes[row]] for row in (3, 7)]))
        place = np.zeros(int(alive[-1]) + 1 if len(alive) else 0, np.int64)
        place[alive] = np.arange(len(alive))
        short = np.zeros((2 * WAITS, int(sizes.max())), np.int64)
        for row in range(WAITS):
            short[row, : sizes[row]] = stacks[row, : sizes[row]]
            short[WAITS + row, : sizes[row]] = place[stacks[WAITS + row, : sizes[row]]]
        registers = state["registers"].copy()
        registers[1] = len(alive)
        return {**state, "registers": registers, "gaps": state["gaps"][:, alive], "stacks": short}


def fvgs(bars: BarSeries, params: FvgParams, sessions: Sequence[int] | None = None) -> list[Row]:
    """All gaps of a series with their life."""
    engine = GapEngine(params)
    return as_rows(engine.feed(BarTail(engine.lookback).join(BarBlock.of(bars, sessions))))
