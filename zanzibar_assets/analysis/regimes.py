"""Regimes per bar: volatility, trend and liquidity states as forward-filtered probabilities.

One hidden Markov model each, fitted on earlier sessions only; see ``docs/regimes.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats
from zanzibar_assets.analysis.history import SESSION, session_numbers
from zanzibar_assets.analysis.hmm import STATES, Hmm, filtered, fit_hmm
from zanzibar_assets.analysis.regime_changes import cusum_alarms
from zanzibar_assets.analysis.regime_measures import drift_score, log_depth, log_variance, tick_log_variance
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

MAX_FIT_BARS = 20_000
"""The newest bars of the history that are fitted: more only cost time."""
SEED = 0
"""The fit starts from the history's own quantiles: a seed decides nothing."""


@dataclass(frozen=True, slots=True)
class Regime:
    """One regime: its measure, and the columns of its state, probabilities and reason.

    ``lowest`` is the number of the state with the lowest mean; ``signed`` states need one on either
    side of zero.
    """

    name: str
    measure: Callable[[pl.DataFrame], Floats]
    state: str
    chances: tuple[str, str, str]
    reason: str
    lowest: int = 0
    signed: bool = False


REGIMES = (
    Regime("volatility", log_variance, "vol_state", ("p_calm", "p_normal", "p_stressed"), "reason"),
    Regime(
        "trend", drift_score, "trend_state", ("p_down", "p_flat", "p_up"), "trend_reason", -1, signed=True
    ),
    Regime(
        "liquidity",
        log_depth,
        "liquidity_state",
        ("p_thin", "p_normal_liquidity", "p_deep"),
        "liquidity_reason",
    ),
)


@dataclass(frozen=True, slots=True)
class FittedRegimes:
    """Model of each regime by name, or why there is none; the last session that was fitted."""

    models: Mapping[str, Hmm | str]
    through: str | None


def build_regimes(bars: pl.DataFrame, bars_history: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a bar of Regimes, known at its close.

    Each model is fitted on the last ``analysis.regime_history_sessions`` sessions of ``bars_history``
    (earlier sessions only) and needs ``analysis.regime_min_bars`` observations; otherwise its columns are
    null and its reason says why. They are null, too, before the session's first observation.
    """
    return empty("regimes") if bars.is_empty() else regime_rows(bars, fit_regimes(bars_history, config))


def fit_regimes(bars_history: pl.DataFrame, config: Config) -> FittedRegimes:
    """The models of a session, fitted on the sessions before it."""
    models = {regime.name: fit_regime(regime, bars_history, config) for regime in REGIMES}
    fitted = any(isinstance(model, Hmm) for model in models.values())
    return FittedRegimes(models, str(bars_history[SESSION][-1]) if fitted else None)


def regime_rows(bars: pl.DataFrame, fitted: FittedRegimes) -> pl.DataFrame:
    """Regimes of a session's bars by fitted models."""
    columns = [column for regime in REGIMES for column in _columns(regime, fitted.models[regime.name], bars)]
    frame = bars.select(EVENT_TS, KNOWN_AT).with_columns(
        *columns,
        pl.Series("change_alarm", cusum_alarms(tick_log_variance(bars)), dtype=pl.Boolean),
        pl.lit(fitted.through, dtype=pl.String).alias("fitted_through"),
    )
    return conform("regimes", frame)


def fit_regime(regime: Regime, bars_history: pl.DataFrame, config: Config) -> Hmm | str:
    """Model of the measure over the recent history, session by session, or why there is none."""
    values, lengths = _observed(regime, bars_history, config.analysis.regime_history_sessions)
    needed = config.analysis.regime_min_bars
    if len(values) < needed:
        return f"history holds {len(values)} bars with a {regime.name}; {needed} are needed"
    model = fit_hmm(values, lengths, SEED)
    if isinstance(model, str):
        return f"{regime.name}: {model}"
    if regime.signed and not model.mean[0] < 0.0 < model.mean[-1]:
        return f"{regime.name}: the history does not hold states on both sides of zero"
    return model


def _observed(regime: Regime, bars_history: pl.DataFrame, sessions: int) -> tuple[Floats, list[int]]:
    if bars_history.is_empty():
        return np.empty(0), []
    number = session_numbers(bars_history)
    recent = bars_history.filter(pl.Series(number > number[-1] - sessions)).tail(MAX_FIT_BARS)
    parts = [regime.measure(part) for part in recent.partition_by(SESSION, maintain_order=True)]
    kept = [part[np.isfinite(part)] for part in parts]
    return np.concatenate(kept), [len(part) for part in kept if len(part)]


def _columns(regime: Regime, model: Hmm | str, bars: pl.DataFrame) -> list[pl.Series]:
    reason = model if isinstance(model, str) else None
    told = pl.repeat(reason, bars.height, dtype=pl.String, eager=True).alias(regime.reason)
    if isinstance(model, str):
        nothing = pl.repeat(None, bars.height, dtype=pl.Float64, eager=True)
        return [nothing.alias(regime.state), *(nothing.alias(name) for name in regime.chances), told]
    values = regime.measure(bars)
    chances = filtered(model, values)
    begun: Bools = np.logical_or.accumulate(np.isfinite(values))
    state = np.where(begun, chances.argmax(axis=1) + regime.lowest, np.nan)
    columns = [state, *(np.where(begun, chances[:, k], np.nan) for k in range(STATES))]
    names = (regime.state, *regime.chances)
    return [*(pl.Series(n, c).fill_nan(None) for n, c in zip(names, columns, strict=True)), told]
