"""Weight, mean and deviation of the prices of each bar: what a VWAP since any bar is put together from.

Means are distances from the first trade's price, whole ticks mostly: they keep every digit at prices of
1e8, and a market moved by whole ticks has the same ones. A bar in which the session opens has two parts,
before and after: a VWAP since the open takes the later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records
from zanzibar_assets.analysis.running import plain


class BarMoments:
    """Moments of the parts of bars in time order; ``bar_us`` is the grid time at which each part's bar opens.

    ``moments`` has a row (weight, mean, sum of squared deviations) a part, ``regular`` tells the parts since
    the session's open. Means are distances from ``base_ticks``.
    """

    def __init__(self, length_us: int) -> None:
        self.length_us = length_us
        self.bar_us: Ints = np.empty(0, np.int64)
        self.regular: Ints = np.empty(0, np.int64)
        self.moments: Floats = np.empty((0, 3))
        self.base_ticks: float | None = None

    def __len__(self) -> int:
        return len(self.bar_us)

    def add(self, records: Records) -> None:
        """Take along the trades of whole bars, each with a size, after those held."""
        from zanzibar_assets.analysis._vwap_kernels import moments_of

        if len(records) == 0:
            return
        if self.base_ticks is None:
            self.base_ticks = float(records.price_ticks[0])
        bar_us = records.ts_us // self.length_us * self.length_us
        regular = (~records.pre_open).astype(np.int64)
        new = (np.diff(bar_us, prepend=bar_us[0] - 1) != 0) | (np.diff(regular, prepend=regular[0]) != 0)
        starts = np.flatnonzero(new)
        found = np.zeros((len(starts), 3))
        moments_of(records.price_ticks - self.base_ticks, records.size, np.cumsum(new) - 1, found)
        self.bar_us = np.concatenate((self.bar_us, bar_us[starts]))
        self.regular = np.concatenate((self.regular, regular[starts]))
        self.moments = np.concatenate((self.moments, found))

    def forget(self, count: int) -> None:
        """Drop the first parts."""
        self.bar_us, self.regular = self.bar_us[count:], self.regular[count:]
        self.moments = self.moments[count:]

    def since(self, event_us: int) -> int:
        """First part of the bar that opens at a time, or of the first bar after it."""
        return int(np.searchsorted(self.bar_us, event_us, side="left"))

    def since_open(self, bar_us: int) -> int:
        """First part since the session's open, which is in the bar that opens at a time."""
        row = self.since(bar_us)
        return row if self.regular[row] else row + 1

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        columns = [plain(column) for column in self.moments.T]
        return {
            "bar_us": self.bar_us.tolist(),
            "regular": self.regular.tolist(),
            "moments": columns,
            "base_ticks": self.base_ticks,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.bar_us = np.array(saved["bar_us"], np.int64)
        self.regular = np.array(saved["regular"], np.int64)
        self.base_ticks = saved["base_ticks"]
        self.moments = np.ascontiguousarray(np.array(saved["moments"], np.float64).T)
