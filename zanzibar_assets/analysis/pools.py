"""Liquidity pools: equal highs and equal lows, where stops rest.

Swings of one side that lie within a tolerance of the group's first member form a pool from the
second on. A member that price trades through, by a tick or more after it is known, is dropped; a
pool whose level is traded through is taken. A pool that grows is a new row that refers to the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.breaks import BreakParams, StructureEngine
from zanzibar_assets.analysis.columns import EngineState, as_rows, fresh_table, merge, only
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.windows import BarBlock, BarTail, Window

KINDS = ("pool", "pool_taken")


@dataclass(frozen=True, slots=True)
class PoolParams:
    """Tolerance: ``tol_ticks``, or ``tol_atr`` mean true ranges at the later known bar if wider."""

    swing: SwingParams
    tol_ticks: int = 2
    tol_atr: float = 0.0
    atr_bars: int = 14


class PoolEngine(EngineState):
    """The untouched swings of each side and the groups they form."""

    def __init__(self, params: PoolParams) -> None:
        from zanzibar_assets.analysis import _pool_kernels as kernels

        self.params = params
        super().__init__(
            {
                "members": np.empty((2, kernels.MEMBER_FIELDS, 0), np.int64),
                "groups": np.empty((2, kernels.GROUP_FIELDS, 0), np.int64),
                "sizes": np.zeros((2, 2), np.int64),
                "serial": np.zeros(1, np.int64),
            }
        )

    @property
    def lookback(self) -> int:
        """Earlier bars that a window needs."""
        return self.params.atr_bars + 1 if self.params.tol_atr > 0 else 0

    def feed(self, window: Window, points: Ints) -> Ints:
        """Rows that the new bars make known; ``points`` are the swings confirmed on them."""
        from zanzibar_assets.analysis._pool_kernels import pool_rows

        params, state = self.params, self.arrays
        ohlc, first, base = window.bars.ohlc, window.first, window.base
        self._make_room(points.shape[1])
        out, count = pool_rows(
            ohlc, first, base, params.atr_bars, params.tol_ticks, params.tol_atr, points,
            state["members"], state["groups"], state["sizes"], state["serial"], fresh_table(0),
        )  # fmt: skip
        return out[:, :count]

    def _make_room(self, points: int) -> None:
        for name, held in self.used().items():
            if name in ("members", "groups"):
                if held.shape[2] + points <= self.arrays[name].shape[2]:
                    continue
                wide = np.empty((*held.shape[:2], 2 * held.shape[2] + points + 64), np.int64)
                wide[:, :, : held.shape[2]] = held
                self.arrays[name] = wide

    def used(self) -> dict[str, Ints]:
        """The arrays without their spare room."""
        members, groups = (int(size) for size in self.arrays["sizes"].max(axis=0))
        return {
            **self.arrays,
            "members": self.arrays["members"][:, :, :members],
            "groups": self.arrays["groups"][:, :, :groups],
        }


def pools(bars: BarSeries, params: PoolParams) -> list[Row]:
    """All pools of a series and their taking."""
    points, engine = StructureEngine(BreakParams(params.swing)), PoolEngine(params)
    window = BarTail(max(points.lookback, engine.lookback)).join(BarBlock.of(bars))
    confirmed = only(points.feed(window), ("swing",))
    return [row for row in as_rows(merge([engine.feed(window, confirmed)])) if row.kind in KINDS]
