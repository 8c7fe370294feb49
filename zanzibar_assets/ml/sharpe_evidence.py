"""Sharpe ratio chapter of the report: PSR, DSR, track record length, bootstrap and Bayesian Sharpe."""

from __future__ import annotations

import math

from zanzibar_assets.config import GateConfig
from zanzibar_assets.ml.bayesian_sharpe import SharpePosterior, bayesian_sharpe, empirical_prior_sd
from zanzibar_assets.ml.bootstrap import sharpe_interval
from zanzibar_assets.ml.metric import MIN_PERIODS, SESSIONS_A_YEAR, Metric, shown
from zanzibar_assets.ml.sharpe import min_trl, moments, psr
from zanzibar_assets.ml.sharpe_errors import missed_share
from zanzibar_assets.ml.strategy import PathResult
from zanzibar_assets.ml.trial_evidence import Field

FIXED_PRIOR_ANNUAL = 0.5
PRIOR_FLOOR_ANNUAL = 0.1
PLANNED_SHARPES = (1.0, 2.0, 3.0)


def sharpe_gates(
    result: PathResult, field: Field, scale: float, gate: GateConfig, seed: int
) -> tuple[bool, list[Metric]]:
    """Whether the record is long enough, and the gates; ``scale`` makes a Sharpe ratio annual."""
    count, periods = len(result.net), len(result.periods)
    if not count or periods < MIN_PERIODS:
        detail = f"{count} trades in {periods} periods are no track record"
        limits = {
            "psr": gate.min_psr, "dsr": gate.min_dsr, "min_trl": float(periods),
            "sharpe_low": gate.min_sharpe_low, "bayes_prob_positive": gate.min_bayes_prob,
        }  # fmt: skip
        return False, [Metric(name, None, limit, False, detail) for name, limit in limits.items()]
    seen = moments(result.periods)
    shape = (seen.sharpe, seen.n, seen.skew, seen.kurtosis)
    hurdle = field.hurdle(seen.n)
    plain, deflated = psr(*shape), psr(*shape, hurdle)
    needed = min_trl(seen.sharpe, seen.skew, seen.kurtosis, confidence=gate.min_psr)
    length = (
        f"{needed:.0f} periods are needed, {seen.n} there" if math.isfinite(needed) else "no edge to prove"
    )
    span = sharpe_interval(result.periods, seed, gate.bootstrap_draws)
    return needed <= seen.n, [
        Metric("psr", plain, gate.min_psr, plain >= gate.min_psr,
               f"P(Sharpe > 0) {plain:.3f} (needs {gate.min_psr:g})"),
        Metric("dsr", deflated, gate.min_dsr, deflated >= gate.min_dsr,
               f"P(Sharpe > best of {field.trials.count} lucky trials, {hurdle:.4f} a period) "
               f"{deflated:.3f} (needs {gate.min_dsr:g})"),
        Metric("min_trl", needed if math.isfinite(needed) else None, float(seen.n), needed <= seen.n, length),
        Metric("sharpe_low", span.low * scale, gate.min_sharpe_low, span.low * scale > gate.min_sharpe_low,
               f"95 % from {span.low * scale:+.2f} to {span.high * scale:+.2f} a year, bootstrapped in "
               f"blocks of {span.block:.1f} periods (needs over {gate.min_sharpe_low:g})"),
        shown("expected_max_sharpe", hurdle, f"a period, over {field.words}"),
        shown("effective_trials", field.trials.effective,
              f"mean correlation of the trials' returns {field.trials.correlation:+.2f}"),
        *_power(seen.n, hurdle, scale, gate),
        *_bayes(result, field, hurdle, scale, gate),
    ]  # fmt: skip


def _power(periods: int, hurdle: float, scale: float, gate: GateConfig) -> list[Metric]:
    """How often a true Sharpe ratio would pass the deflated gate on a record of this length."""
    return [
        shown(
            f"power:{truth:g}",
            1.0 - missed_share(hurdle, truth / scale, periods, alpha=1.0 - gate.min_dsr),
            f"chance that a true Sharpe ratio of {truth:g} a year passes the DSR gate on this record",
        )
        for truth in PLANNED_SHARPES
    ]


def _bayes(result: PathResult, field: Field, hurdle: float, scale: float, gate: GateConfig) -> list[Metric]:
    sharpes, periods = field.sharpes or (result.sharpe,), field.periods or (len(result.periods),)
    empirical = empirical_prior_sd(sharpes, periods, PRIOR_FLOOR_ANNUAL / scale)
    learned = bayesian_sharpe(result.periods, empirical)
    flat = bayesian_sharpe(result.periods, None)
    fixed = bayesian_sharpe(result.periods, FIXED_PRIOR_ANNUAL / scale)
    chance, limit = learned.probability_above(0.0), gate.min_bayes_prob
    prior = f"empirical-Bayes prior, annual sd {empirical * scale:.2f}"
    annual = f"prior sd {FIXED_PRIOR_ANNUAL:g} a year"
    return [
        Metric("bayes_prob_positive", chance, limit, chance >= limit,
               f"P(Sharpe > 0) {chance:.3f} (needs {limit:g}), {prior}"),
        _positive("bayes_prob_positive_flat", flat, scale, hurdle, "flat prior"),
        _positive("bayes_prob_positive_fixed", fixed, scale, hurdle, annual),
        shown("bayes_prob_above_hurdle", learned.probability_above(hurdle),
              "P(Sharpe > best of the lucky trials), empirical-Bayes prior"),
        shown("bayes_sharpe_annual", learned.quantile(0.5) * scale, _posterior_words(learned, scale)),
    ]  # fmt: skip


def _positive(name: str, found: SharpePosterior, scale: float, hurdle: float, prior: str) -> Metric:
    above = f"P(Sharpe > hurdle) {found.probability_above(hurdle):.3f}"
    median = f"annual median {found.quantile(0.5) * scale:+.2f}"
    detail = f"{prior}; {above}; {median}, {_posterior_words(found, scale)}"
    return shown(name, found.probability_above(0.0), detail)


def _posterior_words(found: SharpePosterior, scale: float) -> str:
    return (
        f"95 % from {found.quantile(0.025) * scale:+.2f} to {found.quantile(0.975) * scale:+.2f} a year; "
        f"{found.effective_n:.0f} effective periods, the data weigh {found.shrinkage:.2f}"
    )


def annual_scale(result: PathResult, sessions: int) -> float:
    """What makes a Sharpe ratio per period annual, by the square root of time."""
    return math.sqrt(SESSIONS_A_YEAR * len(result.periods) / sessions)
