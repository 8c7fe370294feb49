"""Contracts of labels, features, models, predictions and validation."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from zanzibar_assets.contracts.base import Frame, TimedFrame


class Labels(TimedFrame):
    """Triple-barrier label of each bar: ``event_ts`` = the bar's close (entry), ``known_at`` = exit.

    ``label`` +1 upper, -1 lower, 0 time barrier; returns are log returns of the long side,
    ``net_return`` after a round trip's assumed costs; ``sigma`` volatility per bar at the entry,
    ``horizon_bars`` the exchange time allowed; ``weight`` is average uniqueness. ``path_basis``: the
    walked path was trades alone, or held bar records (which do not say which extreme came first).
    """

    label: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    gross_return: pl.Float64
    net_return: pl.Float64
    barrier: str = pa.Field(isin=["upper", "lower", "time"])
    sigma: pl.Float64 = pa.Field(gt=0)
    horizon_bars: pl.Int32 = pa.Field(gt=0)
    weight: pl.Float64 = pa.Field(ge=0, le=1)
    entry_ticks: pl.Int64 = pa.Field(gt=0)
    exit_ticks: pl.Int64 = pa.Field(gt=0)
    path_basis: str = pa.Field(isin=["ticks", "bar_records"])


class HorizonReturns(TimedFrame):
    """Log return from a bar's close (``event_ts``) over ``horizon_bars`` bars of exchange time.

    ``known_at`` is the first bar's close at or after the horizon's end. A horizon that would cross the
    end of trading has no row. ``net_long`` and ``net_short``: either side after a round trip's costs.
    """

    horizon_bars: pl.Int32 = pa.Field(gt=0)
    entry_ticks: pl.Int64 = pa.Field(gt=0)
    exit_ticks: pl.Int64 = pa.Field(gt=0)
    gross_return: pl.Float64
    net_long: pl.Float64
    net_short: pl.Float64


class MetaLabels(TimedFrame):
    """Was a primary rule right? ``label`` 1 when its side's triple barrier paid more than its costs.

    ``event_ts`` is the entry (a bar's close), ``known_at`` the exit; ``side`` +1 long, -1 short, from row
    ``source_id`` of the rule's table; returns are those of the side; ``weight`` is uniqueness among the
    rule's labels; ``score`` what the rule said of its own strength (null where it says nothing).
    """

    rule: str
    source_id: str
    side: pl.Int8 = pa.Field(isin=[-1, 1])
    score: pl.Float64 = pa.Field(nullable=True)
    label: pl.Int8 = pa.Field(isin=[0, 1])
    gross_return: pl.Float64
    net_return: pl.Float64
    barrier: str = pa.Field(isin=["profit", "loss", "time"])
    sigma: pl.Float64 = pa.Field(gt=0)
    horizon_bars: pl.Int32 = pa.Field(gt=0)
    weight: pl.Float64 = pa.Field(ge=0, le=1)
    entry_ticks: pl.Int64 = pa.Field(gt=0)
    exit_ticks: pl.Int64 = pa.Field(gt=0)
    path_basis: str = pa.Field(isin=["ticks", "bar_records"])


class TrainedModel(Frame):
    """One row: the model, or why there is none. ``payload`` is LightGBM text or JSON, never a pickle.

    ``parameters``, ``features`` and ``calibration`` (method and its numbers, and the trees that early
    stopping kept) are JSON; ``trials`` counts the configurations this training tried
    (the trial registry holds all that were ever tried).
    """

    model_id: str
    status: str = pa.Field(isin=["trained", "insufficient_history"])
    reason: str = pa.Field(nullable=True)
    algorithm: str
    trained_through: str = pa.Field(nullable=True)
    sessions: pl.Int64 = pa.Field(ge=0)
    rows: pl.Int64 = pa.Field(ge=0)
    seed: pl.Int64
    parameters: str
    features: str
    payload: str
    calibration: str
    data_fingerprint: str
    trials: pl.Int64 = pa.Field(ge=0)
    simulated: bool


class ModelOos(TimedFrame):
    """Out-of-sample predictions of purged cross-validation: one row a bar and path."""

    session: str
    path: pl.Int32 = pa.Field(ge=0)
    prediction: pl.Float64
    label: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    gross_return: pl.Float64
    net_return: pl.Float64


class ModelWalkForward(TimedFrame):
    """Predictions of the chosen configuration retrained through time: one row a bar, by a fit on
    sessions up to ``trained_through`` alone.
    """

    session: str
    trained_through: str
    prediction: pl.Float64
    label: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    gross_return: pl.Float64
    net_return: pl.Float64

    @pa.dataframe_check(error="trained_through is no earlier session")
    def trained_before(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """The fit that speaks of a session saw earlier ones alone."""
        return data.lazyframe.select(pl.col("trained_through") < pl.col("session"))


class ModelExplanation(Frame):
    """Global importance, ranked: mean |SHAP| in log-odds (LightGBM's own contributions, or coefficient
    times deviation for a linear model) and split gain, null for models without splits.
    """

    model_id: str
    feature: str
    mean_abs_shap: pl.Float64 = pa.Field(ge=0)
    gain: pl.Float64 = pa.Field(nullable=True, ge=0)
    rank: pl.Int32 = pa.Field(ge=1)


class ModelInteractions(Frame):
    """Pairs of features that act together, ranked: mean |SHAP interaction| in log-odds, both halves summed.

    ``share`` is the pair's part of all mean |interaction|. A linear model has no rows: it is additive.
    """

    model_id: str
    feature_a: str
    feature_b: str
    mean_abs_interaction: pl.Float64 = pa.Field(ge=0)
    share: pl.Float64 = pa.Field(ge=0, le=1)
    rank: pl.Int32 = pa.Field(ge=1)


class ImportanceStability(Frame):
    """Does importance hold? One row a part: a fold's refitted model, or a third of the time.

    ``rank_correlation``: Spearman of the part's mean |contribution| of all features with the other parts'
    of its kind, mean over them, and the ``lowest``; null when a part leans on nothing. Features that two
    parts both leave out tie and count as agreement, so ``overlap`` stands beside it: the importance in
    common, each part's summing to 1, mean over the others. ``shared_top``: the share of the model's ten
    most important features that are among the part's ten.
    """

    model_id: str
    kind: str = pa.Field(isin=["fold", "period"])
    part: pl.Int32 = pa.Field(ge=1)
    rows: pl.Int64 = pa.Field(gt=0)
    first_session: str
    last_session: str
    rank_correlation: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    lowest: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    overlap: pl.Float64 = pa.Field(ge=0, le=1)
    shared_top: pl.Float64 = pa.Field(ge=0, le=1)


class PredictionReasons(TimedFrame):
    """Why a prediction that may become a signal is what it is, most important reason first.

    A row a reason: ``feature``, its ``value`` at the bar and its ``contribution`` in log-odds; the last
    row of a bar, ``(all others)``, sums the rest. ``base`` plus a bar's contributions is ``log_odds``, the
    score before calibration.
    """

    model_id: str
    prediction: pl.Float64 = pa.Field(ge=0, le=1)
    base: pl.Float64
    log_odds: pl.Float64
    rank: pl.Int32 = pa.Field(ge=1)
    feature: str
    value: pl.Float64 = pa.Field(nullable=True)
    contribution: pl.Float64


class ModelReport(Frame):
    """One row: the page of a model, its verdict and the finding in one sentence."""

    model_id: str
    verdict: str = pa.Field(isin=["promote", "hold", "reject", "insufficient_history"])
    finding: str
    gates: pl.Int32 = pa.Field(ge=0)
    failed: pl.Int32 = pa.Field(ge=0)
    trials: pl.Int64 = pa.Field(ge=0)
    reported_through: str = pa.Field(nullable=True)


class Predictions(TimedFrame):
    """Predictions of a model for a session after its training; ``prediction`` = P(up) in [0, 1]."""

    model_id: str
    prediction: pl.Float64 = pa.Field(ge=0, le=1)


class ValidationReport(Frame):
    """One row a metric; ``verdict`` and ``verdict_reason`` repeat on each row."""

    model_id: str
    metric: str
    value: pl.Float64 = pa.Field(nullable=True)
    threshold: pl.Float64 = pa.Field(nullable=True)
    passed: bool = pa.Field(nullable=True)
    detail: str
    verdict: str = pa.Field(isin=["promote", "hold", "reject", "insufficient_history"])
    verdict_reason: str
    validated_through: str = pa.Field(nullable=True)


class VolatilityForecast(Frame):
    """One row: next-session volatility of log returns, or why there is none."""

    method: str
    as_of_session: str = pa.Field(nullable=True)
    sigma_bar: pl.Float64 = pa.Field(nullable=True, ge=0)
    sigma_session: pl.Float64 = pa.Field(nullable=True, ge=0)
    sigma_annual: pl.Float64 = pa.Field(nullable=True, ge=0)
    observations: pl.Int64 = pa.Field(ge=0)
    reason: str = pa.Field(nullable=True)


class RiskParameters(Frame):
    """One row: Kelly (full, shrunk and capped) and VaR/CVaR of the instrument, with the reasons.

    ``risk_per_trade_pct`` per cent of equity that a model trade may risk; 0 without a measured
    edge. ``rules_risk_per_trade_pct`` for trades from rules alone. VaR/CVaR are positive losses in
    per cent of notional over a session.
    """

    kelly_full: pl.Float64 = pa.Field(nullable=True)
    kelly_used: pl.Float64 = pa.Field(ge=0)
    risk_per_trade_pct: pl.Float64 = pa.Field(ge=0)
    rules_risk_per_trade_pct: pl.Float64 = pa.Field(ge=0)
    var_95_pct: pl.Float64 = pa.Field(nullable=True)
    cvar_95_pct: pl.Float64 = pa.Field(nullable=True)
    var_99_pct: pl.Float64 = pa.Field(nullable=True)
    cvar_99_pct: pl.Float64 = pa.Field(nullable=True)
    method: str
    observations: pl.Int64 = pa.Field(ge=0)
    as_of_session: str = pa.Field(nullable=True)
    reason: str
