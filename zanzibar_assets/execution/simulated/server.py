"""The trade server: validates a request and carries it out on the books."""

from __future__ import annotations

import math
from collections.abc import Callable

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated import checks, dealing, money, pendings
from zanzibar_assets.execution.simulated.book import Book, margin_level
from zanzibar_assets.execution.simulated.model import Position, SymbolSpec
from zanzibar_assets.execution.simulated.structs import OrderCheckResult, OrderSendResult, TradeRequest
from zanzibar_assets.execution.simulated.views import Switches


def refusal(request: TradeRequest, code: int, bid: float = 0.0, ask: float = 0.0) -> OrderSendResult:
    """Result of a refused request: zeros, request_id 0, the code's text."""
    text = mt5.RETCODE_TEXTS[code]
    return OrderSendResult([code, 0, 0, 0.0, 0.0, bid, ask, text, 0, 0, request])


def switch_code(switches: Switches) -> int:
    """Refusals of the terminal's and the account's switches."""
    if not switches.terminal_trade_allowed:
        return mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
    if not switches.account_trade_allowed:
        return mt5.TRADE_RETCODE_TRADE_DISABLED
    if not switches.account_trade_expert:
        return mt5.TRADE_RETCODE_SERVER_DISABLES_AT
    return 0


def request_code(book: Book, request: TradeRequest, *, sending: bool) -> int:
    """Return code that a request meets; 0 when it may be carried out.

    A closed market is seen only when ``sending``.
    """
    if not all(math.isfinite(value) for value in request if isinstance(value, float)):
        return mt5.TRADE_RETCODE_INVALID
    code = _ACTIONS.get(request.action, _unknown_action)(book, request)
    if code or not sending:
        return code
    name = _symbol_of(book, request)
    symbol = book.symbols.get(name)
    if symbol is None or checks.market_closed(symbol, book.clock_us):
        return mt5.TRADE_RETCODE_MARKET_CLOSED
    return 0


def _unknown_action(book: Book, request: TradeRequest) -> int:
    return mt5.TRADE_RETCODE_INVALID


def _symbol_of(book: Book, request: TradeRequest) -> str:
    if request.position in book.positions:
        return book.positions[request.position].symbol
    if request.order in book.orders:
        return book.orders[request.order].symbol
    return str(request.symbol)


def _closes(book: Book, request: TradeRequest) -> bool:
    return bool(request.position) and not book.account.netting


def _reduces(book: Book, request: TradeRequest) -> bool:
    """True when a netting account's request goes against what is held."""
    held = book.positions_of(request.symbol) if book.account.netting else []
    return bool(held) and held[0].type != request.type


def _deal_code(book: Book, request: TradeRequest) -> int:
    symbol = book.symbols.get(request.symbol)
    if symbol is None or request.type not in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL):
        return mt5.TRADE_RETCODE_INVALID
    if symbol.name not in book.quotes:
        return mt5.TRADE_RETCODE_PRICE_OFF
    closing = _closes(book, request)
    position = book.positions.get(request.position)
    tests: tuple[Callable[[], int], ...] = (
        lambda: checks.symbol_code(symbol, request, closing or _reduces(book, request)),
        lambda: checks.filling_code(symbol, request.type_filling),
        lambda: checks.volume_code(symbol, request.volume),
        lambda: checks.price_code(book, symbol, request),
        lambda: checks.close_code(book, request, position) if closing else _open_code(book, symbol, request),
    )
    return next((code for test in tests if (code := test())), 0)


def _open_code(book: Book, symbol: SymbolSpec, request: TradeRequest) -> int:
    side = request.type
    reference = book.closing_price(symbol.name, side)
    tests: tuple[Callable[[], int], ...] = (
        lambda: checks.stops_code(symbol, side, reference, request.sl, request.tp),
        lambda: checks.opening_code(book, symbol, side, request.volume),
        lambda: checks.money_code(book, added_margin(book, request)),
    )
    return next((code for test in tests if (code := test())), 0)


def added_margin(book: Book, request: TradeRequest) -> float:
    """Margin that an opening request adds (a netting reduction adds none)."""
    if _closes(book, request) or request.action != mt5.TRADE_ACTION_DEAL:
        return 0.0
    symbol = book.symbols[request.symbol]
    volume = request.volume
    if _reduces(book, request):
        held = book.positions_of(symbol.name)[0].volume
        volume = max(0.0, money.total_volume(volume, -2 * held))
    return money.margin(book.account, symbol, volume, _market_price(book, request))


def _market_price(book: Book, request: TradeRequest) -> float:
    quote = book.quotes[request.symbol]
    return quote.ask if checks.is_buy(request.type) else quote.bid


def _sltp_target(book: Book, request: TradeRequest) -> Position | None:
    if book.account.netting and not request.position:
        held = book.positions_of(request.symbol)
        return held[0] if held else None
    return book.positions.get(request.position)


def _sltp_code(book: Book, request: TradeRequest) -> int:
    position = _sltp_target(book, request)
    if position is None:
        known = request.position in book.history
        return mt5.TRADE_RETCODE_POSITION_CLOSED if known else mt5.TRADE_RETCODE_INVALID
    if (request.sl, request.tp) == (position.sl, position.tp):
        return mt5.TRADE_RETCODE_NO_CHANGES
    symbol = book.symbols[position.symbol]
    reference = book.closing_price(position.symbol, position.type)
    if symbol.freeze_level and any(
        level and abs(money.steps_between(level, reference, symbol.point)) <= symbol.freeze_level
        for level in (position.sl, position.tp)
    ):
        return mt5.TRADE_RETCODE_FROZEN
    return checks.stops_code(symbol, position.type, reference, request.sl, request.tp)


def _close_by_code(book: Book, request: TradeRequest) -> int:
    one, other = book.positions.get(request.position), book.positions.get(request.position_by)
    if book.account.netting or one is None or other is None:
        return mt5.TRADE_RETCODE_INVALID
    if one.symbol != other.symbol or one.type == other.type:
        return mt5.TRADE_RETCODE_INVALID
    allowed = book.symbols[one.symbol].order_mode & mt5.SYMBOL_ORDER_CLOSEBY
    return 0 if allowed else mt5.TRADE_RETCODE_INVALID_ORDER


_ACTIONS: dict[int, Callable[[Book, TradeRequest], int]] = {
    mt5.TRADE_ACTION_DEAL: _deal_code,
    mt5.TRADE_ACTION_PENDING: pendings.place_code,
    mt5.TRADE_ACTION_SLTP: _sltp_code,
    mt5.TRADE_ACTION_MODIFY: pendings.modify_code,
    mt5.TRADE_ACTION_REMOVE: pendings.remove_code,
    mt5.TRADE_ACTION_CLOSE_BY: _close_by_code,
}


def check(book: Book, switches: Switches, request: TradeRequest) -> OrderCheckResult:
    """order_check: account totals after the trade, or the code that stands against it."""
    code = switch_code(switches) or request_code(book, request, sending=False)
    if code:
        return OrderCheckResult([code, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, mt5.RETCODE_TEXTS[code], request])
    digits = book.account.currency_digits
    equity, margin = book.equity, money.rounded(book.margin + added_margin(book, request), digits)
    free = money.rounded(equity - margin, digits)
    level = margin_level(equity, margin)
    return OrderCheckResult([0, book.balance, equity, book.floating, margin, free, level, "Done", request])


def send(book: Book, switches: Switches, request: TradeRequest) -> OrderSendResult:
    """order_send: refuse with nothing changed, or carry out and report."""
    code = switch_code(switches) or request_code(book, request, sending=True)
    if code == mt5.TRADE_RETCODE_REQUOTE:
        quote = book.quotes[request.symbol]
        return refusal(request, code, quote.bid, quote.ask)
    if code:
        return refusal(request, code)
    if request.action == mt5.TRADE_ACTION_DEAL:
        return _market_order(book, request)
    book.request_id += 1
    ticket = 0
    if request.action == mt5.TRADE_ACTION_PENDING:
        return pendings.place(book, request)
    if request.action == mt5.TRADE_ACTION_SLTP:
        _set_stops(book, request)
    elif request.action == mt5.TRADE_ACTION_MODIFY:
        pendings.modify(book, request)
    elif request.action == mt5.TRADE_ACTION_REMOVE:
        book.finish_order(book.orders[request.order], mt5.ORDER_STATE_CANCELED)
        ticket = request.order
    else:
        return _close_by(book, request)
    text = mt5.RETCODE_TEXTS[mt5.TRADE_RETCODE_DONE]
    values = [mt5.TRADE_RETCODE_DONE, 0, ticket, 0.0, 0.0, 0.0, 0.0, text, book.request_id, 0, request]
    return OrderSendResult(values)


def _set_stops(book: Book, request: TradeRequest) -> None:
    position = _sltp_target(book, request)
    if position is not None:
        position.sl, position.tp, position.update_us = request.sl, request.tp, book.clock_us
        book.put_position(position)


def _close_by(book: Book, request: TradeRequest) -> OrderSendResult:
    one, other = book.positions[request.position], book.positions[request.position_by]
    volume = min(one.volume, other.volume)
    fill = dealing.Execution(
        one.symbol, mt5.ORDER_TYPE_CLOSE_BY, volume, other.price_open, request.magic, request.comment,
        mt5.ORDER_REASON_EXPERT, book.ticket(),
    )  # fmt: skip
    order = dealing.new_order(book, fill, one.identifier, mt5.ORDER_STATE_STARTED, request.type_filling)
    order.position_by_id = other.identifier
    book.finish_order(order, mt5.ORDER_STATE_FILLED)
    deal = dealing.close_by(book, order, one, other)
    return _done(book, request, mt5.TRADE_RETCODE_DONE, deal.ticket, order.ticket, volume, deal.price)


def _done(
    book: Book, request: TradeRequest, code: int, deal: int, order: int, volume: float, price: float
) -> OrderSendResult:
    quote = book.quotes[_symbol_of(book, request) or request.symbol]
    text = mt5.RETCODE_TEXTS[code]
    return OrderSendResult(
        [code, deal, order, volume, price, quote.bid, quote.ask, text, book.request_id, 0, request]
    )


def _market_order(book: Book, request: TradeRequest) -> OrderSendResult:
    available = book.symbols[request.symbol].available_lots
    volume = request.volume if available is None else min(request.volume, available)
    partial = volume < request.volume
    if partial and (request.type_filling == mt5.ORDER_FILLING_FOK or volume <= 0):
        return refusal(request, mt5.TRADE_RETCODE_REJECT)
    book.request_id += 1
    position = book.positions.get(request.position) if _closes(book, request) else None
    price = _market_price(book, request)
    fill = dealing.Execution(
        request.symbol, request.type, volume, price, request.magic, request.comment,
        mt5.DEAL_REASON_EXPERT, book.ticket(), request.sl, request.tp,
    )  # fmt: skip
    held = position.identifier if position is not None else 0
    order = dealing.new_order(book, fill, held, mt5.ORDER_STATE_STARTED, request.type_filling)
    order.volume_initial = request.volume
    deal = dealing.book_fill(book, fill, position)
    order.position_id = deal.position_id
    if partial and request.type_filling == mt5.ORDER_FILLING_RETURN:
        order.volume_current = money.total_volume(request.volume, -volume)
        order.state = mt5.ORDER_STATE_PARTIAL
        book.put_order(order)
    else:
        book.finish_order(order, mt5.ORDER_STATE_FILLED)
    code = mt5.TRADE_RETCODE_DONE_PARTIAL if partial else mt5.TRADE_RETCODE_DONE
    return _done(book, request, code, deal.ticket, order.ticket, volume, price)
