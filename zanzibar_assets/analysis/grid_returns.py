"""Closes on a common time grid, and the returns over its steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats, Ints, floats, micros
from zanzibar_assets.vocabulary import KNOWN_AT, US_PER_SECOND

GRID_US = 300 * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Closes:
    """Log closes of one instrument by the time they were known (ascending)."""

    known_us: Ints
    log_close: Floats

    @classmethod
    def of(cls, *frames: pl.DataFrame) -> Closes:
        """Closes of frames of bars that follow one another; closes of zero or less are left out."""
        columns = (KNOWN_AT, "close")
        bars = pl.concat([frame.select(columns) for frame in frames]).filter(pl.col("close") > 0)
        return cls(micros(bars, KNOWN_AT), np.log(floats(bars, "close")))

    def on_grid(self, grid: Ints) -> tuple[Floats, Bools]:
        """Last close known at each grid time, and whether it became known within the last step."""
        if not len(self.known_us):
            return np.full(len(grid), np.nan), np.zeros(len(grid), dtype=np.bool_)
        row = np.searchsorted(self.known_us, grid, side="right") - 1
        fresh = (row >= 0) & (self.known_us[row] > grid - GRID_US)
        return self.log_close[row], fresh

    def returns(self, grid: Ints) -> Floats:
        """Return over each grid step; NaN unless a close became known in it and in the one before."""
        close, fresh = self.on_grid(grid)
        step = np.diff(close, prepend=np.nan)
        usable = fresh & np.concatenate((np.zeros(1, dtype=np.bool_), fresh[:-1]))
        return np.where(usable, step, np.nan)


def grid_of(series: list[Closes]) -> Ints:
    """Multiples of five minutes from before the first close known to the last one."""
    known = [closes.known_us for closes in series if len(closes.known_us)]
    if not known:
        return np.empty(0, dtype=np.int64)
    first = min(int(stamps[0]) for stamps in known) // GRID_US * GRID_US
    return np.arange(first, max(int(stamps[-1]) for stamps in known) + 1, GRID_US, dtype=np.int64)
