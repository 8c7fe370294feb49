"""Pure measures of risk and size: Kelly, VaR, expected shortfall, QLIKE.

Returns are simple or log returns per period as fractions; losses are positive numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def kelly_binary(win_probability: float, odds: float) -> tuple[float, float]:
    """Kelly fraction and log growth per bet of a bet that pays ``odds`` to one (Kelly 1956).

    A bet without an edge is not taken: fraction and growth are then 0. ValueError when the
    probability is outside [0, 1] or the odds are not positive.
    """
    if not 0.0 <= win_probability <= 1.0 or not odds > 0.0:
        raise ValueError(f"no bet: probability {win_probability}, odds {odds}; expected [0, 1] and > 0")
    loss_probability = 1.0 - win_probability
    fraction = win_probability - loss_probability / odds
    if fraction <= 0.0:
        return 0.0, 0.0
    growth = win_probability * math.log1p(fraction * odds)
    if loss_probability > 0.0:
        growth += loss_probability * math.log1p(-fraction)
    return fraction, growth


def kelly_continuous(mean: float, sd: float, risk_free: float = 0.0) -> tuple[float, float]:
    """Kelly leverage ``(mean - rf) / sd^2`` and its growth ``rf + (mean - rf)^2 / (2 sd^2)`` (Thorp 2006).

    Negative for a losing strategy; the caller decides what to do with that.
    """
    if not sd > 0.0:
        raise ValueError(f"standard deviation must be positive, got {sd}")
    excess = mean - risk_free
    return excess / sd**2, risk_free + excess**2 / (2.0 * sd**2)


def growth_share(kelly_multiple: float) -> float:
    """Share of the greatest growth that a multiple ``c`` of full Kelly gives: ``c (2 - c)``."""
    return kelly_multiple * (2.0 - kelly_multiple)


def historical_var(returns: Floats, level: float) -> float:
    """Smallest loss that at least ``level`` of the observed returns do not exceed."""
    losses = np.sort(-_checked(returns, level))
    return float(losses[_rank(len(losses), level) - 1])


def expected_shortfall(returns: Floats, level: float) -> float:
    """Mean loss of the worst ``1 - level`` of the returns, the border observation counted in part.

    Acerbi and Tasche's estimator: coherent, and never below ``historical_var`` of the same level.
    """
    losses = np.sort(-_checked(returns, level))
    tail = len(losses) * (1.0 - level)
    rank = _rank(len(losses), level)
    beyond = losses[rank:]
    border = max(tail - len(beyond), 0.0)
    weight = len(beyond) + border
    return float((beyond.sum() + border * losses[rank - 1]) / weight)


def normal_var(sigma: float, level: float) -> float:
    """Loss quantile of a normal with mean 0."""
    from scipy.stats import norm

    return float(sigma * norm.ppf(level))


def normal_expected_shortfall(sigma: float, level: float) -> float:
    """Mean loss beyond ``normal_var`` of a normal with mean 0."""
    from scipy.stats import norm

    return float(sigma * norm.pdf(norm.ppf(level)) / (1.0 - level))


def qlike(realised: Floats, forecast: Floats) -> float:
    """Mean of ``r/f - ln(r/f) - 1`` over positive variances: 0 for a perfect forecast."""
    if len(realised) != len(forecast) or len(realised) == 0:
        raise ValueError(
            f"needs as many realised as forecast variances, got {len(realised)}, {len(forecast)}"
        )
    if (realised <= 0).any() or (forecast <= 0).any():
        raise ValueError("variances must be positive")
    ratio = realised / forecast
    return float(np.mean(ratio - np.log(ratio) - 1.0))


def _rank(count: int, level: float) -> int:
    """Rank of the quantile: ceil(count * level), safe against the last bit of the product."""
    return min(max(math.ceil(round(count * level, 9)), 1), count)


def _checked(returns: Floats, level: float) -> Floats:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    values = np.asarray(returns, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"needs finite returns, got {values.size} of which some may be missing")
    return values
