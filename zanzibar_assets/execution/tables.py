"""The execution op's tables from the journal and the terminal's books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.halt import read_halt
from zanzibar_assets.execution.journal import Intent
from zanzibar_assets.execution.sending import deals_between
from zanzibar_assets.execution.server_clock import utc_us
from zanzibar_assets.vocabulary import from_us

if TYPE_CHECKING:
    from zanzibar_assets.execution.orders import Desk

_ENTRIES = {
    mt5.DEAL_ENTRY_IN: "in",
    mt5.DEAL_ENTRY_OUT: "out",
    mt5.DEAL_ENTRY_INOUT: "inout",
    mt5.DEAL_ENTRY_OUT_BY: "out_by",
}
_REASONS = {
    mt5.DEAL_REASON_SL: "stop loss",
    mt5.DEAL_REASON_TP: "take profit",
    mt5.DEAL_REASON_SO: "stop out",
    mt5.DEAL_REASON_EXPERT: "session end",
}


def _frame(table: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    if not rows:
        return empty(table)
    return conform(table, pl.DataFrame(list(rows), infer_schema_length=None))


def orders_frame(intents: Sequence[Intent]) -> pl.DataFrame:
    """Orders: one row an intent, in the order in which they were decided."""
    return _frame(
        "orders",
        [
            {
                "intent_id": i.intent_id,
                "signal_id": i.signal_id,
                "instrument": i.instrument,
                "mt5_symbol": i.mt5_symbol,
                "account": i.account,
                "backend": i.backend,
                "dir": i.dir,
                "decided_at": from_us(i.decided_us),
                "volume_lots": i.volume_lots,
                "price_reference": i.price_reference,
                "sl": i.sl,
                "tp": i.tp,
                "state": i.state,
                "gate": i.gate,
                "retcode": i.retcode,
                "order_ticket": i.order_ticket,
                "deal_ticket": i.deal_ticket,
                "fill_price": i.fill_price,
                "reason": i.reason,
                "approved": i.approved,
                "spread_assumed": i.spread_assumed,
                "simulated": i.simulated,
            }
            for i in intents
        ],
    )


def fills_frame(desk: Desk, intents: Sequence[Intent], start_us: int, end_us: int) -> pl.DataFrame:
    """Fills: deals of the positions that the session's intents opened.

    A live account's other deals of the session are listed too, without an intent.
    """
    by_order = {i.order_ticket: i for i in intents if i.order_ticket}
    by_position = {i.position_id: i for i in reversed(intents) if i.position_id}
    points: dict[str, float] = {}
    rows = []
    for deal in deals_between(desk.terminal, start_us, end_us):
        intent = by_order.get(deal.order) or by_position.get(deal.position_id)
        stamp = utc_us(deal.time_msc * 1_000)
        foreign = desk.live and start_us <= stamp < end_us
        if deal.type not in (mt5.DEAL_TYPE_BUY, mt5.DEAL_TYPE_SELL) or not (intent or foreign):
            continue
        if deal.symbol not in points:
            info = desk.terminal.symbol_info(deal.symbol)
            points[deal.symbol] = info.point if info is not None else 0.0
        entry = by_position.get(deal.position_id)
        rows.append(_fill(desk, deal, intent, entry, stamp, points[deal.symbol]))
    return _frame("fills", rows)


def _fill(
    desk: Desk, deal: Any, intent: Intent | None, entry: Intent | None, stamp: int, point: float
) -> dict[str, Any]:
    opening = deal.entry == mt5.DEAL_ENTRY_IN
    expected = _expected(deal, intent, entry)
    sign = 1 if deal.type == mt5.DEAL_TYPE_BUY else -1
    slippage = None
    if expected is not None and point:
        slippage = round(sign * (deal.price - expected) / point, 6) + 0.0
    return {
        "deal_ticket": deal.ticket,
        "order_ticket": deal.order,
        "position_id": deal.position_id,
        "intent_id": intent.intent_id if intent else None,
        "signal_id": intent.signal_id if intent else None,
        "account": desk.account,
        "instrument": intent.instrument if intent else None,
        "mt5_symbol": deal.symbol,
        "time_utc": from_us(stamp),
        "side": "buy" if deal.type == mt5.DEAL_TYPE_BUY else "sell",
        "entry": _ENTRIES[deal.entry],
        "volume_lots": deal.volume,
        "price": deal.price,
        "commission": deal.commission,
        "swap": deal.swap,
        "profit": deal.profit,
        "fee": deal.fee,
        "exit_reason": "" if opening else _REASONS.get(deal.reason, f"reason {deal.reason}"),
        "slippage_points": slippage,
        "approved": intent.approved if intent else False,
        "spread_assumed": intent.spread_assumed if intent else False,
        "simulated": desk.terminal.simulated or bool(intent and intent.simulated),
    }


def _expected(deal: Any, intent: Intent | None, entry: Intent | None) -> float | None:
    """Price that was expected: the quote at the decision, or the stop or target level."""
    if deal.reason == mt5.DEAL_REASON_SL:
        return entry.sl if entry else None
    if deal.reason == mt5.DEAL_REASON_TP:
        return entry.tp if entry else None
    return intent.price_reference if intent else None


def account_state(desk: Desk, fills: pl.DataFrame, as_of_us: int) -> dict[str, Any]:
    """The account now, as plain values (``as_of`` in UTC microseconds)."""
    account = desk.terminal.account_info()
    limit = desk.balance_start * desk.config.risk.max_daily_loss_pct / 100
    costs = float(sum(fills[name].sum() for name in ("commission", "swap", "fee")))
    return {
        "account": desk.account,
        "backend": desk.config.execution.backend,
        "as_of": as_of_us,
        "currency": account.currency,
        "balance_start": desk.balance_start,
        "balance": account.balance,
        "equity": account.equity,
        "margin": account.margin,
        "open_positions": len(desk.terminal.positions_get() or ()),
        "realised": round(float(fills["profit"].sum()), 8),
        "costs": round(costs, 8),
        "daily_loss_limit": limit,
        "room_to_daily_limit": account.equity - (desk.balance_start - limit),
        "halted": read_halt(desk.config.halt_file) is not None,
        "simulated": desk.terminal.simulated,
    }


def account_frame(state: Mapping[str, Any]) -> pl.DataFrame:
    """AccountState of ``account_state``'s values."""
    return _frame("account_state", [{**state, "as_of": from_us(int(state["as_of"]))}])
