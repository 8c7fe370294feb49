"""What a new quote sets off: expiry, pending orders, stop loss and take profit, stop out.

A buy is watched on the bid, a sell on the ask. A stop fills at the quote that reached it (a gap is
paid in full); where a row stands for a bar's path the market passed through the level and the
stop fills there. A take profit fills at its level, never better; where one row reaches both, the
stop comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated import checks, dealing, money
from zanzibar_assets.execution.simulated.book import Book, margin_level
from zanzibar_assets.execution.simulated.model import Order, Position


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """One row of the tape: the quote after it and the range it passed through."""

    bid: float
    ask: float
    bid_low: float
    bid_high: float
    ask_low: float
    ask_high: float


def on_quote(book: Book, symbol: str, row: QuoteRow) -> None:
    """Everything that a quote of a symbol sets off, in the server's order."""
    for order in sorted(book.orders.values(), key=lambda o: o.ticket):
        if order.expires_us and book.clock_us >= order.expires_us:
            book.finish_order(order, mt5.ORDER_STATE_EXPIRED)
        elif order.symbol == symbol:
            _try_pending(book, order, row)
    for position in book.positions_of(symbol):
        _try_stops(book, position, row)
    stop_out(book)


def stop_hit(position: Position, row: QuoteRow) -> bool:
    """True when the row reaches the position's stop loss."""
    if position.sl <= 0:
        return False
    if position.type == mt5.POSITION_TYPE_BUY:
        return row.bid_low <= position.sl
    return row.ask_high >= position.sl


def target_hit(position: Position, row: QuoteRow) -> bool:
    """True when the row reaches the position's take profit."""
    if position.tp <= 0:
        return False
    if position.type == mt5.POSITION_TYPE_BUY:
        return row.bid_high >= position.tp
    return row.ask_low <= position.tp


def _try_stops(book: Book, position: Position, row: QuoteRow) -> None:
    digits = book.symbols[position.symbol].digits
    if stop_hit(position, row):
        buy = position.type == mt5.POSITION_TYPE_BUY
        reached = min(position.sl, row.bid_high) if buy else max(position.sl, row.ask_low)
        price = money.rounded(reached, digits)
        comment = f"[sl {position.sl:.{digits}f}]"
        dealing.server_close(book, position, price, mt5.DEAL_REASON_SL, comment)
    elif target_hit(position, row):
        comment = f"[tp {position.tp:.{digits}f}]"
        dealing.server_close(book, position, position.tp, mt5.DEAL_REASON_TP, comment)


def pending_hit(order: Order, row: QuoteRow) -> bool:
    """True when the row reaches a pending order's price (buys on the ask, sells on the bid)."""
    price = order.price_open
    if order.type == mt5.ORDER_TYPE_BUY_LIMIT:
        return row.ask_low <= price
    if order.type in (mt5.ORDER_TYPE_BUY_STOP, mt5.ORDER_TYPE_BUY_STOP_LIMIT):
        return row.ask_high >= price
    if order.type == mt5.ORDER_TYPE_SELL_LIMIT:
        return row.bid_high >= price
    return row.bid_low <= price


def _pending_price(order: Order, row: QuoteRow) -> float:
    if order.type == mt5.ORDER_TYPE_BUY_STOP:
        return max(order.price_open, row.ask_low)
    if order.type == mt5.ORDER_TYPE_SELL_STOP:
        return min(order.price_open, row.bid_high)
    return order.price_open


def _try_pending(book: Book, order: Order, row: QuoteRow) -> None:
    if not pending_hit(order, row):
        return
    if order.type in (mt5.ORDER_TYPE_BUY_STOP_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT):
        buying = order.type == mt5.ORDER_TYPE_BUY_STOP_LIMIT
        order.type = mt5.ORDER_TYPE_BUY_LIMIT if buying else mt5.ORDER_TYPE_SELL_LIMIT
        order.price_open, order.price_stoplimit = order.price_stoplimit, 0.0
        book.put_order(order)
        return
    symbol = book.symbols[order.symbol]
    price = money.rounded(_pending_price(order, row), symbol.digits)
    needed = money.margin(book.account, symbol, order.volume_current, price)
    if checks.money_code(book, needed):
        book.finish_order(order, mt5.ORDER_STATE_REJECTED)
        return
    fill = dealing.Execution(
        order.symbol, checks.side_of(order.type), order.volume_current, price, order.magic,
        order.comment, mt5.DEAL_REASON_EXPERT, order.ticket, order.sl, order.tp,
    )  # fmt: skip
    deal = dealing.book_fill(book, fill, None)
    order.volume_current, order.position_id = 0.0, deal.position_id
    book.finish_order(order, mt5.ORDER_STATE_FILLED)


def stop_out(book: Book) -> None:
    """Close the worst position while the margin level is at or under the stop-out level."""
    while book.margin > 0 and margin_level(book.equity, book.margin) <= book.account.stop_out_level:
        worst = min(book.positions.values(), key=lambda p: (book.position_profit(p), p.ticket))
        price = book.closing_price(worst.symbol, worst.type)
        level = margin_level(book.equity, book.margin)
        dealing.server_close(book, worst, price, mt5.DEAL_REASON_SO, f"[so {level:.1f}%]")
