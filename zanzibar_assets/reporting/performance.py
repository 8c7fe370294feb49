"""Performance of the account over its sessions: trades, money, drawdown; whole and by instrument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.contracts.registry import conform, empty

ACCOUNT_SCOPE = "account"
_NET = pl.col("profit") + pl.col("commission") + pl.col("swap") + pl.col("fee")


def build_performance(
    fills_by_session: Mapping[str, pl.DataFrame], account_states: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Performance: one row for the account and one an instrument, over all sessions given.

    A trade is a position that was closed; it wins when its deals bring more than they cost.
    Returns and drawdown are of realised money, in per cent of the balance before the first session.
    """
    if not account_states:
        return empty("performance")
    sessions = sorted(account_states)
    frames = [fills_by_session[s] for s in sessions if s in fills_by_session]
    fills = pl.concat(frames) if frames else empty("fills")
    # a position's last deal may be listed by two sessions that overlap: a deal counts once
    fills = fills.unique("deal_ticket", keep="first", maintain_order=True).sort("time_utc", "deal_ticket")
    last = account_states[sessions[-1]].row(0, named=True)
    start = float(account_states[sessions[0]]["balance_start"][0])
    scopes = [(ACCOUNT_SCOPE, fills)]
    names = sorted(name for name in fills["instrument"].unique().to_list() if name is not None)
    scopes += [(name, fills.filter(pl.col("instrument") == name)) for name in names]
    rows = [_row(scope, part, start, len(sessions), last) for scope, part in scopes]
    return conform("performance", pl.DataFrame(rows, infer_schema_length=None))


def _row(
    scope: str, fills: pl.DataFrame, start: float, sessions: int, last: Mapping[str, Any]
) -> dict[str, Any]:
    closed = fills.filter(pl.col("entry") != "in")["position_id"].unique()
    trades = fills.filter(pl.col("position_id").is_in(closed.implode()))
    by_trade = trades.group_by("position_id").agg(net=_NET.sum(), approved=pl.col("approved").all())
    net = float(fills.select(_NET.sum()).item() or 0.0)
    costs = float(fills.select((_NET - pl.col("profit")).sum()).item() or 0.0)
    slippage = fills["slippage_points"].mean()
    return {
        "scope": scope,
        "account": last["account"],
        "sessions": sessions,
        "trades": by_trade.height,
        "wins": by_trade.filter(pl.col("net") > 0).height,
        "gross_profit": round(float(fills["profit"].sum()), 8),
        "costs": round(costs, 8),
        "net_profit": round(net, 8),
        "return_pct": net / start * 100.0,
        "max_drawdown_pct": _drawdown_pct(fills, start),
        "mean_slippage_points": slippage,
        "unapproved_trades": by_trade.filter(~pl.col("approved")).height,
        "simulated": bool(last["simulated"]),
    }


def _drawdown_pct(fills: pl.DataFrame, start: float) -> float:
    """Largest fall of the realised balance from its highest point, in per cent of that point."""
    steps = fills.select(_NET.alias("net"))["net"].to_numpy().astype(float)
    balance = np.concatenate([[start], start + np.cumsum(steps)])
    peak = np.maximum.accumulate(balance)
    return float(np.max((peak - balance) / peak) * 100.0)
