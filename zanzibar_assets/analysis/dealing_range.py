"""Premium, discount and optimal trade entry: where the close stands in the dealing range.

The range lies between the last confirmed swing high and low known at the bar before. Its upper half
is premium, its lower half discount (``e`` widens the middle between them to a band). The zone of
optimal trade entry depends on the leg: after an up-leg (low, then high) it is the retracement of .618
to .786 from the HIGH, where buying is cheap; after a down-leg the same from the low. A row is written
when the zone changes (``dir`` +1 in discount, -1 in premium) and when the close enters an OTE zone
(``dir`` the leg's); it refers to the newer swing of the range (to none where one bar
made both), ``lo`` and ``hi`` are the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.columns import EngineState
from zanzibar_assets.analysis.kinds import NONE, WIDTH
from zanzibar_assets.analysis.windows import Window

KINDS = ("premium", "equilibrium", "discount", "ote")


@dataclass(frozen=True, slots=True)
class RangeParams:
    """Half width of the equilibrium band as a fraction of the range."""

    e: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.e < 0.5:
            raise ValueError(f"e is a fraction from 0 to below .5, got {self.e}")


class RangeEngine(EngineState):
    """The last confirmed swing of each side and the zone of the last close."""

    def __init__(self, params: RangeParams) -> None:
        from zanzibar_assets.analysis import _range_kernels as kernels

        self.params = params
        registers = np.zeros(kernels.RANGE_REGISTERS, np.int64)
        registers[[kernels.R_ZONE, kernels.R_HIGH_NO, kernels.R_LOW_NO]] = (-1, NONE, NONE)
        super().__init__({"registers": registers})

    def feed(self, window: Window, points: Ints) -> Ints:
        """Rows that the new bars make known; ``points`` are the swings confirmed on them."""
        from zanzibar_assets.analysis._range_kernels import range_rows

        out = np.empty((WIDTH, (2 * (len(window.bars) - window.first)) | 1), np.int64)
        count = range_rows(
            window.bars.ohlc, window.first, window.base, float(self.params.e), points,
            self.arrays["registers"], out,
        )  # fmt: skip
        return out[:, :count]
