"""High and low volume nodes: peaks and valleys of a profile smoothed over neighbouring prices.

Smoothing is by price only (a triangle of weights), never over time. A peak or valley that is flat
counts once, at its middle price; the ends of the range are no nodes.
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints

MIN_REACH, MAX_REACH = 2, 50
ROWS_PER_REACH = 40


def reach_of(rows: int) -> int:
    """Rows that the smoothing looks to either side: a fortieth of the range, 2 to 50."""
    return int(np.clip(rows // ROWS_PER_REACH, MIN_REACH, MAX_REACH))


def smoothed(volume: Floats, reach: int) -> Floats:
    """Volume weighted by a triangle over ``reach`` rows to either side; no volume lies beyond the ends."""
    from zanzibar_assets.analysis._node_kernels import smooth_rows

    found = np.empty(len(volume))
    smooth_rows(np.ascontiguousarray(volume, np.float64), reach, found)
    return found


def nodes(values: Floats) -> tuple[Ints, Ints]:
    """Rows of peaks and of valleys of a smoothed profile."""
    if len(values) < 3:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate(([True], np.diff(values) != 0)))
    ends = np.concatenate((starts[1:], [len(values)])) - 1
    middle, height = (starts + ends) // 2, values[starts]
    if len(height) < 3:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rises, falls = height[1:-1] > height[:-2], height[1:-1] > height[2:]
    inner = middle[1:-1]
    return inner[rises & falls], inner[~rises & ~falls]
