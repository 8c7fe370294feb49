"""Sweeps (stop runs) of known levels, seen on bars.

A bar penetrates a level when it trades ``min_pen`` ticks or more beyond it. A close back inside
within ``reclaim_bars`` bars, the penetrating bar being the first, is a sweep; else the level is
accepted. A touch is neither. Each arming of a level has one outcome; a pool replaces the smaller
pool that it grew from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.columns import EngineState, as_rows, fresh_table, level_number, level_table
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.windows import BarBlock, BarTail, Window

KINDS = ("level_sweep", "level_accept")


@dataclass(frozen=True, slots=True)
class SweepParams:
    """Smallest penetration in ticks, and the bars within which a close must come back."""

    min_pen: int = 1
    reclaim_bars: int = 5

    def __post_init__(self) -> None:
        if self.min_pen < 1 or self.reclaim_bars < 1:
            raise ValueError(f"min_pen and reclaim_bars are at least 1, got {self}")


class SweepEngine(EngineState):
    """Armed levels of each side by price, and the penetrations that wait for their outcome.

    A level's side is its row's ``dir``: +1 rests above the market, -1 below.
    """

    def __init__(self, params: SweepParams) -> None:
        from zanzibar_assets.analysis import _pool_kernels as kernels

        self.params = params
        super().__init__(
            {
                "waiting": np.empty((2, kernels.WAITING_FIELDS, 64), np.int64),
                "opened": np.empty((2, kernels.OPEN_FIELDS, 64), np.int64),
                "sizes": np.zeros(4, np.int64),
                "serial": np.zeros(1, np.int64),
            }
        )

    def feed(self, window: Window, levels: Ints) -> Ints:
        """Outcomes that the new bars make known; ``levels`` arm at the close of their ``known_idx``."""
        from zanzibar_assets.analysis._pool_kernels import sweep_rows

        state = self.arrays
        out, count, state["waiting"], state["opened"] = sweep_rows(
            window.bars.ohlc, window.first, window.base, self.params.min_pen, self.params.reclaim_bars,
            levels, state["waiting"], state["opened"], state["sizes"], state["serial"], fresh_table(0),
        )  # fmt: skip
        return out[:, :count]

    def used(self) -> dict[str, Ints]:
        """The arrays without their spare room."""
        sizes = self.arrays["sizes"]
        waiting, opened = int(sizes[:2].max()), int(sizes[2:].max())
        return {
            **self.arrays,
            "waiting": self.arrays["waiting"][:, :, :waiting],
            "opened": self.arrays["opened"][:, :, :opened],
        }


def bar_sweeps(bars: BarSeries, levels: Iterable[Row], params: SweepParams) -> list[Row]:
    """Outcomes of levels, each armed at the close of its own ``known_idx`` (-1: before the first bar)."""
    given = list(levels)
    engine = SweepEngine(params)
    outcomes = engine.feed(BarTail(0).join(BarBlock.of(bars)), level_table(given))
    return as_rows(outcomes, {level_number(k): level for k, level in enumerate(given)})
