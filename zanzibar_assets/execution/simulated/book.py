"""The account's books in memory: positions, orders, deals, counters, and what changed.

Balance is the sum over deals of profit + swap + commission + fee, kept in exact decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated import money
from zanzibar_assets.execution.simulated.model import (
    AccountSpec,
    Deal,
    Order,
    Position,
    Quote,
    SymbolSpec,
)

FIRST_TICKET = 1_000_001


@dataclass(slots=True)
class Book:
    """Everything the server knows of one account."""

    account: AccountSpec
    symbols: Mapping[str, SymbolSpec]
    positions: dict[int, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    history: dict[int, Order] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    quotes: dict[str, Quote] = field(default_factory=dict)
    clock_us: int = 0
    next_ticket: int = FIRST_TICKET
    request_id: int = 0
    balance_exact: Decimal = Decimal(0)
    touched: set[tuple[str, int]] = field(default_factory=set)

    def ticket(self) -> int:
        """A new ticket; orders and deals share the sequence."""
        self.next_ticket += 1
        return self.next_ticket - 1

    def add_deal(self, deal: Deal) -> Deal:
        """Book a deal and its money."""
        self.deals.append(deal)
        self.balance_exact += money_of(deal)
        self.touched.add(("deal", deal.ticket))
        return deal

    def put_position(self, position: Position) -> None:
        """Store a new or changed position."""
        self.positions[position.ticket] = position
        self.touched.add(("position", position.ticket))

    def drop_position(self, ticket: int) -> None:
        """Remove a closed position."""
        del self.positions[ticket]
        self.touched.add(("position", ticket))

    def put_order(self, order: Order) -> None:
        """Store a live order."""
        self.orders[order.ticket] = order
        self.touched.add(("order", order.ticket))

    def finish_order(self, order: Order, state: int) -> None:
        """Move an order to the history in its final state."""
        order.state, order.done_us = state, self.clock_us
        self.orders.pop(order.ticket, None)
        self.history[order.ticket] = order
        self.touched.add(("order", order.ticket))

    @property
    def balance(self) -> float:
        """Sum of all deals' money."""
        return float(self.balance_exact)

    def closing_price(self, symbol: str, side: int) -> float:
        """Price at which a position of a side (0 buy, 1 sell) is valued and closed."""
        quote = self.quotes[symbol]
        return quote.bid if side == mt5.POSITION_TYPE_BUY else quote.ask

    def position_profit(self, position: Position) -> float:
        """Floating profit of a position at the current quote."""
        price = self.closing_price(position.symbol, position.type)
        return self.profit_at(position, price)

    def profit_at(self, position: Position, price: float) -> float:
        """Profit of a position if it were closed at a price."""
        symbol = self.symbols[position.symbol]
        return money.profit(self.account, symbol, position.type, position.volume, position.price_open, price)

    @property
    def floating(self) -> float:
        """Floating profit of all open positions."""
        total = sum((Decimal(repr(self.position_profit(p))) for p in self.positions.values()), Decimal(0))
        return float(total)

    @property
    def equity(self) -> float:
        """Balance plus floating profit."""
        return money.rounded(self.balance + self.floating, self.account.currency_digits)

    @property
    def margin(self) -> float:
        """Margin held by all open positions (opposite ones are not netted)."""
        total = sum((Decimal(repr(p.margin)) for p in self.positions.values()), Decimal(0))
        return float(total)

    def positions_of(self, symbol: str) -> list[Position]:
        """Open positions of a symbol, oldest first."""
        return sorted((p for p in self.positions.values() if p.symbol == symbol), key=lambda p: p.ticket)


def money_of(deal: Deal) -> Decimal:
    """What a deal adds to the balance, exact."""
    return sum((Decimal(repr(v)) for v in (deal.profit, deal.swap, deal.commission, deal.fee)), Decimal(0))


def margin_level(equity: float, margin: float) -> float:
    """equity / margin x 100; 0.0 without margin."""
    return equity / margin * 100.0 if margin > 0 else 0.0
