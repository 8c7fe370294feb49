"""Regimes per bar: volatility state (hidden Markov model), trend state, and change alarms."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats, floats, nullable
from zanzibar_assets.analysis.history import SESSION, session_numbers
from zanzibar_assets.analysis.hmm import STATES, Hmm, filtered, fit_hmm
from zanzibar_assets.analysis.rolling import divide, rolling_sum
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

MAX_FIT_BARS = 20_000
"""The newest bars of the history that are fitted: more only cost time."""
TREND_BARS = 60
TREND_MIN_BARS = 30
TREND_T = 2.0
CUSUM_BASELINE_BARS = 30
CUSUM_SLACK = 0.5
CUSUM_LIMIT = 8.0


def build_regimes(bars: pl.DataFrame, bars_history: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a bar of Regimes, known at its close.

    The volatility model is fitted on the last ``analysis.regime_history_sessions`` sessions of
    ``bars_history`` (earlier sessions only) and needs ``analysis.regime_min_bars`` bars; otherwise
    its columns are null and ``reason`` says why. Trend and alarm need the session alone.
    """
    if bars.is_empty():
        return empty("regimes")
    model, through = _fitted(bars_history, config)
    values = log_variance(bars)
    columns: list[pl.Series] = _volatility(model, values)
    trend = trend_state(floats(bars, "close"))
    frame = bars.select(EVENT_TS, KNOWN_AT).with_columns(
        *columns,
        nullable(trend).cast(pl.Int8).alias("trend_state"),
        pl.Series("change_alarm", change_alarms(values)),
        pl.lit(through, dtype=pl.String).alias("fitted_through"),
        pl.lit(model if isinstance(model, str) else None, dtype=pl.String).alias("reason"),
    )
    return conform("regimes", frame)


def log_variance(bars: pl.DataFrame) -> Floats:
    """Log of each bar's variance by Parkinson's range estimator, relative to its close.

    The range counts the tick the price stood on, so a bar of one price has the range of one tick
    and the logarithm is finite.
    """
    ticks = floats(bars, "high_ticks") - floats(bars, "low_ticks") + 1.0
    relative = ticks / np.maximum(np.abs(floats(bars, "close_ticks")), 1.0)
    values: Floats = 2.0 * np.log(relative) - np.log(4.0 * np.log(2.0))
    return values


def _fitted(bars_history: pl.DataFrame, config: Config) -> tuple[Hmm | str, str | None]:
    needed = config.analysis.regime_min_bars
    if bars_history.height < needed:
        return f"history holds {bars_history.height} bars; {needed} are needed", None
    sessions = session_numbers(bars_history)
    recent = sessions > sessions[-1] - config.analysis.regime_history_sessions
    past = bars_history.filter(pl.Series(recent)).tail(MAX_FIT_BARS)
    if past.height < needed:
        return f"recent history holds {past.height} bars; {needed} are needed", None
    lengths = np.bincount(session_numbers(past))
    model = fit_hmm(log_variance(past), lengths.tolist(), config.model.seed)
    return model, None if isinstance(model, str) else str(past[SESSION][-1])


def _volatility(model: Hmm | str, values: Floats) -> list[pl.Series]:
    names = ("p_calm", "p_normal", "p_stressed")
    if isinstance(model, str):
        nothing = [pl.repeat(None, len(values), dtype=pl.Float64, eager=True).alias(n) for n in names]
        return [pl.repeat(None, len(values), dtype=pl.Int8, eager=True).alias("vol_state"), *nothing]
    chances = filtered(model, values)
    state = pl.Series("vol_state", chances.argmax(axis=1), dtype=pl.Int8)
    return [state, *(pl.Series(names[i], chances[:, i]) for i in range(STATES))]


def trend_state(close: Floats) -> Floats:
    """+1 up, -1 down, 0 neither, by the t-statistic of the slope over the last 60 bars.

    For a random walk the efficient slope estimate is the mean step, so the statistic is
    mean / sd * sqrt(n) of the session's last steps; a fit of the levels on time would find trends
    in pure noise. NaN with fewer than 30 steps.
    """
    step = np.diff(close, prepend=close[:1])
    known = np.ones(len(close))
    known[:1] = 0.0
    count = rolling_sum(known, TREND_BARS)
    n = np.where(count >= TREND_MIN_BARS, count, np.nan)
    total, squares = rolling_sum(step, TREND_BARS), rolling_sum(step**2, TREND_BARS)
    variance = squares - total**2 / n
    moving = np.where(variance > 1e-12 * squares, variance, np.nan)
    statistic = divide(total / np.sqrt(n), np.sqrt(moving / (n - 1.0)))
    statistic = np.where(np.isnan(moving) & (total != 0.0), np.copysign(np.inf, total), statistic)
    state = np.where(np.abs(statistic) >= TREND_T, np.sign(statistic), 0.0)
    return np.where(np.isfinite(n), state, np.nan)


def change_alarms(values: Floats) -> Bools:
    """Alarms of a two-sided CUSUM of the log variance: True on the bar that raises one.

    Each bar is standardised by mean and deviation of the bars since the last alarm and before it; the
    first 30 only form that baseline. Slack 0.5, limit 8 deviations.
    """
    alarms = np.zeros(len(values), dtype=np.bool_)
    count, mean, squares, rise, fall = 0, 0.0, 0.0, 0.0, 0.0
    for t, value in enumerate(values.tolist()):
        if count >= CUSUM_BASELINE_BARS and squares > 0.0:
            score = (value - mean) / (squares / (count - 1)) ** 0.5
            rise = max(0.0, rise + score - CUSUM_SLACK)
            fall = max(0.0, fall - score - CUSUM_SLACK)
            if max(rise, fall) > CUSUM_LIMIT:
                alarms[t] = True
                count, mean, squares, rise, fall = 0, 0.0, 0.0, 0.0, 0.0
        count += 1
        distance = value - mean
        mean += distance / count
        squares += distance * (value - mean)
    return alarms
