"""The books as the module's struct sequences, times in server epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.server_clock import server_us
from zanzibar_assets.execution.simulated import money
from zanzibar_assets.execution.simulated.book import Book, margin_level
from zanzibar_assets.execution.simulated.model import Deal, Order, Position, Quote, SymbolSpec
from zanzibar_assets.execution.simulated.structs import (
    AccountInfo,
    StructSequence,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

_Struct = TypeVar("_Struct", bound=StructSequence)
BUILD = 5_000
"""Build number that the simulated terminal reports."""


@dataclass(slots=True)
class Switches:
    """What a person or broker can switch off."""

    terminal_trade_allowed: bool = True
    python_disabled: bool = False
    account_trade_allowed: bool = True
    account_trade_expert: bool = True


def seconds(utc_us: int) -> int:
    """Server epoch seconds of a UTC instant; 0 stays 0 (never)."""
    return server_us(utc_us) // 1_000_000 if utc_us else 0


def millis(utc_us: int) -> int:
    """Server epoch milliseconds of a UTC instant; 0 stays 0 (never)."""
    return server_us(utc_us) // 1_000 if utc_us else 0


def _fill(kind: type[_Struct], known: Mapping[str, Any], texts: tuple[str, ...]) -> _Struct:
    absent = {name: "" for name in texts}
    return kind(known.get(name, absent.get(name, 0)) for name in kind._names)


def account_view(book: Book, switches: Switches) -> AccountInfo:
    """AccountInfo at the current quotes."""
    spec = book.account
    equity, margin = book.equity, book.margin
    known = {
        "login": spec.login,
        "trade_mode": mt5.ACCOUNT_TRADE_MODE_DEMO,
        "leverage": spec.leverage,
        "limit_orders": spec.limit_orders,
        "margin_so_mode": mt5.ACCOUNT_STOPOUT_MODE_PERCENT,
        "trade_allowed": switches.account_trade_allowed,
        "trade_expert": switches.account_trade_expert,
        "margin_mode": spec.margin_mode,
        "currency_digits": spec.currency_digits,
        "fifo_close": spec.fifo_close,
        "balance": book.balance,
        "profit": book.floating,
        "equity": equity,
        "margin": margin,
        "margin_free": money.rounded(equity - margin, spec.currency_digits),
        "margin_level": margin_level(equity, margin),
        "margin_so_call": spec.margin_call_level,
        "margin_so_so": spec.stop_out_level,
        "name": spec.name,
        "server": spec.server,
        "currency": spec.currency,
        "company": spec.company,
    }
    return AccountInfo(_with_floats(AccountInfo, known, 10, 24))


def _with_floats(kind: type[StructSequence], known: Mapping[str, Any], start: int, stop: int) -> list[Any]:
    return [known.get(name, 0.0 if start <= index < stop else 0) for index, name in enumerate(kind._names)]


def terminal_view(switches: Switches) -> TerminalInfo:
    """TerminalInfo of the simulated terminal."""
    known: dict[str, Any] = {
        "community_account": False,
        "community_connection": False,
        "connected": True,
        "dlls_allowed": False,
        "trade_allowed": switches.terminal_trade_allowed,
        "tradeapi_disabled": switches.python_disabled,
        "email_enabled": False,
        "ftp_enabled": False,
        "notifications_enabled": False,
        "mqid": False,
        "build": BUILD,
        "maxbars": 100_000,
        "community_balance": 0.0,
        "retransmission": 0.0,
        "company": "Zanzibar",
        "name": "Simulated terminal",
        "language": "English",
    }
    return _fill(TerminalInfo, known, ("path", "data_path", "commondata_path"))


_SYMBOL_TEXTS = ("bank", "basis", "category", "exchange", "formula", "isin", "page")
_SYMBOL_FLOATS = SymbolInfo._names[SymbolInfo._names.index("bid") : SymbolInfo._names.index("basis")]


def symbol_view(spec: SymbolSpec, quote: Quote | None, selected: bool) -> SymbolInfo:
    """SymbolInfo at the current quote (prices 0.0 before the first one)."""
    tick_value = spec.contract_size * spec.tick_size
    known: dict[str, Any] = dict.fromkeys(_SYMBOL_FLOATS, 0.0) | {
        "custom": False,
        "select": selected,
        "visible": selected,
        "spread_float": True,
        "margin_hedged_use_leg": False,
        "digits": spec.digits,
        "point": spec.point,
        "trade_calc_mode": spec.calc_mode,
        "trade_mode": spec.trade_mode,
        "trade_stops_level": spec.stops_level,
        "trade_freeze_level": spec.freeze_level,
        "trade_exemode": spec.exemode,
        "swap_mode": mt5.SYMBOL_SWAP_MODE_DISABLED,
        "swap_rollover3days": mt5.DAY_OF_WEEK_WEDNESDAY,
        "expiration_mode": spec.expiration_mode,
        "filling_mode": spec.filling_mode,
        "order_mode": spec.order_mode,
        "trade_tick_value": tick_value,
        "trade_tick_value_profit": tick_value,
        "trade_tick_value_loss": tick_value,
        "trade_tick_size": spec.tick_size,
        "trade_contract_size": spec.contract_size,
        "volume_min": spec.volume_min,
        "volume_max": spec.volume_max,
        "volume_step": spec.volume_step,
        "volume_limit": spec.volume_limit,
        "margin_initial": spec.margin_initial,
        "margin_hedged": spec.contract_size,
        "currency_base": spec.currency_base,
        "currency_profit": spec.currency_profit,
        "currency_margin": spec.currency_base,
        "description": spec.description,
        "name": spec.name,
        "path": f"Simulated\\{spec.name}",
    }
    if quote is not None:
        known["bid"], known["ask"], known["time"] = quote.bid, quote.ask, seconds(quote.time_us)
        known["spread"] = int(money.steps_between(quote.ask, quote.bid, spec.point))
    return _fill(SymbolInfo, known, _SYMBOL_TEXTS)


def tick_view(quote: Quote) -> Tick:
    """Tick of a quote: bid and ask set, no last price."""
    flags = mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK
    stamp = quote.time_us
    return Tick([seconds(stamp), quote.bid, quote.ask, 0.0, 0, millis(stamp), flags, 0.0])


def position_view(book: Book, position: Position) -> TradePosition:
    """TradePosition valued at its closing side."""
    opened, updated = position.time_us, position.update_us
    price = book.closing_price(position.symbol, position.type)
    return TradePosition(
        [
            position.ticket, seconds(opened), millis(opened), seconds(updated), millis(updated),
            position.type, position.magic, position.identifier, position.reason, position.volume,
            position.price_open, position.sl, position.tp, price, 0.0, book.position_profit(position),
            position.symbol, position.comment, "",
        ]
    )  # fmt: skip


def order_view(book: Book, order: Order) -> TradeOrder:
    """TradeOrder, live or historical."""
    quote = book.quotes.get(order.symbol)
    price = quote.ask if quote is not None and order.type % 2 == 0 else quote.bid if quote else 0.0
    return TradeOrder(
        [
            order.ticket, seconds(order.setup_us), millis(order.setup_us), seconds(order.done_us),
            millis(order.done_us), seconds(order.expires_us), order.type, order.type_time,
            order.type_filling, order.state, order.magic, order.position_id, order.position_by_id,
            order.reason, order.volume_initial, order.volume_current, order.price_open, order.sl,
            order.tp, price, order.price_stoplimit, order.symbol, order.comment, "",
        ]
    )  # fmt: skip


def deal_view(deal: Deal) -> TradeDeal:
    """TradeDeal of a booked deal."""
    return TradeDeal(
        [
            deal.ticket, deal.order, seconds(deal.time_us), millis(deal.time_us), deal.type,
            deal.entry, deal.magic, deal.position_id, deal.reason, deal.volume, deal.price,
            deal.commission, deal.swap, deal.profit, deal.fee, deal.symbol, deal.comment, "",
        ]
    )  # fmt: skip
