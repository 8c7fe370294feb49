"""What a Sharpe ratio claim costs: power, false discoveries, and serial correlation.

The convention is that of Lopez de Prado, Lipton & Zoonekynd (2025) "How to Use the Sharpe Ratio": the
estimate's variance is taken at the hypothesis that is tested and divided by n. The gate itself uses the
2012 form (``sharpe``), whose variance is taken at the estimate and divided by n - 1. Sharpe ratios are
per period, kurtosis is Pearson's.
"""

from __future__ import annotations

import math

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.sharpe import NORMAL, expected_max_sharpe

GRID_LIMIT = 9.0
GRID_STEPS = 7_200


def sharpe_variance(
    sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, rho: float = 0.0
) -> float:
    """Variance of a Sharpe estimate over n returns of first-order autocorrelation ``rho``."""
    if n < 1 or not -1.0 < rho < 1.0:
        raise ModelError("no variance of a Sharpe ratio", expected="n >= 1, |rho| < 1", got=f"{n}, {rho}")
    squares = 1.0 - rho**2
    inside = (
        (1.0 + rho) / (1.0 - rho)
        - (1.0 + rho + rho**2) / squares * skew * sharpe
        + (1.0 + rho**2) / squares * (kurtosis - 1.0) / 4.0 * sharpe**2
    )
    if inside <= 0:
        raise ModelError(
            "moments that no sample has", got=f"skew {skew}, kurtosis {kurtosis}, Sharpe {sharpe}"
        )
    return inside / n


def psr_at_null(
    sharpe: float, n: int, skew: float, kurtosis: float, benchmark: float = 0.0, rho: float = 0.0
) -> float:
    """Probabilistic Sharpe ratio with the variance that holds when the truth is ``benchmark``."""
    spread = math.sqrt(sharpe_variance(benchmark, n, skew, kurtosis, rho))
    return NORMAL.cdf((sharpe - benchmark) / spread)


def min_trl_at_null(
    sharpe: float, skew: float, kurtosis: float, benchmark: float = 0.0, alpha: float = 0.05
) -> float:
    """Returns that ``psr_at_null`` needs to reach 1 - alpha; infinite without an edge."""
    if sharpe <= benchmark:
        return math.inf
    scale = sharpe_variance(benchmark, 1, skew, kurtosis)
    return scale * (NORMAL.inv_cdf(1.0 - alpha) / (sharpe - benchmark)) ** 2


def missed_share(
    null: float, truth: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, alpha: float = 0.05
) -> float:
    """Beta: the chance that a strategy of Sharpe ``truth`` is not told from ``null`` at level alpha."""
    critical = null + NORMAL.inv_cdf(1.0 - alpha) * math.sqrt(sharpe_variance(null, n, skew, kurtosis))
    return NORMAL.cdf((critical - truth) / math.sqrt(sharpe_variance(truth, n, skew, kurtosis)))


def planned_false_discovery(share_true: float, alpha: float, beta: float) -> float:
    """Share of false ones among what passes, when ``share_true`` of the strategies tried are real."""
    wrong, right = alpha * (1.0 - share_true), (1.0 - beta) * share_true
    return wrong / (wrong + right)


def observed_false_discovery(
    sharpe: float,
    n: int,
    null: float,
    truth: float,
    share_true: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Chance that a Sharpe ratio this high or higher came from ``null`` and not from ``truth``."""
    by_chance = 1.0 - psr_at_null(sharpe, n, skew, kurtosis, null)
    missed = NORMAL.cdf((sharpe - truth) / math.sqrt(sharpe_variance(truth, n, skew, kurtosis)))
    return planned_false_discovery(share_true, by_chance, missed)


def min_backtest_length(n_trials: int, target: float) -> float:
    """Years in which the best of ``n_trials`` without skill is expected to reach ``target`` a year."""
    if target <= 0:
        raise ModelError("a target Sharpe ratio must be positive", got=str(target))
    return (expected_max_sharpe(n_trials, 1.0) / target) ** 2


def max_sharpe_variance(n_trials: int, variance: float) -> float:
    """Variance of the best of ``n_trials`` independent normal Sharpe ratios (trapezoid rule)."""
    if n_trials < 1 or variance < 0:
        raise ModelError(
            "trials cannot be counted", expected=">= 1 trial, variance >= 0", got=f"{n_trials}, {variance}"
        )
    step = 2.0 * GRID_LIMIT / GRID_STEPS
    first = second = 0.0
    for position in range(GRID_STEPS + 1):
        z = -GRID_LIMIT + position * step
        density = n_trials * NORMAL.pdf(z) * NORMAL.cdf(z) ** (n_trials - 1) * step
        first += z * density
        second += z * z * density
    return variance * (second - first**2)


def annual_factor(rho: float, periods: int) -> float:
    """Lo (2002): what a Sharpe ratio of one period grows by over ``periods`` of AR(1) returns."""
    lags = sum((periods - lag) * rho**lag for lag in range(1, periods))
    return periods / math.sqrt(periods + 2.0 * lags)
