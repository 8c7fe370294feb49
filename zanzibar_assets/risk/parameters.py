"""Risk parameters of an instrument: how much a trade may risk, and what a session can cost.

Kelly comes from the model's out-of-sample trades, is shrunk by what is not known about their mean,
and counts only for a model that validation promotes. VaR and expected shortfall come from observed
session returns where there are enough, else from the volatility forecast under a normal, named so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config, RiskConfig
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.risk.kelly import KellyEstimate, estimate_kelly
from zanzibar_assets.risk.measures import (
    expected_shortfall,
    historical_var,
    normal_expected_shortfall,
    normal_var,
)
from zanzibar_assets.risk.realized import session_moves
from zanzibar_assets.risk.trades import oos_trades
from zanzibar_assets.vocabulary import ModelVerdict

LEVELS = {"95": 0.95, "99": 0.99}
PER_CENT = 100.0


@dataclass(frozen=True, slots=True)
class _Size:
    kelly_full: float | None
    kelly_used: float
    risk_pct: float
    reason: str


def build_risk_parameters(
    validation: pl.DataFrame,
    oos: pl.DataFrame,
    volatility: pl.DataFrame,
    bars_history: pl.DataFrame,
    config: Config,
    rolls: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One RiskParameters row; every figure that is missing has its reason in plain words.

    ``rolls`` (ContractRolls of the history's sessions) takes the gaps between contracts out of the
    session returns; without it all bars count as of one contract.
    """
    size = _size(_verdict(validation), oos, config)
    moves = session_moves(bars_history, rolls)
    tail, method, observations, tail_reason = _tail_risk(volatility, moves, config.risk)
    row: dict[str, Any] = {
        "kelly_full": size.kelly_full,
        "kelly_used": size.kelly_used,
        "risk_per_trade_pct": size.risk_pct,
        "rules_risk_per_trade_pct": _rules_risk(config.risk),
        **tail,
        "method": method,
        "observations": observations,
        "as_of_session": _as_of(volatility, bars_history),
        "reason": "; ".join(part for part in (size.reason, tail_reason) if part),
    }
    floats = dict.fromkeys((*tail, "kelly_full"), pl.Float64)
    frame = pl.DataFrame([row], schema_overrides={**floats, "as_of_session": pl.String})
    return conform("risk_parameters", frame)


def _rules_risk(risk: RiskConfig) -> float:
    return max(0.0, min(risk.rules_risk_per_trade_pct, risk.max_risk_per_trade_pct))


def _verdict(validation: pl.DataFrame) -> str:
    if validation.is_empty():
        return ModelVerdict.INSUFFICIENT.value
    return str(validation["verdict"][0])


def _as_of(volatility: pl.DataFrame, bars_history: pl.DataFrame) -> str | None:
    if not bars_history.is_empty():
        return str(bars_history["session"].max())
    return volatility["as_of_session"][0] if len(volatility) else None


def _size(verdict: str, oos: pl.DataFrame, config: Config) -> _Size:
    trades = oos_trades(oos, config.model.trade_threshold)
    if len(trades.returns) < 2:
        return _Size(None, 0.0, 0.0, f"no Kelly fraction: {len(trades.returns)} out-of-sample trades")
    estimate = estimate_kelly(trades.returns, trades.per_year)
    if estimate is None:
        return _Size(None, 0.0, 0.0, "no Kelly fraction: the out-of-sample trades all returned the same")
    if verdict != ModelVerdict.PROMOTE.value:
        return _Size(estimate.full, 0.0, 0.0, f"no risk for the model: its verdict is {verdict}, not promote")
    if estimate.lower_mean <= 0.0:
        reason = f"no risk for the model: with {len(trades.returns)} trades the mean may be 0 or less"
        return _Size(estimate.full, 0.0, 0.0, reason)
    return _capped(estimate, trades.returns, config.risk)


def _capped(estimate: KellyEstimate, returns: NDArray[np.float64], risk: RiskConfig) -> _Size:
    """Fractional Kelly turned into risk: leverage times the mean loss of a losing trade."""
    used = max(0.0, risk.kelly_cap_fraction * estimate.shrunk)
    losses = -returns[returns < 0.0]
    if losses.size == 0:
        reason = "model risk is the configured limit: no out-of-sample trade lost, so Kelly has no bound"
        return _Size(estimate.full, used, risk.max_risk_per_trade_pct, reason)
    wanted = used * float(losses.mean()) * PER_CENT
    risked = min(wanted, risk.max_risk_per_trade_pct)
    limit = ", cut to the configured limit" if wanted > risked else ""
    reason = (
        f"{risk.kelly_cap_fraction:g} of Kelly {estimate.shrunk:.4g} (full {estimate.full:.4g}, shrunk for "
        f"{estimate.trades} trades){limit}"
    )
    return _Size(estimate.full, used, risked, reason)


def _tail_risk(
    volatility: pl.DataFrame, moves: pl.DataFrame, risk: RiskConfig
) -> tuple[dict[str, float | None], str, int, str]:
    returns = moves["session_return"].drop_nulls().to_numpy()
    if len(returns) >= risk.min_returns:
        return _historical(np.expm1(returns)), "historical_worse_side", len(returns), ""
    sigma = volatility["sigma_session"][0] if len(volatility) else None
    if sigma is None:
        names: Mapping[str, float | None] = {
            f"{kind}_{name}_pct": None for name in LEVELS for kind in ("var", "cvar")
        }
        return dict(names), "none", len(returns), "no VaR: no volatility forecast and too few session returns"
    why = f"VaR under a normal: {len(returns)} session returns, {risk.min_returns} needed for observed ones"
    return _normal(float(sigma)), f"normal_{volatility['method'][0]}", len(returns), why


def _historical(returns: NDArray[np.float64]) -> dict[str, float | None]:
    """Of being long and being short the side that loses more: signals come on both."""
    figures: dict[str, float | None] = {}
    for name, level in LEVELS.items():
        figures[f"var_{name}_pct"] = PER_CENT * max(
            historical_var(side, level) for side in (returns, -returns)
        )
        figures[f"cvar_{name}_pct"] = PER_CENT * max(
            expected_shortfall(side, level) for side in (returns, -returns)
        )
    return figures


def _normal(sigma: float) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    for name, level in LEVELS.items():
        figures[f"var_{name}_pct"] = PER_CENT * normal_var(sigma, level)
        figures[f"cvar_{name}_pct"] = PER_CENT * normal_expected_shortfall(sigma, level)
    return figures
