"""The market's side: moves the server's clock along the tape to the quotes that set things off.

``advance`` jumps from one possible trigger to the next; ``advance_by_each_quote`` looks at every
row in turn. Both end in the same books: the jump skips only rows that cannot change anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import TerminalError
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated.book import Book, margin_level
from zanzibar_assets.execution.simulated.model import Order, Position, Quote
from zanzibar_assets.execution.simulated.triggers import QuoteRow, on_quote
from zanzibar_assets.execution.tape import QuoteTape, SymbolTape

_Mask = NDArray[np.bool_]


class Market:
    """A tape under replay against a book."""

    def __init__(self, book: Book, tape: QuoteTape) -> None:
        self.book = book
        self.tapes = {name: tape.symbols[name] for name in sorted(tape.symbols) if name in book.symbols}
        self.cursor = {name: t.index_at(book.clock_us) for name, t in self.tapes.items()}

    def advance(self, until_us: int) -> None:
        """Bring clock and quotes to an instant, setting off what lies on the way."""
        self._refuse_past(until_us)
        while (found := self._next_trigger(until_us)) is not None:
            stamp, name, index = found
            self._move_others(stamp, name)
            self._apply(name, index)
        self._finish(until_us)

    def advance_by_each_quote(self, until_us: int) -> None:
        """The slow, obvious form of ``advance``."""
        self._refuse_past(until_us)
        for _, name, index in self._rows_until(until_us):
            self._apply(name, index)
        self._finish(until_us)

    def _refuse_past(self, until_us: int) -> None:
        if until_us < self.book.clock_us:
            raise TerminalError(
                "the simulated server's clock never goes back",
                expected=f"an instant at or after {self.book.clock_us} us",
                got=f"{until_us} us",
            )

    def _rows_until(self, until_us: int) -> Iterator[tuple[int, str, int]]:
        rows = [
            (int(tape.times_us[index]), name, index)
            for name, tape in self.tapes.items()
            for index in range(self.cursor[name] + 1, tape.index_at(until_us) + 1)
        ]
        yield from sorted(rows)

    def _apply(self, name: str, index: int) -> None:
        tape = self.tapes[name]
        self._show(name, index)
        self.book.clock_us = max(self.book.clock_us, int(tape.times_us[index]))
        columns = (tape.bid, tape.ask, tape.bid_low, tape.bid_high, tape.ask_low, tape.ask_high)
        on_quote(self.book, name, QuoteRow(*(float(column[index]) for column in columns)))

    def _show(self, name: str, index: int) -> None:
        tape = self.tapes[name]
        self.cursor[name] = index
        stamp = int(tape.times_us[index])
        self.book.quotes[name] = Quote(float(tape.bid[index]), float(tape.ask[index]), stamp)

    def _move_others(self, stamp: int, name: str) -> None:
        """Show the last row of the other symbols that stands before (stamp, name)."""
        for other, tape in self.tapes.items():
            if other == name:
                continue
            index = tape.index_at(stamp if other < name else stamp - 1)
            if index > self.cursor[other]:
                self._show(other, index)

    def _finish(self, until_us: int) -> None:
        for name, tape in self.tapes.items():
            index = tape.index_at(until_us)
            if index > self.cursor[name]:
                self._show(name, index)
        self.book.clock_us = until_us

    def _next_trigger(self, until_us: int) -> tuple[int, str, int] | None:
        every_row = self._stop_out_possible(until_us)
        found = [
            (int(tape.times_us[index]), name, index)
            for name, tape in self.tapes.items()
            if (index := self._first_hit(tape, until_us, every_row)) is not None
        ]
        return min(found) if found else None

    def _first_hit(self, tape: SymbolTape, until_us: int, every_row: bool) -> int | None:
        start, stop = self.cursor[tape.symbol] + 1, tape.index_at(until_us) + 1
        if start >= stop:
            return None
        if every_row:
            return start
        rows = slice(start, stop)
        mask = np.zeros(stop - start, dtype=np.bool_)
        for order in self.book.orders.values():
            mask |= _order_mask(order, tape, rows)
        for position in self.book.positions_of(tape.symbol):
            mask |= _position_mask(position, tape, rows)
        return start + int(np.argmax(mask)) if mask.any() else None

    def _stop_out_possible(self, until_us: int) -> bool:
        """True unless even the worst prices of the stretch keep the margin level above stop out."""
        book = self.book
        if book.orders:
            return True  # a fill on the way would change the bound: look at every row
        if book.margin <= 0:
            return False
        worst = book.balance + sum(self._worst_profit(p, until_us) for p in book.positions.values())
        return margin_level(worst, book.margin) <= book.account.stop_out_level

    def _worst_profit(self, position: Position, until_us: int) -> float:
        now = self.book.position_profit(position)
        tape = self.tapes.get(position.symbol)
        if tape is None:
            return now
        rows = slice(self.cursor[position.symbol] + 1, tape.index_at(until_us) + 1)
        if rows.start >= rows.stop:
            return now
        buy = position.type == mt5.POSITION_TYPE_BUY
        price = float(tape.bid_low[rows].min()) if buy else float(tape.ask_high[rows].max())
        return min(now, self.book.profit_at(position, price))


def _order_mask(order: Order, tape: SymbolTape, rows: slice) -> _Mask:
    """Rows at which a live order may expire or fill."""
    expires = order.expires_us or np.iinfo(np.int64).max
    mask: _Mask = np.asarray(tape.times_us[rows] >= expires, dtype=np.bool_)
    if order.symbol == tape.symbol:
        reaches = (tape.bid_low[rows] <= order.price_open) | (tape.ask_high[rows] >= order.price_open)
        mask = mask | reaches
    return mask


def _position_mask(position: Position, tape: SymbolTape, rows: slice) -> _Mask:
    """Rows that reach a position's stop loss or take profit."""
    buy = position.type == mt5.POSITION_TYPE_BUY
    low = tape.bid_low[rows] if buy else tape.ask_low[rows]
    high = tape.bid_high[rows] if buy else tape.ask_high[rows]
    below, above = (position.sl, position.tp) if buy else (position.tp, position.sl)
    mask: _Mask = np.zeros(len(low), dtype=np.bool_)
    if below > 0:
        mask |= low <= below
    if above > 0:
        mask |= high >= above
    return mask
