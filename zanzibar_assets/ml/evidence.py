"""The figures that validation judges: gates (with a verdict each) and what stands beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.config import Config, ModelConfig
from zanzibar_assets.ml.bayesian_sharpe import SharpePosterior, bayesian_sharpe, empirical_prior_sd
from zanzibar_assets.ml.ic import hac_mean, icir, rank_ic, rank_scores
from zanzibar_assets.ml.sharpe import dsr, expected_max_sharpe, min_trl, moments, psr
from zanzibar_assets.ml.strategy import PathResult, all_paths, median_path
from zanzibar_assets.ml.trials import RecordedTrial

SESSIONS_A_YEAR = 252
FIXED_PRIOR_ANNUAL = 0.5
PRIOR_FLOOR_ANNUAL = 0.1
IC_LEVEL = 0.05
MIN_PERIODS = 10


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the report; ``passed`` is None for figures that no gate reads."""

    name: str
    value: float | None
    threshold: float | None
    passed: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All metrics and the few figures that the verdict turns on."""

    metrics: tuple[Metric, ...]
    rank_ic: float
    sharpe: float
    trades: int
    long_enough: bool
    summary: str

    @property
    def gates(self) -> int:
        """Metrics that a gate reads."""
        return sum(metric.passed is not None for metric in self.metrics)


@dataclass(frozen=True, slots=True)
class _Field:
    """All trials ever made: how many, and how the Sharpe ratios of the scored ones spread."""

    count: int
    sharpes: tuple[float, ...]
    periods: tuple[int, ...]

    def variance(self, own_periods: int) -> float:
        """Variance of the trials' Sharpes; the sampling variance where fewer than two are scored."""
        if len(self.sharpes) < 2:
            return 1.0 / max(own_periods - 1, 1)
        return float(np.var(self.sharpes, ddof=1))


def gather(oos: pl.DataFrame, trials: Sequence[RecordedTrial], config: Config) -> Evidence:
    """Evidence from a ModelOos frame and every recorded trial of the instrument."""
    settings = config.model
    results = all_paths(oos, settings.trade_threshold)
    middle = median_path(results)
    path = oos.filter(pl.col("path") == middle.path).sort("event_ts")
    scored = [recorded.scores for recorded in trials if recorded.scores is not None]
    field = _Field(
        max(len(trials), 1),
        tuple(scores.sharpe for scores in scored),
        tuple(scores.periods for scores in scored),
    )
    sessions = path["session"].n_unique()
    correlation, ic_metrics = _information(path, settings)
    long_enough, sharpe_metrics = _sharpe_gates(middle, field, settings)
    record = _record(middle, results, sessions)
    metrics = (*ic_metrics, *sharpe_metrics, *_bayes(middle, field, sessions, settings), *record)
    net = float(middle.net.sum()) * 1e4
    summary = (
        f"{len(middle.net)} trades in {len(middle.periods)} periods of {sessions} sessions, "
        f"{net:+.1f} bp net, rank IC {correlation:+.4f}, {field.count} trials"
    )
    return Evidence(metrics, correlation, middle.sharpe, len(middle.net), long_enough, summary)


def _information(path: pl.DataFrame, settings: ModelConfig) -> tuple[float, list[Metric]]:
    prediction, outcome = path["prediction"].to_numpy(), path["gross_return"].to_numpy()
    test = hac_mean(rank_scores(prediction, outcome), settings.horizon_bars)
    by_session = [
        rank_ic(part["prediction"].to_numpy(), part["gross_return"].to_numpy())
        for part in path.partition_by("session", maintain_order=True)
    ]
    passed = test.t >= settings.min_ic_t and test.p_value <= IC_LEVEL
    detail = (
        f"t {test.t:.2f} (needs {settings.min_ic_t:g}), p {test.p_value:.3f}, Newey-West with "
        f"{2 * settings.horizon_bars} lags, {test.degrees:.1f} degrees of freedom"
    )
    return test.mean, [
        Metric("rank_ic", test.mean, None, None, f"Spearman over {len(prediction)} bars"),
        Metric("ic_t", test.t, settings.min_ic_t, passed, detail),
        Metric("icir", icir(np.asarray(by_session)), None, None, f"over {len(by_session)} sessions"),
    ]


def _sharpe_gates(result: PathResult, field: _Field, settings: ModelConfig) -> tuple[bool, list[Metric]]:
    count, periods = len(result.net), len(result.periods)
    if not count or periods < MIN_PERIODS:
        detail = f"{count} trades in {periods} periods are no track record"
        names = {"psr": settings.min_psr, "dsr": settings.min_dsr, "min_trl": float(periods)}
        return False, [Metric(name, None, limit, False, detail) for name, limit in names.items()]
    seen = moments(result.periods)
    hurdle = expected_max_sharpe(field.count, field.variance(seen.n))
    plain = psr(seen.sharpe, seen.n, seen.skew, seen.kurtosis)
    deflated = dsr(seen.sharpe, seen.n, seen.skew, seen.kurtosis, field.count, field.variance(seen.n))
    needed = min_trl(seen.sharpe, seen.skew, seen.kurtosis, confidence=settings.min_psr)
    enough = needed <= seen.n
    length = (
        f"{needed:.0f} periods are needed, {seen.n} there" if math.isfinite(needed) else "no edge to prove"
    )
    return enough, [
        Metric("psr", plain, settings.min_psr, plain >= settings.min_psr,
               f"P(Sharpe > 0) {plain:.3f} (needs {settings.min_psr:g})"),
        Metric("dsr", deflated, settings.min_dsr, deflated >= settings.min_dsr,
               f"P(Sharpe > best of {field.count} lucky trials) {deflated:.3f} (needs {settings.min_dsr:g})"),
        Metric("min_trl", needed if math.isfinite(needed) else None, float(seen.n), enough, length),
        Metric("expected_max_sharpe", hurdle, None, None, f"a period, over {field.count} trials"),
    ]  # fmt: skip


def _bayes(result: PathResult, field: _Field, sessions: int, settings: ModelConfig) -> list[Metric]:
    scale = math.sqrt(SESSIONS_A_YEAR * len(result.periods) / sessions)
    limit = settings.min_bayes_prob
    if len(result.periods) < MIN_PERIODS or not len(result.net):
        return [Metric("bayes_prob_positive", None, limit, False, "no track record")]
    floor = PRIOR_FLOOR_ANNUAL / scale
    sharpes, periods = field.sharpes or (result.sharpe,), field.periods or (len(result.periods),)
    empirical = empirical_prior_sd(sharpes, periods, floor)
    learned = bayesian_sharpe(result.periods, empirical)
    flat = bayesian_sharpe(result.periods, None)
    fixed = bayesian_sharpe(result.periods, FIXED_PRIOR_ANNUAL / scale)
    chance = learned.probability_above(0.0)
    return [
        Metric("bayes_prob_positive", chance, limit, chance >= limit,
               f"P(Sharpe > 0) {chance:.3f} (needs {limit:g}), empirical-Bayes prior, "
               f"annual sd {empirical * scale:.2f}"),
        _posterior_line("bayes_prob_positive_flat", flat, scale, "flat prior"),
        _posterior_line("bayes_prob_positive_fixed", fixed, scale, f"prior sd {FIXED_PRIOR_ANNUAL:g} a year"),
        Metric("bayes_sharpe_annual", learned.quantile(0.5) * scale, None, None,
               f"posterior median; 95 %: {learned.quantile(0.025) * scale:+.2f} to "
               f"{learned.quantile(0.975) * scale:+.2f}; {learned.effective_n:.0f} effective periods, "
               f"the data weigh {learned.shrinkage:.2f}"),
    ]  # fmt: skip


def _posterior_line(name: str, found: SharpePosterior, scale: float, prior: str) -> Metric:
    detail = f"{prior}; annual median {found.quantile(0.5) * scale:+.2f}"
    return Metric(name, found.probability_above(0.0), None, None, detail)


def _record(result: PathResult, results: Sequence[PathResult], sessions: int) -> list[Metric]:
    sharpes = [other.sharpe for other in results]
    scale = math.sqrt(SESSIONS_A_YEAR * len(result.periods) / sessions)
    costs = float((result.gross - result.net).sum()) * 1e4
    won = float((result.net > 0).mean()) if len(result.net) else None
    return [
        Metric("sharpe_period", result.sharpe, None, None,
               f"net, median of {len(sharpes)} paths from {min(sharpes):+.4f} to {max(sharpes):+.4f}"),
        Metric("sharpe_annual", result.sharpe * scale, None, None, "by the square root of time"),
        Metric("n_periods", float(len(result.periods)), None, None, f"{sessions} sessions"),
        Metric("trades", float(len(result.net)), None, None, f"{len(result.net) / sessions:.1f} a session"),
        Metric("turnover", 2.0 * len(result.net) / sessions, None, None, "sides traded a session"),
        Metric("hit_rate", won, None, None, "trades with a net gain"),
        Metric("net_return_bp", float(result.net.sum()) * 1e4, None, None, "sum of log returns"),
        Metric("cost_bp", costs, None, None, "spread and commission that is taken off"),
    ]  # fmt: skip
