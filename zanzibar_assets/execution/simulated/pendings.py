"""Pending orders: placing, changing, removing."""

from __future__ import annotations

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.server_clock import end_of_server_day, utc_us
from zanzibar_assets.execution.simulated import checks, money
from zanzibar_assets.execution.simulated.book import Book
from zanzibar_assets.execution.simulated.model import Order, SymbolSpec
from zanzibar_assets.execution.simulated.structs import OrderSendResult, TradeRequest

_ABOVE = (mt5.ORDER_TYPE_SELL_LIMIT, mt5.ORDER_TYPE_BUY_STOP, mt5.ORDER_TYPE_BUY_STOP_LIMIT)
"""Pending types whose price stands above the market."""
_STOP_LIMITS = (mt5.ORDER_TYPE_BUY_STOP_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT)


def place_code(book: Book, request: TradeRequest) -> int:
    """Return code of a new pending order; 0 when it may stand."""
    symbol = book.symbols.get(request.symbol)
    if symbol is None or request.type < mt5.ORDER_TYPE_BUY_LIMIT:
        return mt5.TRADE_RETCODE_INVALID
    if symbol.name not in book.quotes:
        return mt5.TRADE_RETCODE_PRICE_OFF
    codes = (
        checks.symbol_code(symbol, request, closing=False),
        checks.volume_code(symbol, request.volume),
        _price_code(book, symbol, request.type, request.price, request.stoplimit),
        _stops_code(symbol, request.type, _entry_price(request), request.sl, request.tp),
        _expiry_code(book, symbol, request.type_time, request.expiration),
        checks.opening_code(book, symbol, checks.side_of(request.type), request.volume),
    )
    refused = next((code for code in codes if code), 0)
    if not refused and len(book.orders) >= book.account.limit_orders:
        return mt5.TRADE_RETCODE_LIMIT_ORDERS
    return refused


def _entry_price(request: TradeRequest) -> float:
    stop_limit = request.type in _STOP_LIMITS
    return float(request.stoplimit if stop_limit else request.price)


def _stops_code(symbol: SymbolSpec, order_type: int, price: float, sl: float, tp: float) -> int:
    return checks.stops_code(symbol, checks.side_of(order_type), price, sl, tp)


def _price_code(book: Book, symbol: SymbolSpec, order_type: int, price: float, stoplimit: float) -> int:
    if price <= 0 or not money.is_multiple(price, symbol.tick_size):
        return mt5.TRADE_RETCODE_INVALID_PRICE
    quote = book.quotes[symbol.name]
    market = quote.ask if checks.is_buy(order_type) else quote.bid
    distance = money.steps_between(price, market, symbol.point) * (1 if order_type in _ABOVE else -1)
    if distance <= 0 or distance < symbol.stops_level:
        return mt5.TRADE_RETCODE_INVALID_PRICE
    if order_type in _STOP_LIMITS:
        toward = stoplimit - price if checks.is_buy(order_type) else price - stoplimit
        return mt5.TRADE_RETCODE_INVALID_PRICE if stoplimit <= 0 or toward > 0 else 0
    return 0


def _expiry_code(book: Book, symbol: SymbolSpec, type_time: int, expiration: int) -> int:
    if type_time > mt5.ORDER_TIME_SPECIFIED_DAY or not symbol.expiration_mode & (1 << type_time):
        return mt5.TRADE_RETCODE_INVALID_EXPIRATION
    expires = expires_at(book, type_time, expiration)
    return mt5.TRADE_RETCODE_INVALID_EXPIRATION if expires and expires <= book.clock_us else 0


def expires_at(book: Book, type_time: int, expiration: int) -> int:
    """UTC us at which an order expires; 0 = never. ``expiration`` is in server epoch seconds."""
    if type_time == mt5.ORDER_TIME_DAY:
        return end_of_server_day(book.clock_us)
    if type_time == mt5.ORDER_TIME_SPECIFIED:
        return utc_us(expiration * 1_000_000)
    if type_time == mt5.ORDER_TIME_SPECIFIED_DAY:
        return end_of_server_day(utc_us(expiration * 1_000_000))
    return 0


def place(book: Book, request: TradeRequest) -> OrderSendResult:
    """Put a checked pending order on the book."""
    order = Order(
        ticket=book.ticket(),
        symbol=request.symbol,
        type=request.type,
        state=mt5.ORDER_STATE_PLACED,
        volume_initial=request.volume,
        volume_current=request.volume,
        price_open=request.price,
        sl=request.sl,
        tp=request.tp,
        price_stoplimit=request.stoplimit,
        setup_us=book.clock_us,
        done_us=0,
        expires_us=expires_at(book, request.type_time, request.expiration),
        type_time=request.type_time,
        type_filling=mt5.ORDER_FILLING_RETURN,
        magic=request.magic,
        reason=mt5.ORDER_REASON_EXPERT,
        position_id=0,
        position_by_id=0,
        comment=request.comment,
    )
    book.put_order(order)
    code = mt5.TRADE_RETCODE_DONE
    quote = book.quotes[order.symbol]
    text = mt5.RETCODE_TEXTS[code]
    return OrderSendResult(
        [
            code, 0, order.ticket, request.volume, request.price, quote.bid, quote.ask, text,
            book.request_id, 0, request,
        ]
    )  # fmt: skip


def modify_code(book: Book, request: TradeRequest) -> int:
    """Return code of a change to a pending order."""
    order = book.orders.get(request.order)
    if order is None or order.type < mt5.ORDER_TYPE_BUY_LIMIT:
        return mt5.TRADE_RETCODE_INVALID
    symbol = book.symbols[order.symbol]
    stoplimit = request.stoplimit or order.price_stoplimit
    expires = expires_at(book, request.type_time, request.expiration)
    wanted = (request.price, request.sl, request.tp, stoplimit, request.type_time, expires)
    held = (order.price_open, order.sl, order.tp, order.price_stoplimit, order.type_time, order.expires_us)
    if wanted == held:
        return mt5.TRADE_RETCODE_NO_CHANGES
    entry = stoplimit if order.type in _STOP_LIMITS else request.price
    codes = (
        _price_code(book, symbol, order.type, request.price, stoplimit),
        _stops_code(symbol, order.type, entry, request.sl, request.tp),
        _expiry_code(book, symbol, request.type_time, request.expiration),
    )
    return next((code for code in codes if code), 0)


def modify(book: Book, request: TradeRequest) -> None:
    """Apply a checked change."""
    order = book.orders[request.order]
    order.price_open, order.sl, order.tp = request.price, request.sl, request.tp
    order.price_stoplimit = request.stoplimit or order.price_stoplimit
    order.type_time = request.type_time
    order.expires_us = expires_at(book, request.type_time, request.expiration)
    book.put_order(order)


def remove_code(book: Book, request: TradeRequest) -> int:
    """Return code of a removal."""
    return 0 if request.order in book.orders else mt5.TRADE_RETCODE_INVALID
