"""Performance by hand: trades, costs, drawdown, marks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.reporting.performance import build_performance

T0 = datetime(2024, 3, 5, 15, tzinfo=UTC)


def deal(ticket, position, entry, profit=0.0, commission=-1.0, instrument="ES", approved=True, slippage=None):
    return {
        "deal_ticket": ticket, "order_ticket": ticket, "position_id": position, "intent_id": "i",
        "signal_id": "s", "account": "SIM-1", "instrument": instrument, "mt5_symbol": instrument,
        "time_utc": T0 + timedelta(seconds=ticket), "side": "buy", "entry": entry, "volume_lots": 1.0,
        "price": 1.0, "commission": commission, "swap": 0.0, "profit": profit, "fee": 0.0,
        "exit_reason": "", "slippage_points": slippage, "approved": approved, "spread_assumed": False,
        "simulated": True,
    }  # fmt: skip


def fills(*rows):
    return conform("fills", pl.DataFrame(list(rows), infer_schema_length=None)) if rows else empty("fills")


def account(start, end):
    row = {
        "account": "SIM-1", "backend": "simulated", "as_of": T0, "currency": "USD", "balance_start": start,
        "balance": end, "equity": end, "margin": 0.0, "open_positions": 0, "realised": 0.0, "costs": 0.0,
        "daily_loss_limit": 0.0, "room_to_daily_limit": 0.0, "halted": False, "simulated": True,
    }  # fmt: skip
    return conform("account_state", pl.DataFrame([row]))


def test_two_sessions_by_hand():
    one = fills(deal(1, 1, "in", slippage=2.0), deal(2, 1, "out", 102.0, slippage=0.0))  # net +100
    two = fills(
        deal(3, 3, "in", instrument="NQ", approved=False),
        deal(4, 3, "out", -148.0, instrument="NQ", approved=False),  # net -150
        deal(5, 5, "in"),  # still open: no trade yet, but its commission is paid
    )
    table = build_performance(
        {"2024-03-05": one, "2024-03-06": two},
        {"2024-03-05": account(1_000.0, 1_100.0), "2024-03-06": account(1_100.0, 949.0)},
    )
    assert breaches("performance", table) == []
    whole, es, nq = table.to_dicts()
    assert [row["scope"] for row in (whole, es, nq)] == ["account", "ES", "NQ"]
    assert (whole["sessions"], whole["trades"], whole["wins"], whole["unapproved_trades"]) == (2, 2, 1, 1)
    assert (whole["gross_profit"], whole["costs"], whole["net_profit"]) == (-46.0, -5.0, -51.0)
    assert whole["return_pct"] == pytest.approx(-5.1)
    assert whole["max_drawdown_pct"] == pytest.approx((1_100.0 - 949.0) / 1_100.0 * 100)
    assert whole["mean_slippage_points"] == 1.0
    assert (es["trades"], es["net_profit"], nq["wins"], nq["mean_slippage_points"]) == (1, 99.0, 0, None)


def test_a_deal_listed_twice_counts_once():
    rows = (deal(1, 1, "in"), deal(2, 1, "out", 50.0))
    table = build_performance(
        {"a": fills(*rows), "b": fills(*rows)}, {"a": account(1e3, 1e3), "b": account(1e3, 1e3)}
    )
    assert table["net_profit"].to_list() == [48.0, 48.0]


def test_no_trades_and_no_sessions():
    (row,) = build_performance({"a": fills()}, {"a": account(1_000.0, 1_000.0)}).to_dicts()
    assert (row["trades"], row["net_profit"], row["max_drawdown_pct"]) == (0, 0.0, 0.0)
    assert build_performance({}, {}).equals(empty("performance"))
