"""Volatility of the next session: the forecast that did best on the past, or why there is none.

Sixty sessions and more: GARCH and GJR-GARCH of session returns against an exponentially weighted
mean of realised session variance, chosen by QLIKE on the last third of the past. Fewer: the
weighted mean. One session: what it realised, named so. Sigmas are of log returns; a year has 252
sessions, or 365 where the market trades every day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.risk.garch import ASYMMETRY, one_step_variances
from zanzibar_assets.risk.measures import qlike
from zanzibar_assets.risk.realized import ewma_variance, session_moves

MIN_SESSIONS_FOR_GARCH = 60
SESSIONS_PER_YEAR = 252
DAYS_PER_YEAR = 365
EVERY_DAY_CALENDAR = "24/7"
BARS_SESSIONS = 20
"""Newest sessions that say how many bars a session has and how much of its variance is intraday."""

_NULL_SIGMAS: dict[str, float | None] = {"sigma_bar": None, "sigma_session": None, "sigma_annual": None}


@dataclass(frozen=True, slots=True)
class _Choice:
    method: str
    variance: float
    reason: str


def forecast_volatility(
    bars_history: pl.DataFrame, instrument: Instrument, config: Config, rolls: pl.DataFrame | None = None
) -> pl.DataFrame:
    """One VolatilityForecast row from bars with a ``session`` column, oldest session first.

    ``rolls`` (ContractRolls of the sessions) takes the gaps between contracts out of the returns.
    """
    moves = session_moves(bars_history, rolls)
    variances = moves["variance"].to_numpy()
    row: dict[str, Any] = {
        "as_of_session": moves["session"][-1] if len(moves) else None,
        "observations": len(moves),
    }
    why_not = _why_not(moves)
    if why_not is not None:
        return _frame(row | _NULL_SIGMAS | {"method": "none", "reason": why_not})
    if len(moves) == 1:
        reason = "one session of history: its own realised variance, without an overnight move"
        choice = _Choice("realized_single_session", float(variances[0]), reason)
    else:
        choice = _choose(moves, config.risk.ewma_lambda)
    sigmas = _sigmas(choice.variance, moves, instrument)
    return _frame(row | sigmas | {"method": choice.method, "reason": choice.reason})


def _why_not(moves: pl.DataFrame) -> str | None:
    if moves.is_empty():
        return "no bars in the history"
    if not float(moves["variance"].sum()) > 0.0:
        return "prices did not move in the history, so there is no variance to forecast from"
    return None


def _frame(row: dict[str, Any]) -> pl.DataFrame:
    overrides = {**dict.fromkeys(_NULL_SIGMAS, pl.Float64), "as_of_session": pl.String, "reason": pl.String}
    return conform("volatility_forecast", pl.DataFrame([row], schema_overrides=overrides))


def _sigmas(variance: float, moves: pl.DataFrame, instrument: Instrument) -> dict[str, float | None]:
    """Sigmas a bar, a session and a year; a bar's share leaves the overnight move out."""
    newest = moves.tail(BARS_SESSIONS)
    intraday_share = float(newest["intraday_variance"].sum()) / float(newest["variance"].sum() or math.nan)
    bars = float(newest["bars"].sum()) / len(newest)
    per_year = DAYS_PER_YEAR if instrument.calendar == EVERY_DAY_CALENDAR else SESSIONS_PER_YEAR
    bar = math.sqrt(variance * intraday_share / bars)
    return {
        "sigma_bar": bar if math.isfinite(bar) else None,
        "sigma_session": math.sqrt(variance),
        "sigma_annual": math.sqrt(variance * per_year),
    }


def _choose(moves: pl.DataFrame, decay: float) -> _Choice:
    variances = moves["variance"].to_numpy()
    fallback = ewma_variance(variances, decay)
    usable = moves.filter(pl.col("session_return").is_not_null() & (pl.col("variance") > 0))
    if len(usable) < MIN_SESSIONS_FOR_GARCH:
        reason = f"{len(usable)} sessions with a return: fewer than {MIN_SESSIONS_FOR_GARCH}, so no GARCH"
        return _Choice("ewma_realized", fallback, reason)
    returns, realised = usable["session_return"].to_numpy(), usable["variance"].to_numpy()
    start = len(returns) - len(returns) // 3
    scores = {"ewma_realized": qlike(realised[start:], _ewma_path(realised, start, decay))}
    for model in ASYMMETRY:
        path = one_step_variances(returns, model, start)
        if path is not None:
            scores[model] = qlike(realised[start:], path[:-1])
    return _refit(scores, returns, fallback)


def _refit(scores: dict[str, float], returns: NDArray[np.float64], fallback: float) -> _Choice:
    """Forecast of the best-scoring model, refitted on all of the past."""
    report = "out-of-sample QLIKE " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    refused = [name for name in ASYMMETRY if name not in scores]
    for method in sorted(scores, key=lambda name: scores[name]):
        if method == "ewma_realized":
            break
        ahead = one_step_variances(returns, method, len(returns))
        if ahead is not None:
            return _Choice(method, float(ahead[-1]), _with_refused(report, refused))
        refused.append(method)
    return _Choice("ewma_realized", fallback, _with_refused(report, refused))


def _with_refused(report: str, refused: list[str]) -> str:
    return report + (f"; not usable (no stable fit): {', '.join(refused)}" if refused else "")


def _ewma_path(realised: NDArray[np.float64], start: int, decay: float) -> NDArray[np.float64]:
    """Forecast of each session from ``start`` on, out of the sessions before it."""
    return np.array([ewma_variance(realised[:t], decay) for t in range(start, len(realised))])
