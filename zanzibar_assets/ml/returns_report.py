"""What a series of returns proves, after all the trials that it was picked from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.bayesian_sharpe import SharpePosterior, bayesian_sharpe
from zanzibar_assets.ml.bootstrap import sharpe_interval
from zanzibar_assets.ml.ic import hac_mean, rank_scores
from zanzibar_assets.ml.sharpe import dsr, expected_max_sharpe, min_trl, moments, psr, sharpe_spread

Floats = NDArray[np.float64]
FIXED_PRIOR_ANNUAL = 0.5
IC_HORIZON = 1
CONFIDENCE = 0.95


def returns_report(
    returns: Floats,
    scores: Floats | None,
    trials: int,
    var_trials: float | None,
    periods: float | None,
    seed: int,
) -> dict[str, Any]:
    """Figures of a return series by name; Sharpe ratios are per period unless the name says annual.

    ``var_trials`` is the variance of the trials' Sharpe ratios per period, 1 / (T - 1) when not given;
    ``periods`` the number of periods a year. What does not exist is None. Raises ModelError for returns
    that never vary.
    """
    seen = moments(returns)
    if seen.sd <= 0:
        raise ModelError(
            "the returns never vary: they have no Sharpe ratio", got=f"{seen.n} returns of {seen.mean:g}"
        )
    variance = 1.0 / (seen.n - 1) if var_trials is None else var_trials
    shape = (seen.sharpe, seen.n, seen.skew, seen.kurtosis)
    needed = min_trl(seen.sharpe, seen.skew, seen.kurtosis, confidence=CONFIDENCE)
    interval = sharpe_interval(returns, seed)
    found: dict[str, Any] = {
        "n": seen.n,
        "mean": seen.mean,
        "sd": seen.sd,
        "skew": seen.skew,
        "kurtosis": seen.kurtosis,
        "sharpe": seen.sharpe,
        "sharpe_se": sharpe_spread(seen.sharpe, seen.skew, seen.kurtosis) / math.sqrt(seen.n - 1),
        "sharpe_low": interval.low,
        "sharpe_high": interval.high,
        "bootstrap_block": interval.block,
        "psr": psr(*shape),
        "trials": trials,
        "var_trials": variance,
        "expected_max_sharpe": expected_max_sharpe(trials, variance),
        "dsr": dsr(*shape, trials, variance),
        "min_trl": needed if math.isfinite(needed) else None,
        "periods": periods,
        "sharpe_annual": None if periods is None else seen.sharpe * math.sqrt(periods),
        "min_trl_years": needed / periods if periods is not None and math.isfinite(needed) else None,
    }
    return {**found, **_bayes(returns, periods), **_information(scores, returns)}


def _bayes(returns: Floats, periods: float | None) -> dict[str, Any]:
    flat = bayesian_sharpe(returns, None)
    found = {"bayes_prob_positive": flat.probability_above(0.0), **_posterior("bayes", flat)}
    if periods is None:
        return found
    fixed = bayesian_sharpe(returns, FIXED_PRIOR_ANNUAL / math.sqrt(periods))
    found["bayes_tau_annual"] = FIXED_PRIOR_ANNUAL
    found["bayes_prob_positive_tau"] = fixed.probability_above(0.0)
    return found | _posterior("bayes_tau", fixed)


def _posterior(name: str, found: SharpePosterior) -> dict[str, Any]:
    return {
        f"{name}_median": found.quantile(0.5),
        f"{name}_low": found.quantile(0.025),
        f"{name}_high": found.quantile(0.975),
        f"{name}_effective_n": found.effective_n,
        f"{name}_shrinkage": found.shrinkage,
    }


def _information(scores: Floats | None, returns: Floats) -> dict[str, Any]:
    if scores is None:
        return {}
    test = hac_mean(rank_scores(scores, returns), IC_HORIZON)
    return {
        "ic": test.mean,
        "ic_t": test.t,
        "ic_p_value": test.p_value,
        "ic_lags": 2 * IC_HORIZON,
        "ic_degrees": test.degrees,
    }
