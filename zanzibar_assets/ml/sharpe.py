"""Sharpe ratio inference: probabilistic and deflated Sharpe ratio, minimum track record length.

All Sharpe ratios are **per period**, never annualised; kurtosis is Pearson's (normal = 3). Sources:
Bailey & Lopez de Prado (2012) "The Sharpe Ratio Efficient Frontier" and (2014) "The Deflated Sharpe
Ratio". The Bayesian counterpart is in ``bayesian_sharpe``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

EULER_GAMMA = 0.5772156649015329
Floats = NDArray[np.float64]
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Moments:
    """Sample moments of per-period returns: count, mean, sd (ddof 1), Sharpe, skew and kurtosis."""

    n: int
    mean: float
    sd: float
    sharpe: float
    skew: float
    kurtosis: float


def moments(returns: Floats) -> Moments:
    """Moments of a return series; constant returns have Sharpe 0, skew 0 and kurtosis 3.

    Raises ModelError for fewer than two returns or values that are not finite.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ModelError(
            "a Sharpe ratio needs a series of finite returns", expected="two or more", got=_seen(values)
        )
    mean, centred = float(values.mean()), values - values.mean()
    variance = float(np.mean(centred**2))
    if variance <= (1e-12 * max(abs(mean), 1e-300)) ** 2:
        return Moments(len(values), mean, 0.0, 0.0, 0.0, 3.0)
    sd = float(values.std(ddof=1))
    skew = float(np.mean(centred**3)) / variance**1.5
    kurtosis = float(np.mean(centred**4)) / variance**2
    return Moments(len(values), mean, sd, mean / sd, skew, kurtosis)


def _seen(values: Floats) -> str:
    return f"shape {values.shape}, {int(np.count_nonzero(~np.isfinite(values)))} not finite"


def sharpe_spread(sharpe: float, skew: float, kurtosis: float) -> float:
    """Standard deviation of a Sharpe estimate times sqrt(n - 1) (Mertens 2002)."""
    inside = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if inside <= 0:
        raise ModelError(
            "moments that no sample has", got=f"skew {skew}, kurtosis {kurtosis}, Sharpe {sharpe}"
        )
    return math.sqrt(inside)


def psr(sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds ``benchmark``, given n returns."""
    if n < 2:
        raise ModelError("a probabilistic Sharpe ratio needs two or more returns", got=str(n))
    return _cdf((sharpe - benchmark) * math.sqrt(n - 1) / sharpe_spread(sharpe, skew, kurtosis))


def expected_max_sharpe(n_trials: int, variance: float) -> float:
    """Expected best Sharpe ratio of ``n_trials`` tries without skill, whose Sharpes vary by ``variance``."""
    if n_trials < 1 or variance < 0:
        raise ModelError(
            "trials cannot be counted", expected=">= 1 trial, variance >= 0", got=f"{n_trials}, {variance}"
        )
    if n_trials == 1:
        return 0.0
    first = NORMAL.inv_cdf(1.0 - 1.0 / n_trials)
    second = NORMAL.inv_cdf(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)


def dsr(sharpe: float, n: int, skew: float, kurtosis: float, n_trials: int, variance: float) -> float:
    """Deflated Sharpe ratio: PSR against the expected best of all trials ever made."""
    return psr(sharpe, n, skew, kurtosis, expected_max_sharpe(n_trials, variance))


def min_trl(
    sharpe: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
    confidence: float = 0.95,
) -> float:
    """Returns needed before PSR against ``benchmark`` reaches ``confidence``; infinite without an edge."""
    if sharpe <= benchmark:
        return math.inf
    return (
        1.0 + (sharpe_spread(sharpe, skew, kurtosis) * NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2
    )


def _cdf(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2.0))
