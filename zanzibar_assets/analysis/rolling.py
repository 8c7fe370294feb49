"""Rolling sums and moments over the last rows, by differences of running sums.

Running sums add from left to right, so the values on a prefix are bit-identical to the whole's.
Every function looks back only; NaN marks windows that hold too few rows.
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats

_RELATIVE_ZERO = 1e-12


def rolling_sum(values: Floats, window: int) -> Floats:
    """Sum of the last ``window`` rows, the current one included; fewer at the start."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    ends = np.arange(1, len(values) + 1)
    sums: Floats = total[ends] - total[np.maximum(ends - window, 0)]
    return sums


def shifted(values: Floats, rows: int = 1) -> Floats:
    """Values of ``rows`` rows before; NaN at the start."""
    out = np.full(len(values), np.nan)
    if rows < len(values):
        out[rows:] = values[: len(values) - rows]
    return out


def rolling_mean(values: Floats, window: int, min_rows: int) -> Floats:
    """Mean of the finite values among the last ``window`` rows; NaN with fewer than ``min_rows``."""
    finite = np.isfinite(values)
    count = rolling_sum(finite.astype(np.float64), window)
    sums = rolling_sum(np.where(finite, values, 0.0), window)
    return divide(sums, np.where(count >= min_rows, count, np.nan))


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient; NaN where the denominator is zero or NaN."""
    usable = np.isfinite(denominator) & (denominator != 0.0)
    quotient: Floats = np.divide(
        numerator, denominator, out=np.full(len(numerator), np.nan), where=usable
    )
    return quotient


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
    usable = np.isfinite(x) & np.isfinite(y)
    xs, ys = np.where(usable, x, 0.0), np.where(usable, y, 0.0)
    count = rolling_sum(usable.astype(np.float64), window)
    n = np.where(count >= min_rows, count, np.nan)
    sum_x, sum_xx = rolling_sum(xs, window), rolling_sum(xs * xs, window)
    covariance = rolling_sum(xs * ys, window) - sum_x * rolling_sum(ys, window) / n
    variance = sum_xx - sum_x**2 / n
    return divide(covariance, np.where(variance > _RELATIVE_ZERO * sum_xx, variance, np.nan))
