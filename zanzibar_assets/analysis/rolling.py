"""Rolling sums and moments over the last rows, by differences of running sums.

Running sums add from left to right, so the values on a prefix are bit-identical to the whole's.
Every function looks back only; NaN marks windows that hold too few rows. ``running`` does the same
for series that come in blocks.
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats
from zanzibar_assets.analysis.running import Running, divide

__all__ = ["divide", "past_zscore", "rolling_mean", "rolling_slope", "rolling_sum", "shifted"]

_RELATIVE_ZERO = 1e-12


def rolling_sum(values: Floats, window: int) -> Floats:
    """Sum of the last ``window`` rows, the current one included; fewer at the start."""
    return Running().sum("", values, window)


def shifted(values: Floats, rows: int = 1) -> Floats:
    """Values of ``rows`` rows before; NaN at the start."""
    out = np.full(len(values), np.nan)
    if rows < len(values):
        out[rows:] = values[: len(values) - rows]
    return out


def rolling_mean(values: Floats, window: int, min_rows: int) -> Floats:
    """Mean of the finite values among the last ``window`` rows; NaN with fewer than ``min_rows``."""
    return Running().mean("", values, window, min_rows)


def past_zscore(values: Floats, window: int) -> Floats:
    """(value - mean) / sd of the ``window`` rows BEFORE the current one (population sd).

    NaN until ``window`` earlier rows exist and where they do not vary.
    """
    if len(values) == 0:
        return np.empty(0)
    centred = values - values[0]
    mean = shifted(rolling_sum(centred, window)) / window
    square = shifted(rolling_sum(centred**2, window)) / window
    variance = square - mean**2
    varies = variance > _RELATIVE_ZERO * np.maximum(square, 1e-300)
    sd = np.sqrt(np.where(varies, variance, np.nan))
    score: Floats = (centred - mean) / sd
    score[:window] = np.nan
    return score


def rolling_slope(x: Floats, y: Floats, window: int, min_rows: int) -> Floats:
    """Least-squares slope of y on x over the last ``window`` rows; NaN where x does not vary."""
    return Running().slope("", x, y, window, min_rows)
