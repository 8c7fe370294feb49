"""Bayesian Sharpe ratio: a conjugate normal model with a prior on the Sharpe ratio itself.

x ~ N(mu, s2), mu | s2 ~ N(0, s2 / k0), p(s2) ~ 1 / s2: then the prior of SR = mu / s is N(0, 1 / k0).
The posterior of SR is Lecoutre's lambda-prime, whose distribution function is the noncentral t's in its
noncentrality. Skewed, fat-tailed or autocorrelated returns carry less evidence: they enter as fewer
effective observations. Sharpe ratios are per period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.sharpe import Moments, moments, sharpe_spread

Floats = NDArray[np.float64]
NODES = 256
NODE_SPREADS = 10.0


@dataclass(frozen=True, slots=True)
class SharpePosterior:
    """Posterior of a per-period Sharpe ratio.

    ``precision`` is kn, ``degrees`` 2 an and ``location`` tn of the conjugate form; ``effective_n`` the
    observations after allowing for shape and autocorrelation, ``shrinkage`` the data's share n_e / kn.
    """

    location: float
    degrees: float
    precision: float
    mean: float
    sd: float
    effective_n: float
    shrinkage: float

    def probability_above(self, level: float) -> float:
        """P(SR > level), in [0, 1] however far in the tail.

        The lambda-prime variate is location * u + z with u^2 a mean chi-squared and z standard normal:
        its tail is the mean of Phi(location u - sqrt(precision) level) over u, by Gauss-Legendre nodes.
        (scipy's noncentral t, which is the same number, is NaN in the tails.)
        """
        from scipy.special import ndtr

        nodes, weights = _spread_nodes(self.degrees)
        above = ndtr(self.location * nodes - math.sqrt(self.precision) * level)
        return float(min(max(weights @ above, 0.0), 1.0))

    def quantile(self, share: float) -> float:
        """The Sharpe ratio below which ``share`` of the posterior lies (Brent's method to 1e-10)."""
        from scipy.optimize import brentq

        low, high = self.mean - 12.0 * self.sd, self.mean + 12.0 * self.sd
        wanted = 1.0 - share
        return float(brentq(lambda level: self.probability_above(level) - wanted, low, high, xtol=1e-10))


@lru_cache(maxsize=64)
def _spread_nodes(degrees: float) -> tuple[Floats, Floats]:
    """Nodes and weights (sum 1) of the density of sqrt(chi-squared / degrees)."""
    from scipy.special import gammaln

    width = NODE_SPREADS / math.sqrt(2.0 * degrees)
    low, high = max(0.0, 1.0 - width), 1.0 + width
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    nodes = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    half = degrees / 2.0
    scale = math.log(2.0) + half * math.log(half) - float(gammaln(half))
    weights = weights * np.exp(scale + (degrees - 1.0) * np.log(nodes) - half * nodes**2)
    return nodes, weights / weights.sum()


def bayesian_sharpe(returns: Floats, prior_sd: float | None) -> SharpePosterior:
    """Posterior from per-period returns; ``prior_sd`` is the prior's tau per period, None = flat.

    Raises ModelError for fewer than three or constant returns: they say nothing of a variance.
    """
    return posterior(moments(returns), variance_inflation(returns), prior_sd)


def posterior(sample: Moments, inflation: float, prior_sd: float | None) -> SharpePosterior:
    """Posterior from sample moments and the variance inflation of autocorrelation (1 = none)."""
    from scipy.special import gammaln

    if sample.n < 3 or sample.sd <= 0 or (prior_sd is not None and prior_sd <= 0):
        raise ModelError(
            "no posterior of a Sharpe ratio",
            expected="3 returns that vary, prior_sd > 0",
            got=f"{sample.n} returns, sd {sample.sd}",
        )
    shape = sharpe_spread(sample.sharpe, sample.skew, sample.kurtosis) ** 2 / (1.0 + sample.sharpe**2 / 2.0)
    effective = sample.n / (inflation * shape)
    squares = effective / sample.n * sample.sd**2 * (sample.n - 1)
    prior = 0.0 if prior_sd is None else prior_sd**-2
    half = (effective - 1.0) / 2.0 if prior_sd is None else effective / 2.0
    if half <= 0.5:
        raise ModelError("too few effective returns for a posterior", expected="> 2", got=f"{effective:.1f}")
    precision = prior + effective
    centre = effective * sample.mean / precision
    scale = squares / 2.0 + prior * effective * sample.mean**2 / (2.0 * precision)
    inverse_sd = math.exp(float(gammaln(half + 0.5) - gammaln(half))) / math.sqrt(scale)
    variance = 1.0 / precision + centre**2 * (half / scale - inverse_sd**2)
    return SharpePosterior(
        location=centre * math.sqrt(precision) / math.sqrt(scale / half),
        degrees=2.0 * half,
        precision=precision,
        mean=centre * inverse_sd,
        sd=math.sqrt(variance),
        effective_n=effective,
        shrinkage=effective / precision,
    )


def variance_inflation(returns: Floats) -> float:
    """max(1, 1 + 2 sum of Bartlett-weighted autocorrelations), lags 4 (n / 100)^(2/9)."""
    centred = np.asarray(returns, dtype=np.float64) - np.mean(returns)
    power = float(centred @ centred)
    lags = min(int(4.0 * (len(centred) / 100.0) ** (2.0 / 9.0)), len(centred) - 1)
    if power <= 0 or lags < 1:
        return 1.0
    rho = [float(centred[k:] @ centred[:-k]) / power for k in range(1, lags + 1)]
    return max(1.0, 1.0 + 2.0 * sum((1.0 - k / (lags + 1.0)) * r for k, r in enumerate(rho, start=1)))


def empirical_prior_sd(trial_sharpes: Sequence[float], periods: Sequence[int], floor: float) -> float:
    """tau per period estimated from all trials: sqrt(max(mean SR^2 - mean se^2, floor^2)).

    The second moment is taken about zero, where the prior stands: trials that are all good widen the
    prior, trials that scatter no more than chance does shrink it to ``floor``.
    """
    if not trial_sharpes or len(trial_sharpes) != len(periods) or floor <= 0:
        raise ModelError("no prior without trials", expected="one period count a Sharpe ratio, floor > 0")
    sharpes = np.asarray(trial_sharpes, dtype=np.float64)
    noise = (1.0 + sharpes**2 / 2.0) / np.maximum(np.asarray(periods, dtype=np.float64) - 1.0, 1.0)
    return math.sqrt(max(float(np.mean(sharpes**2) - np.mean(noise)), floor**2))
