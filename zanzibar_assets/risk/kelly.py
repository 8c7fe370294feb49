"""Kelly leverage from a sample of trade returns, with what is not known about their mean taken off.

Returns are normal with unknown mean and variance; the prior on the trades' Sharpe ratio is
``N(0, tau^2)`` with ``tau = 0.5`` a year, the conjugate form of the Bayesian Sharpe ratio. Kelly
under that knowledge is the posterior mean over the predictive variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.risk.measures import kelly_continuous

PRIOR_ANNUAL_SHARPE_SD = 0.5
LOWER_QUANTILE = 0.05
_ROUNDING = 1e-12
"""Spread below this share of the returns is rounding, not spread."""


@dataclass(frozen=True, slots=True)
class KellyEstimate:
    """``full`` = mean / variance of the sample; ``shrunk`` the leverage given the uncertainty.

    ``lower_mean`` is the 5 % quantile of the posterior of the mean return a trade.
    """

    full: float
    shrunk: float
    lower_mean: float
    trades: int


def estimate_kelly(returns: NDArray[np.float64], per_year: float) -> KellyEstimate | None:
    """Kelly of independent trade returns, ``per_year`` of which happen in a year; None without spread."""
    from scipy.stats import t

    count = len(returns)
    mean, variance = float(np.mean(returns)), float(np.var(returns, ddof=1))
    if not float(np.ptp(returns)) > _ROUNDING * float(np.max(np.abs(returns))):
        return None
    full, _ = kelly_continuous(mean, math.sqrt(variance))
    prior_count = per_year / PRIOR_ANNUAL_SHARPE_SD**2
    weight = prior_count + count
    posterior_mean = count * mean / weight
    degrees = float(count)
    spread = (count - 1) * variance / 2.0 + prior_count * count * mean**2 / (2.0 * weight)
    scale_squared = 2.0 * spread / degrees
    predictive = scale_squared * (1.0 + 1.0 / weight)
    quantile = float(t.ppf(LOWER_QUANTILE, degrees))
    lower = posterior_mean + quantile * math.sqrt(scale_squared / weight)
    return KellyEstimate(full, posterior_mean / predictive, lower, count)
