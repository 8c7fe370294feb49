"""Terminals and tapes for tests: the EURUSD fixtures H (hedging), N (netting) and I (instant)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated.model import AccountSpec, SymbolSpec
from zanzibar_assets.execution.simulated.terminal import SimulatedTerminal
from zanzibar_assets.execution.tape import QUOTE_SCHEMA, QuoteTape
from zanzibar_assets.vocabulary import to_us

TUESDAY_US = to_us(datetime(2025, 7, 1, 12, tzinfo=UTC))
SECOND = 1_000_000

ACCOUNT = AccountSpec(login=11_111_111)
EURUSD = SymbolSpec(
    name="EURUSD",
    digits=5,
    point=1e-5,
    tick_size=1e-5,
    contract_size=100_000.0,
    volume_min=0.01,
    volume_max=50.0,
    volume_step=0.01,
    calc_mode=mt5.SYMBOL_CALC_MODE_FOREX,
    currency_base="EUR",
    stops_level=20,
    commission_per_lot=2.50,
)
BASE = {
    "action": 1,
    "symbol": "EURUSD",
    "volume": 0.10,
    "type": 0,
    "price": 1.10010,
    "deviation": 10,
    "magic": 7,
    "comment": "t",
    "type_time": 0,
    "type_filling": 1,
}


def tape(rows, symbol="EURUSD", instrument="EUR", assumed=False):
    """Tape of (seconds after TUESDAY, bid, ask[, low, high]) rows."""
    full = [(*row, row[1], row[1]) if len(row) == 3 else row for row in rows]
    frame = pl.DataFrame(
        [
            (TUESDAY_US + round(after * SECOND), instrument, symbol, bid, ask, low, high, assumed)
            for after, bid, ask, low, high in full
        ],
        schema=QUOTE_SCHEMA,
        orient="row",
    )
    return QuoteTape.from_frames([frame])


def terminal(
    rows=((0, 1.10000, 1.10010),), *, symbol=None, account=None, path=None, at=0.0, connect=True, **changes
):
    """A connected terminal standing ``at`` seconds after TUESDAY on a tape of rows."""
    spec = replace(symbol or EURUSD, **changes)
    made = SimulatedTerminal(account or ACCOUNT, [spec], path)
    if connect:
        made.initialize()
    made.attach(tape(rows))
    made.advance_to(max(made.clock_us, TUESDAY_US + round(at * SECOND)))
    return made


def move(made, bid, ask=None, after=1.0):
    """Show one more quote, ``after`` seconds later."""
    made.attach(tape([((made.clock_us - TUESDAY_US) / SECOND + after, bid, ask or round(bid + 0.0001, 5))]))
    made.advance_to(made.clock_us + round(after * SECOND))


def books(made):
    """What a refusal must not change."""
    return (
        made.account_info().balance,
        made.positions_get(),
        made.orders_get(),
        made.history_orders_get(1, 2_000_000_000),
        made.history_deals_get(1, 2_000_000_000),
    )
