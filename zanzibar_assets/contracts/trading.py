"""Contracts of signals, orders, fills, the account and reports."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Frame, TimedFrame, Utc


class RawSignals(TimedFrame):
    """Candidate trades of one instrument. Distances are in the source's ticks and in per cent.

    ``source``: ``poi`` (rules) or ``model``; ``approved``: rules are always approved, a model only
    when its validation says promote. ``evidence`` is a JSON object naming what it was made from.
    """

    signal_id: str
    instrument: str
    source: str = pa.Field(isin=["poi", "model"])
    dir: pl.Int8 = pa.Field(isin=[-1, 1])
    entry_ticks: pl.Int64
    entry: pl.Float64 = pa.Field(gt=0)
    stop_distance_ticks: pl.Int64 = pa.Field(gt=0)
    target_distance_ticks: pl.Int64 = pa.Field(gt=0)
    score: pl.Float64 = pa.Field(ge=0, le=1)
    model_id: str = pa.Field(nullable=True)
    evidence: str
    simulated: bool


class Signals(TimedFrame):
    """Every raw signal of the session with its fate: kept or dropped, and why, in plain words."""

    signal_id: str
    instrument: str
    source: str = pa.Field(isin=["poi", "model"])
    dir: pl.Int8 = pa.Field(isin=[-1, 1])
    entry: pl.Float64 = pa.Field(gt=0)
    stop_distance_ticks: pl.Int64 = pa.Field(gt=0)
    target_distance_ticks: pl.Int64 = pa.Field(gt=0)
    stop_distance: pl.Float64 = pa.Field(gt=0)
    target_distance: pl.Float64 = pa.Field(gt=0)
    expires_at: Utc
    risk_pct: pl.Float64 = pa.Field(ge=0)
    score: pl.Float64 = pa.Field(ge=0, le=1)
    model_id: str = pa.Field(nullable=True)
    approved: bool
    status: str = pa.Field(isin=["kept", "dropped"])
    reason: str
    evidence: str
    simulated: bool


class BrokerStatus(Frame):
    """The account and the traded symbols as the terminal reports them at the session's start."""

    item: str = pa.Field(isin=["account", "symbol"])
    name: str
    instrument: str = pa.Field(nullable=True)
    as_of: Utc
    backend: str
    login: pl.Int64
    server: str
    currency: str
    trade_allowed: bool
    balance: pl.Float64 = pa.Field(nullable=True)
    equity: pl.Float64 = pa.Field(nullable=True)
    margin_free: pl.Float64 = pa.Field(nullable=True)
    bid: pl.Float64 = pa.Field(nullable=True)
    ask: pl.Float64 = pa.Field(nullable=True)
    payload: str
    simulated: bool


class Orders(Frame):
    """One row an order intent, sent or stopped by a gate. Lots, MT5 prices, UTC.

    ``state``: blocked (``gate`` says which), sending, filled, partial, rejected, unknown.
    ``approved`` false = a model that its validation did not promote (simulated account only).
    """

    intent_id: str
    signal_id: str
    instrument: str
    mt5_symbol: str
    account: str
    backend: str
    dir: pl.Int8 = pa.Field(isin=[-1, 1])
    decided_at: Utc
    volume_lots: pl.Float64 = pa.Field(ge=0)
    price_reference: pl.Float64 = pa.Field(nullable=True)
    sl: pl.Float64 = pa.Field(nullable=True)
    tp: pl.Float64 = pa.Field(nullable=True)
    state: str = pa.Field(isin=["blocked", "sending", "filled", "partial", "rejected", "unknown"])
    gate: str = pa.Field(nullable=True)
    retcode: pl.Int64 = pa.Field(nullable=True)
    order_ticket: pl.Int64 = pa.Field(nullable=True)
    deal_ticket: pl.Int64 = pa.Field(nullable=True)
    fill_price: pl.Float64 = pa.Field(nullable=True)
    reason: str
    approved: bool
    spread_assumed: bool
    simulated: bool


class Fills(Frame):
    """Deals of the session as the terminal reports them, joined to the intent that caused them."""

    deal_ticket: pl.Int64
    order_ticket: pl.Int64
    position_id: pl.Int64
    intent_id: str = pa.Field(nullable=True)
    signal_id: str = pa.Field(nullable=True)
    account: str
    instrument: str = pa.Field(nullable=True)
    mt5_symbol: str
    time_utc: Utc
    side: str = pa.Field(isin=["buy", "sell"])
    entry: str = pa.Field(isin=["in", "out", "inout", "out_by"])
    volume_lots: pl.Float64 = pa.Field(gt=0)
    price: pl.Float64
    commission: pl.Float64
    swap: pl.Float64
    profit: pl.Float64
    fee: pl.Float64
    exit_reason: str
    slippage_points: pl.Float64 = pa.Field(nullable=True)
    approved: bool
    spread_assumed: bool
    simulated: bool


class AccountState(Frame):
    """One row: the account at the session's end."""

    account: str
    backend: str
    as_of: Utc
    currency: str
    balance_start: pl.Float64
    balance: pl.Float64
    equity: pl.Float64
    margin: pl.Float64
    open_positions: pl.Int64 = pa.Field(ge=0)
    realised: pl.Float64
    costs: pl.Float64
    daily_loss_limit: pl.Float64
    room_to_daily_limit: pl.Float64
    halted: bool
    simulated: bool


class Performance(Frame):
    """One row a scope (account, or one instrument): the account's sessions up to this one."""

    scope: str
    account: str
    sessions: pl.Int64 = pa.Field(ge=0)
    trades: pl.Int64 = pa.Field(ge=0)
    wins: pl.Int64 = pa.Field(ge=0)
    gross_profit: pl.Float64
    costs: pl.Float64
    net_profit: pl.Float64
    return_pct: pl.Float64
    max_drawdown_pct: pl.Float64
    mean_slippage_points: pl.Float64 = pa.Field(nullable=True)
    unapproved_trades: pl.Int64 = pa.Field(ge=0)
    simulated: bool


class SessionReport(Frame):
    """The session in lines: section, item, value; ``html`` names the page under the reports folder."""

    section: str
    item: str
    value: str
    html: str
