"""Which return code the server answers to a request; 0 means that it may be carried out.

One fault at a time is documented; where a request has several, the order here decides.
"""

from __future__ import annotations

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.server_clock import server_weekday
from zanzibar_assets.execution.simulated import money
from zanzibar_assets.execution.simulated.book import Book
from zanzibar_assets.execution.simulated.model import Position, SymbolSpec
from zanzibar_assets.execution.simulated.structs import TradeRequest

_SATURDAY = 5
_ORDER_BITS = {
    mt5.ORDER_TYPE_BUY: mt5.SYMBOL_ORDER_MARKET,
    mt5.ORDER_TYPE_SELL: mt5.SYMBOL_ORDER_MARKET,
    mt5.ORDER_TYPE_BUY_LIMIT: mt5.SYMBOL_ORDER_LIMIT,
    mt5.ORDER_TYPE_SELL_LIMIT: mt5.SYMBOL_ORDER_LIMIT,
    mt5.ORDER_TYPE_BUY_STOP: mt5.SYMBOL_ORDER_STOP,
    mt5.ORDER_TYPE_SELL_STOP: mt5.SYMBOL_ORDER_STOP,
    mt5.ORDER_TYPE_BUY_STOP_LIMIT: mt5.SYMBOL_ORDER_STOP_LIMIT,
    mt5.ORDER_TYPE_SELL_STOP_LIMIT: mt5.SYMBOL_ORDER_STOP_LIMIT,
}
_BUYS = (
    mt5.ORDER_TYPE_BUY,
    mt5.ORDER_TYPE_BUY_LIMIT,
    mt5.ORDER_TYPE_BUY_STOP,
    mt5.ORDER_TYPE_BUY_STOP_LIMIT,
)


def is_buy(order_type: int) -> bool:
    """True for the buying order types."""
    return order_type in _BUYS


def side_of(order_type: int) -> int:
    """0 for buying, 1 for selling types."""
    return mt5.ORDER_TYPE_BUY if is_buy(order_type) else mt5.ORDER_TYPE_SELL


def market_closed(symbol: SymbolSpec, clock_us: int) -> bool:
    """True on the server's Saturday and Sunday for symbols that rest then."""
    return symbol.weekend_closed and server_weekday(clock_us) >= _SATURDAY


def symbol_code(symbol: SymbolSpec, request: TradeRequest, closing: bool) -> int:
    """Trade mode, order type and filling against the symbol's permissions."""
    bit = _ORDER_BITS.get(request.type)
    if bit is None:
        return mt5.TRADE_RETCODE_INVALID
    if symbol.trade_mode == mt5.SYMBOL_TRADE_MODE_DISABLED:
        return mt5.TRADE_RETCODE_TRADE_DISABLED
    if not symbol.order_mode & bit:
        return mt5.TRADE_RETCODE_INVALID_ORDER
    if not closing:
        return _direction_code(symbol, is_buy(request.type))
    return 0


def _direction_code(symbol: SymbolSpec, buying: bool) -> int:
    if symbol.trade_mode == mt5.SYMBOL_TRADE_MODE_CLOSEONLY:
        return mt5.TRADE_RETCODE_CLOSE_ONLY
    if symbol.trade_mode == mt5.SYMBOL_TRADE_MODE_LONGONLY and not buying:
        return mt5.TRADE_RETCODE_LONG_ONLY
    if symbol.trade_mode == mt5.SYMBOL_TRADE_MODE_SHORTONLY and buying:
        return mt5.TRADE_RETCODE_SHORT_ONLY
    return 0


def filling_code(symbol: SymbolSpec, filling: int) -> int:
    """Filling of a market order: the mask of the symbol against the enum of the request."""
    if symbol.exemode in (mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT):
        known = (mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC, mt5.ORDER_FILLING_RETURN)
        return 0 if filling in known else mt5.TRADE_RETCODE_INVALID_FILL
    allowed = {
        mt5.ORDER_FILLING_FOK: bool(symbol.filling_mode & mt5.SYMBOL_FILLING_FOK),
        mt5.ORDER_FILLING_IOC: bool(symbol.filling_mode & mt5.SYMBOL_FILLING_IOC),
        mt5.ORDER_FILLING_RETURN: symbol.exemode == mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE,
    }
    return 0 if allowed.get(filling, False) else mt5.TRADE_RETCODE_INVALID_FILL


def volume_code(symbol: SymbolSpec, volume: float) -> int:
    """Volume between minimum and maximum and on the step."""
    inside = symbol.volume_min <= volume <= symbol.volume_max
    if not inside or not money.is_multiple(volume, symbol.volume_step):
        return mt5.TRADE_RETCODE_INVALID_VOLUME
    return 0


def price_code(book: Book, symbol: SymbolSpec, request: TradeRequest) -> int:
    """Price of an instant or request execution: there, and within the deviation."""
    if symbol.exemode not in (mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT):
        return 0
    if request.price <= 0:
        return mt5.TRADE_RETCODE_INVALID_PRICE
    quote = book.quotes[symbol.name]
    market = quote.ask if is_buy(request.type) else quote.bid
    away = abs(money.steps_between(market, request.price, symbol.point))
    return mt5.TRADE_RETCODE_REQUOTE if away > request.deviation else 0


def stops_code(symbol: SymbolSpec, side: int, reference: float, sl: float, tp: float) -> int:
    """SL and TP on their sides of the closing price, far enough, on the tick grid."""
    sign = 1 if side == mt5.ORDER_TYPE_BUY else -1
    for level, direction in ((sl, -sign), (tp, sign)):
        if level == 0.0:
            continue
        distance = direction * money.steps_between(level, reference, symbol.point)
        on_grid = money.is_multiple(level, symbol.tick_size)
        if level < 0 or not on_grid or distance <= 0 or distance < symbol.stops_level:
            return mt5.TRADE_RETCODE_INVALID_STOPS
    return 0


def close_code(book: Book, request: TradeRequest, position: Position | None) -> int:
    """A close against its position: there, opposite side, not more than it holds, FIFO."""
    if position is None:
        known = request.position in book.history
        return mt5.TRADE_RETCODE_POSITION_CLOSED if known else mt5.TRADE_RETCODE_INVALID
    if position.symbol != request.symbol or request.type == position.type:
        return mt5.TRADE_RETCODE_INVALID
    if request.volume > position.volume:
        return mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    older = [p for p in book.positions_of(position.symbol) if p.type == position.type]
    if book.account.fifo_close and older[0].ticket != position.ticket:
        return mt5.TRADE_RETCODE_FIFO_CLOSE
    return 0


def opening_code(book: Book, symbol: SymbolSpec, side: int, volume: float) -> int:
    """Limits that an opening trade meets: hedging, volume per direction, positions."""
    held = book.positions_of(symbol.name)
    if book.account.hedge_prohibited and any(p.type != side for p in held):
        return mt5.TRADE_RETCODE_HEDGE_PROHIBITED
    if symbol.volume_limit > 0:
        same = [p.volume for p in held if p.type == side]
        waiting = [
            o.volume_current
            for o in book.orders.values()
            if o.symbol == symbol.name and side_of(o.type) == side
        ]
        if money.total_volume(*same, *waiting, volume) > symbol.volume_limit:
            return mt5.TRADE_RETCODE_LIMIT_VOLUME
    limit = book.account.limit_positions
    if limit and not book.account.netting and len(book.positions) + len(book.orders) >= limit:
        return mt5.TRADE_RETCODE_LIMIT_POSITIONS
    return 0


def money_code(book: Book, needed: float) -> int:
    """Free margin after the trade must not be negative."""
    free = book.equity - book.margin - needed
    return mt5.TRADE_RETCODE_NO_MONEY if free < 0 else 0
