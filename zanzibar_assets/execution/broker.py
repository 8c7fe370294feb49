"""What the terminal reports of the account and the traded symbols."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.errors import TerminalError
from zanzibar_assets.execution.port import TerminalPort
from zanzibar_assets.execution.server_clock import server_us
from zanzibar_assets.execution.sizing import exact
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import US_PER_SECOND, from_us


def build_broker_status(
    terminal: TerminalPort, instruments: Iterable[Instrument], as_of: int, config: Config
) -> pl.DataFrame:
    """BrokerStatus: one account row and one row an instrument's symbol at ``as_of`` (UTC us).

    A simulated account is shown as it stood at ``as_of`` (the sum of its deals until then), so the
    table of a past session does not change when later sessions are traded.
    """
    account, terminal_info = terminal.account_info(), terminal.terminal_info()
    if account is None or terminal_info is None:
        code, text = terminal.last_error()
        raise TerminalError("the terminal does not report its account", got=f"{code} {text}")
    shown = dict(account._asdict())
    if terminal.simulated:
        shown = _simulated_at(terminal, shown, as_of)
    shared = {
        "as_of": from_us(as_of),
        "backend": config.execution.backend,
        "login": account.login,
        "server": account.server,
        "currency": account.currency,
        "trade_allowed": bool(terminal_info.trade_allowed and account.trade_allowed),
        "simulated": terminal.simulated,
    }
    rows = [
        {
            **shared,
            "item": "account",
            "name": config.execution.account,
            "instrument": None,
            "balance": shown["balance"],
            "equity": shown["equity"],
            "margin_free": shown["margin_free"],
            "bid": None,
            "ask": None,
            "payload": json.dumps(shown, sort_keys=True),
        }
    ]
    rows += [_symbol_row(terminal, instrument, shared) for instrument in instruments]
    return conform("broker_status", pl.DataFrame(rows, infer_schema_length=None))


def _simulated_at(terminal: TerminalPort, shown: dict[str, Any], as_of: int) -> dict[str, Any]:
    deals = terminal.history_deals_get(1, server_us(as_of) // US_PER_SECOND) or ()
    money = (exact(v) for d in deals for v in (d.profit, d.swap, d.commission, d.fee))
    balance = float(sum(money, exact(0.0)))
    flat = {"profit": 0.0, "margin": 0.0, "margin_level": 0.0}
    return shown | flat | {"balance": balance, "equity": balance, "margin_free": balance}


def _symbol_row(terminal: TerminalPort, instrument: Instrument, shared: dict[str, Any]) -> dict[str, Any]:
    name = instrument.mt5.symbol
    terminal.symbol_select(name, True)
    symbol = terminal.symbol_info(name)
    if symbol is None:
        code, text = terminal.last_error()
        raise TerminalError(
            f"the terminal does not know the symbol {name} of {instrument.id}",
            got=f"{code} {text}",
            action="mend mt5.symbol in instruments.yaml or choose another server",
        )
    payload = dict(symbol._asdict())
    if terminal.simulated:
        payload |= {"bid": 0.0, "ask": 0.0, "time": 0, "spread": 0}
    quoted = payload["bid"] > 0 and payload["ask"] > 0
    return {
        **shared,
        "item": "symbol",
        "name": name,
        "instrument": instrument.id,
        "balance": None,
        "equity": None,
        "margin_free": None,
        "bid": payload["bid"] if quoted else None,
        "ask": payload["ask"] if quoted else None,
        "payload": json.dumps(payload, sort_keys=True),
    }
