"""Intervals by the stationary bootstrap (Politis & Romano 1994).

Blocks of geometric length keep the returns' own dependence. Their mean length follows Politis & White
(2004) as corrected by Patton, Politis & White (2009). The seed is an argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]
MIN_RETURNS = 8
QUIET_LAGS = 5
BATCH_VALUES = 2_000_000


@dataclass(frozen=True, slots=True)
class SharpeInterval:
    """Percentile interval of a Sharpe ratio per period; ``block`` is the mean block length used."""

    low: float
    high: float
    block: float
    draws: int


def block_length(returns: Floats) -> float:
    """Mean block length of the stationary bootstrap that suits the series, in periods, >= 1.

    Flat-top lag window of twice the last relevant lag (at least 1): the first after which five
    autocorrelations in a row stay within 2 sqrt(log10(n) / n).
    """
    values = _checked(returns)
    n = len(values)
    centred = values - values.mean()
    power = float(centred @ centred) / n
    if power <= 0:
        return 1.0
    highest = min(math.ceil(math.sqrt(n)) + QUIET_LAGS, n - 1)
    gamma = np.array([float(centred[lag:] @ centred[: n - lag]) / n for lag in range(highest + 1)])
    lags = min(2 * _last_relevant(gamma / power, n), highest)
    number = np.arange(1, lags + 1)
    share = number / lags
    weight = np.where(share <= 0.5, 1.0, 2.0 * (1.0 - share))
    kept = gamma[1 : len(number) + 1]
    slope = 2.0 * float((weight * number * kept).sum())
    density = gamma[0] + 2.0 * float((weight * kept).sum())
    if density <= 0:
        return 1.0
    length = (slope**2 / density**2) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    return float(min(max(length, 1.0), math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def _last_relevant(rho: Floats, n: int) -> int:
    quiet = np.abs(rho[1:]) < 2.0 * math.sqrt(math.log10(n) / n)
    for lag in range(len(quiet) - QUIET_LAGS + 1):
        if quiet[lag : lag + QUIET_LAGS].all():
            return max(lag, 1)
    return len(quiet)


def stationary_indices(n: int, draws: int, block: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers of resampled series, shape ``(draws, n)``: blocks wrap round the end."""
    fresh = rng.random((draws, n)) < 1.0 / block
    fresh[:, 0] = True
    starts = rng.integers(0, n, (draws, n))
    position = np.arange(n)
    began = np.maximum.accumulate(np.where(fresh, position, 0), axis=1)
    found: NDArray[np.int64] = (np.take_along_axis(starts, began, axis=1) + position - began) % n
    return found


def sharpe_interval(
    returns: Floats, seed: int, draws: int = 2_000, level: float = 0.95, block: float | None = None
) -> SharpeInterval:
    """Percentile interval of the Sharpe ratio per period; resamples without spread count as 0.

    Raises ModelError for fewer than eight or infinite returns, or a level outside (0, 1).
    """
    values = _checked(returns)
    if not 0.0 < level < 1.0 or draws < 1 or (block is not None and block < 1.0):
        raise ModelError("no interval", expected="0 < level < 1, draws >= 1, block >= 1", got=str(level))
    length = block_length(values) if block is None else block
    rng = np.random.default_rng(seed)
    batch = max(1, BATCH_VALUES // len(values))
    found = []
    for first in range(0, draws, batch):
        rows = values[stationary_indices(len(values), min(batch, draws - first), length, rng)]
        mean, spread = rows.mean(axis=1), rows.std(axis=1, ddof=1)
        real = spread > 1e-12 * np.maximum(np.abs(mean), 1e-300)
        found.append(np.divide(mean, spread, out=np.zeros_like(mean), where=real))
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.concatenate(found), [tail, 1.0 - tail])
    return SharpeInterval(float(low), float(high), length, draws)


def _checked(returns: Floats) -> Floats:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or len(values) < MIN_RETURNS or not np.isfinite(values).all():
        raise ModelError(
            "a bootstrap needs a series of finite returns",
            expected=f">= {MIN_RETURNS}",
            got=f"shape {values.shape}",
        )
    return values
