"""Deals: how positions open, grow, shrink, reverse and close (hedging and netting)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated import money
from zanzibar_assets.execution.simulated.book import Book
from zanzibar_assets.execution.simulated.model import Deal, Order, Position


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill about to be booked; ``side`` 0 buy, 1 sell."""

    symbol: str
    side: int
    volume: float
    price: float
    magic: int
    comment: str
    reason: int
    order: int
    sl: float = 0.0
    tp: float = 0.0


def book_fill(book: Book, fill: Execution, position: Position | None) -> Deal:
    """Book a fill against a position (None = an opening one on a hedging account)."""
    if position is None and book.account.netting:
        held = book.positions_of(fill.symbol)
        position = held[0] if held else None
    if position is None:
        return _open(book, fill)
    if fill.side == position.type:
        return _grow(book, fill, position)
    if fill.volume > position.volume:
        return _reverse(book, fill, position)
    return _close(book, fill, position)


def _deal(book: Book, fill: Execution, entry: int, position_id: int, profit: float) -> Deal:
    symbol = book.symbols[fill.symbol]
    return book.add_deal(
        Deal(
            ticket=book.ticket(),
            order=fill.order,
            time_us=book.clock_us,
            type=fill.side,
            entry=entry,
            magic=fill.magic,
            position_id=position_id,
            reason=fill.reason,
            volume=fill.volume,
            price=fill.price,
            commission=money.commission(book.account, symbol, fill.volume),
            swap=0.0,
            profit=profit,
            fee=0.0,
            symbol=fill.symbol,
            comment=fill.comment,
        )
    )


def _margin(book: Book, position: Position) -> float:
    symbol = book.symbols[position.symbol]
    return money.margin(book.account, symbol, position.volume, position.price_open)


def _open(book: Book, fill: Execution) -> Deal:
    position = Position(
        ticket=fill.order,
        identifier=fill.order,
        symbol=fill.symbol,
        type=fill.side,
        volume=fill.volume,
        price_open=fill.price,
        sl=fill.sl,
        tp=fill.tp,
        time_us=book.clock_us,
        update_us=book.clock_us,
        magic=fill.magic,
        reason=fill.reason,
        comment=fill.comment,
        margin=0.0,
    )
    position.margin = _margin(book, position)
    book.put_position(position)
    return _deal(book, fill, mt5.DEAL_ENTRY_IN, position.identifier, 0.0)


def _grow(book: Book, fill: Execution, position: Position) -> Deal:
    digits = book.symbols[fill.symbol].digits
    old, new = Decimal(repr(position.volume)), Decimal(repr(fill.volume))
    paid = old * Decimal(repr(position.price_open)) + new * Decimal(repr(fill.price))
    position.price_open = money.rounded(float(paid / (old + new)), digits)
    position.volume = float(old + new)
    position.magic, position.update_us = fill.magic, book.clock_us
    position.sl, position.tp = fill.sl or position.sl, fill.tp or position.tp
    position.margin = _margin(book, position)
    book.put_position(position)
    return _deal(book, fill, mt5.DEAL_ENTRY_IN, position.identifier, 0.0)


def _realised(book: Book, position: Position, volume: float, price: float) -> float:
    """Profit of closing ``volume``: what is left is booked so that the parts add up."""
    symbol = book.symbols[position.symbol]
    return money.profit(book.account, symbol, position.type, volume, position.price_open, price)


def _close(book: Book, fill: Execution, position: Position) -> Deal:
    profit = _realised(book, position, fill.volume, fill.price)
    deal = _deal(book, fill, mt5.DEAL_ENTRY_OUT, position.identifier, profit)
    reduce_position(book, position, fill.volume)
    return deal


def reduce_position(book: Book, position: Position, volume: float) -> None:
    """Take volume off a position; it disappears at zero."""
    left = money.total_volume(position.volume, -volume)
    if left <= 0:
        book.drop_position(position.ticket)
        return
    position.volume, position.update_us = left, book.clock_us
    position.margin = _margin(book, position)
    book.put_position(position)


def _reverse(book: Book, fill: Execution, position: Position) -> Deal:
    """Netting only: one INOUT deal; the identifier stays, the ticket is the reversing order's."""
    profit = _realised(book, position, position.volume, fill.price)
    deal = _deal(book, fill, mt5.DEAL_ENTRY_INOUT, position.identifier, profit)
    left = money.total_volume(fill.volume, -position.volume)
    book.drop_position(position.ticket)
    position.ticket, position.type, position.volume = fill.order, fill.side, left
    position.price_open, position.sl, position.tp = fill.price, fill.sl, fill.tp
    position.magic, position.update_us = fill.magic, book.clock_us
    position.margin = _margin(book, position)
    book.put_position(position)
    return deal


def close_by(book: Book, order: Order, position: Position, other: Position) -> Deal:
    """Close two opposite positions against each other: profit on ``position``'s deal only."""
    volume = min(position.volume, other.volume)
    closing = Execution(
        position.symbol, other.type, volume, other.price_open, order.magic, order.comment, order.reason,
        order.ticket,
    )  # fmt: skip
    profit = _realised(book, position, volume, other.price_open)
    deal = _deal(book, closing, mt5.DEAL_ENTRY_OUT_BY, position.identifier, profit)
    opposite = Execution(
        position.symbol, position.type, volume, position.price_open, order.magic, order.comment,
        order.reason, order.ticket,
    )  # fmt: skip
    _deal(book, opposite, mt5.DEAL_ENTRY_OUT_BY, other.identifier, 0.0)
    reduce_position(book, position, volume)
    reduce_position(book, other, volume)
    return deal


def new_order(book: Book, fill: Execution, position_id: int, state: int, filling: int) -> Order:
    """A market order's record (not yet in the history)."""
    return Order(
        ticket=fill.order,
        symbol=fill.symbol,
        type=fill.side,
        state=state,
        volume_initial=fill.volume,
        volume_current=0.0,
        price_open=fill.price,
        sl=fill.sl,
        tp=fill.tp,
        price_stoplimit=0.0,
        setup_us=book.clock_us,
        done_us=0,
        expires_us=0,
        type_time=mt5.ORDER_TIME_GTC,
        type_filling=filling,
        magic=fill.magic,
        reason=fill.reason,
        position_id=position_id,
        position_by_id=0,
        comment=fill.comment,
    )


def server_close(book: Book, position: Position, price: float, reason: int, comment: str) -> Deal:
    """The server closes a whole position: stop loss, take profit or stop out."""
    side = mt5.ORDER_TYPE_SELL if position.type == mt5.POSITION_TYPE_BUY else mt5.ORDER_TYPE_BUY
    fill = Execution(
        position.symbol, side, position.volume, price, position.magic, comment, reason, book.ticket()
    )
    order = new_order(book, fill, position.identifier, mt5.ORDER_STATE_STARTED, mt5.ORDER_FILLING_FOK)
    book.finish_order(order, mt5.ORDER_STATE_FILLED)
    return _close(book, fill, position)
