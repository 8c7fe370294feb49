"""The figures that validation judges: gates (with a verdict each) and what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.ml.ic import hac_mean, icir, rank_scores
from zanzibar_assets.ml.ic_breakdown import (
    PartIc,
    ic_by,
    ic_by_horizon,
    ic_by_phase,
    ic_by_regime,
    session_ics,
    weakest,
)
from zanzibar_assets.ml.metric import Metric, shown
from zanzibar_assets.ml.sharpe_evidence import annual_scale, sharpe_gates
from zanzibar_assets.ml.strategy import PathResult, all_paths, median_path
from zanzibar_assets.ml.trading_costs import (
    COST_MULTIPLES,
    break_even_multiple,
    capacity,
    sharpe_at_costs,
    traded_volume,
)
from zanzibar_assets.ml.trial_evidence import field_of, overfitting_gate
from zanzibar_assets.ml.trials import RecordedTrial
from zanzibar_assets.ml.walk_forward import walk_forward_metrics

IC_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Market:
    """What the record is looked at against: Bars and Regimes frames with ``session``, and its name."""

    instrument: str
    bars: pl.DataFrame
    regimes: pl.DataFrame


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


def gather(
    oos: pl.DataFrame,
    trials: Sequence[RecordedTrial],
    data_fingerprint: str,
    config: Config,
    market: Market | None = None,
    walk: pl.DataFrame | None = None,
) -> Evidence:
    """Evidence from a ModelOos frame and every recorded trial of the instrument.

    ``data_fingerprint`` is the model's: PBO is over the trials on the same data. Without ``market``
    nothing is said of regimes, phases, decay and capacity, without ``walk`` nothing of retraining.
    """
    results = all_paths(oos, config.model.trade_threshold)
    middle = median_path(results)
    path = oos.filter(pl.col("path") == middle.path).sort("event_ts")
    sessions = path["session"].n_unique()
    scale = annual_scale(middle, sessions)
    field = field_of(trials, config.model.seed)
    correlation, ic_metrics = _information(path, config, market)
    long_enough, sharpe_metrics = sharpe_gates(middle, field, scale, config.gate, config.model.seed)
    metrics = (
        *ic_metrics,
        *sharpe_metrics,
        *overfitting_gate(trials, data_fingerprint, config.gate),
        *_trading(path, middle, sessions, scale, config, market),
        *_record(middle, results, sessions, scale),
        *(walk_forward_metrics(walk, config) if walk is not None else ()),
    )
    net = float(middle.net.sum()) * 1e4
    summary = (
        f"{len(middle.net)} trades in {len(middle.periods)} periods of {sessions} sessions, "
        f"{net:+.1f} bp net, rank IC {correlation:+.4f}, {field.trials.count} trials"
    )
    return Evidence(metrics, correlation, middle.sharpe, len(middle.net), long_enough, summary)


def _information(path: pl.DataFrame, config: Config, market: Market | None) -> tuple[float, list[Metric]]:
    gate, horizon = config.gate, config.model.horizon_bars
    prediction, outcome = path["prediction"].to_numpy(), path["gross_return"].to_numpy()
    test = hac_mean(rank_scores(prediction, outcome), horizon)
    by_session = session_ics(path)
    ratio = icir(by_session)
    detail = (
        f"t {test.t:.2f} (needs {gate.min_ic_t:g}), p {test.p_value:.3f}, Newey-West with "
        f"{2 * horizon} lags, {test.degrees:.1f} degrees of freedom"
    )
    passed = test.t >= gate.min_ic_t and test.p_value <= IC_LEVEL
    return test.mean, [
        shown("rank_ic", test.mean, f"Spearman over {len(prediction)} bars"),
        Metric("ic_t", test.t, gate.min_ic_t, passed, detail),
        Metric("icir", ratio, gate.min_icir, ratio >= gate.min_icir,
               f"mean over spread of the ICs of {len(by_session)} sessions {ratio:+.2f} "
               f"(needs {gate.min_icir:g})"),
        *(_parts(path, config, market) if market is not None else ()),
    ]  # fmt: skip


def _parts(path: pl.DataFrame, config: Config, market: Market) -> list[Metric]:
    horizon, limit = config.model.horizon_bars, config.gate.min_ic_part_t
    decay = ic_by_horizon(path, market.bars, config.gate.horizons)
    named = path.with_columns(pl.lit(market.instrument).alias("part"))
    parts = [
        *ic_by_regime(path, market.regimes, horizon),
        *ic_by_phase(path, market.bars, horizon),
        *ic_by("instrument", named, horizon),
    ]
    lines = [_part_line(part) for part in (*decay, *parts)]
    worst = weakest(parts)
    if worst is None:
        return [*lines, Metric("ic_worst_part", None, limit, None, "not judged: no part is long enough")]
    detail = f"{worst.kind} {worst.part}: IC {worst.test.mean:+.4f}, t {worst.test.t:.2f} (needs {limit:g})"
    return [*lines, Metric("ic_worst_part", worst.test.t, limit, worst.test.t >= limit, detail)]


def _part_line(part: PartIc) -> Metric:
    unit = " bars" if part.kind == "horizon" else ""
    detail = f"rank IC at {part.kind} {part.part}{unit}: t {part.test.t:.2f} over {part.rows} bars"
    return shown(f"ic_{part.kind}:{part.part}", part.test.mean, detail)


def _trading(
    path: pl.DataFrame,
    result: PathResult,
    sessions: int,
    scale: float,
    config: Config,
    market: Market | None,
) -> list[Metric]:
    gate, turnover = config.gate, 2.0 * len(result.net) / sessions
    sharpes = sharpe_at_costs(result, tuple(sorted({*COST_MULTIPLES, gate.costs_stress})))
    stressed, even = sharpes[gate.costs_stress] * scale, break_even_multiple(result)
    words = "no cost was paid" if even is None else f"nothing is left at {even:.2f} times the costs"
    found = [
        Metric("turnover", turnover, gate.max_turnover, turnover <= gate.max_turnover,
               f"{turnover:.1f} sides traded a session (at most {gate.max_turnover:g})"),
        Metric("cost_margin", stressed, 0.0, stressed > 0,
               f"Sharpe {stressed:+.2f} a year at {gate.costs_stress:g} times the costs "
               f"(needs over 0); {words}"),
        *(shown(f"sharpe_at_costs:{multiple:g}", value * scale, f"a year at {multiple:g} times the costs")
          for multiple, value in sharpes.items()),
    ]  # fmt: skip
    if market is None or market.bars.is_empty():
        return found
    size = capacity(result, traded_volume(path, result, market.bars), gate.participation)
    detail = (
        f"{size:.1f} contracts a trade (needs {gate.min_capacity:g}): square-root impact of both sides "
        f"eats the edge there, and at most {gate.participation:.0%} of the volume is taken"
    )
    return [*found, Metric("capacity", size, gate.min_capacity, size >= gate.min_capacity, detail)]


def _record(result: PathResult, results: Sequence[PathResult], sessions: int, scale: float) -> list[Metric]:
    sharpes = [other.sharpe for other in results]
    costs = float((result.gross - result.net).sum()) * 1e4
    won = float((result.net > 0).mean()) if len(result.net) else None
    return [
        shown("sharpe_period", result.sharpe,
              f"net, median of {len(sharpes)} paths from {min(sharpes):+.4f} to {max(sharpes):+.4f}"),
        shown("sharpe_annual", result.sharpe * scale, "by the square root of time"),
        shown("n_periods", float(len(result.periods)), f"{sessions} sessions"),
        shown("trades", float(len(result.net)), f"{len(result.net) / sessions:.1f} a session"),
        shown("hit_rate", won, "trades with a net gain"),
        shown("net_return_bp", float(result.net.sum()) * 1e4, "sum of log returns"),
        shown("cost_bp", costs, "spread and commission that is taken off"),
    ]  # fmt: skip
