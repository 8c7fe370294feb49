"""The module surface: ``SimulatedTerminal`` answers as ``import MetaTrader5 as mt5`` would.

Quotes come from a tape (``attach``) and time moves only by ``advance_to``. Swaps are not charged;
opposite positions of one symbol hold their full margin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zanzibar_assets.config import Config
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated import arguments, money, queries, server, views
from zanzibar_assets.execution.simulated.arguments import ArgumentFault
from zanzibar_assets.execution.simulated.book import Book
from zanzibar_assets.execution.simulated.market import Market
from zanzibar_assets.execution.simulated.model import (
    AccountSpec,
    Deal,
    Order,
    SymbolSpec,
    account_spec,
    symbol_spec,
)
from zanzibar_assets.execution.simulated.storage import TerminalStorage
from zanzibar_assets.execution.simulated.structs import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)
from zanzibar_assets.execution.tape import QuoteTape
from zanzibar_assets.instruments import Instrument

_OK = (mt5.RES_S_OK, "Success")
_NO_CONNECTION = (mt5.RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection")


class SimulatedTerminal:
    """A terminal over recorded quotes with one simulated account."""

    simulated = True

    def __init__(self, account: AccountSpec, symbols: Iterable[SymbolSpec], path: Path | None = None) -> None:
        """Open the account kept at ``path`` (None: in memory) or start it with a deposit."""
        self.book = Book(account, {spec.name: spec for spec in symbols})
        self.switches = views.Switches()
        self._storage = TerminalStorage(path)
        self._storage.load(self.book)
        self._market = Market(self.book, QuoteTape())
        self._selected: set[str] = set(self.book.symbols)
        self._connected = False
        self._error = _OK
        if not self.book.deals:
            self._deposit(account.initial_balance)

    def _deposit(self, amount: float) -> None:
        ticket = self.book.ticket()
        reason = mt5.DEAL_REASON_CLIENT
        self.book.add_deal(
            Deal(
                ticket, 0, self.book.clock_us, mt5.DEAL_TYPE_BALANCE, mt5.DEAL_ENTRY_IN, 0, 0, reason,
                0.0, 0.0, 0.0, 0.0, amount, 0.0, "", "initial simulated deposit",
            )
        )  # fmt: skip
        self._storage.commit(self.book)

    # -- the market's side -------------------------------------------------------------------

    @property
    def clock_us(self) -> int:
        """The server's clock as true UTC microseconds."""
        return self.book.clock_us

    def attach(self, tape: QuoteTape) -> None:
        """Replay this tape from the clock on."""
        self._market = Market(self.book, tape)

    def advance_to(self, stamp_us: int) -> None:
        """Move the clock to an instant; TerminalError when it lies in the past."""
        self._market.advance(stamp_us)
        self._storage.commit(self.book)

    # -- connection --------------------------------------------------------------------------

    def initialize(self, *args: Any, **kwargs: Any) -> bool:
        """Connect; the path, login, password and server given are not needed here."""
        self._error = _OK
        if len(args) > 1:
            self._error = (mt5.RES_E_INVALID_PARAMS, "Invalid number of arguments")
            return False
        self._connected = True
        return True

    def shutdown(self) -> None:
        """Disconnect."""
        self._connected = False

    def last_error(self) -> tuple[int, str]:
        """Code and text of the last call."""
        return self._error

    def _begin(self) -> bool:
        self._error = _OK if self._connected else _NO_CONNECTION
        return self._connected

    def _guarded(self, parse: Callable[[], Any]) -> Any:
        """Result of an argument check, or None with ``last_error`` set; before the connection test."""
        self._error = _OK
        try:
            return parse()
        except ArgumentFault as fault:
            self._error = (mt5.RES_E_INVALID_PARAMS, str(fault))
            return None

    # -- information -------------------------------------------------------------------------

    def version(self) -> tuple[int, int, str] | None:
        """Version of the terminal."""
        return (500, views.BUILD, "01 Jan 2026") if self._begin() else None

    def terminal_info(self) -> TerminalInfo | None:
        """Status of the terminal."""
        return views.terminal_view(self.switches) if self._begin() else None

    def account_info(self) -> AccountInfo | None:
        """The account at the current quotes."""
        return views.account_view(self.book, self.switches) if self._begin() else None

    def symbols_total(self) -> int | None:
        """Number of symbols."""
        return len(self.book.symbols) if self._begin() else None

    def symbols_get(self, group: str = "*") -> tuple[SymbolInfo, ...] | None:
        """Symbols, filtered by a group mask."""
        if not self._begin():
            return None
        names = [n for n in sorted(self.book.symbols) if arguments.matches_group(n, group)]
        return tuple(self._symbol(name) for name in names)

    def _symbol(self, name: str) -> SymbolInfo:
        quote = self.book.quotes.get(name)
        return views.symbol_view(self.book.symbols[name], quote, name in self._selected)

    def symbol_info(self, symbol: str, /) -> SymbolInfo | None:
        """One symbol, or None."""
        if not self._begin():
            return None
        if symbol not in self.book.symbols:
            self._error = (mt5.RES_E_NOT_FOUND, "Terminal: Not found")
            return None
        return self._symbol(symbol)

    def symbol_info_tick(self, symbol: str, /) -> Tick | None:
        """Last quote of a symbol, or None before its first."""
        if not self._begin():
            return None
        quote = self.book.quotes.get(symbol)
        if quote is None:
            self._error = (mt5.RES_E_NOT_FOUND, "Terminal: Not found")
            return None
        return views.tick_view(quote)

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Show or hide a symbol in the market watch."""
        if not self._begin():
            return False
        if symbol not in self.book.symbols:
            self._error = (mt5.RES_E_NOT_FOUND, "Terminal: Not found")
            return False
        (self._selected.add if enable else self._selected.discard)(symbol)
        return True

    # -- books -------------------------------------------------------------------------------

    def positions_total(self) -> int | None:
        """Number of open positions."""
        return len(self.book.positions) if self._begin() else None

    def positions_get(self, *args: Any, **filters: Any) -> tuple[TradePosition, ...] | None:
        """Open positions by ``ticket``, ``symbol`` or ``group``."""
        chosen = self._live(args, filters, list(self.book.positions.values()))
        return None if chosen is None else tuple(views.position_view(self.book, p) for p in chosen)

    def orders_total(self) -> int | None:
        """Number of live orders."""
        return len(self.book.orders) if self._begin() else None

    def orders_get(self, *args: Any, **filters: Any) -> tuple[TradeOrder, ...] | None:
        """Live orders by ``ticket``, ``symbol`` or ``group``."""
        chosen = self._live(args, filters, list(self.book.orders.values()))
        return None if chosen is None else tuple(views.order_view(self.book, o) for o in chosen)

    def _live(self, args: tuple[Any, ...], filters: dict[str, Any], items: list[Any]) -> list[Any] | None:
        chosen: list[Any] | None = self._guarded(lambda: queries.live(args, filters, items))
        return chosen if chosen is not None and self._begin() else None

    def history_orders_get(self, *args: Any, **filters: Any) -> tuple[TradeOrder, ...] | None:
        """Finished orders in a range of server time, or by ``ticket`` or ``position``."""
        past: list[Order] = sorted(self.book.history.values(), key=lambda o: o.ticket)
        rows = [(o.setup_us, o.symbol, o.ticket, o.position_id, o) for o in past]
        chosen = self._past(args, filters, rows)
        return None if chosen is None else tuple(views.order_view(self.book, o) for o in chosen)

    def history_deals_get(self, *args: Any, **filters: Any) -> tuple[TradeDeal, ...] | None:
        """Deals in a range of server time, or by ``ticket`` (of the order) or ``position``."""
        rows = [(d.time_us, d.symbol, d.order, d.position_id, d) for d in self.book.deals]
        chosen = self._past(args, filters, rows)
        return None if chosen is None else tuple(views.deal_view(d) for d in chosen)

    def history_orders_total(self, date_from: Any, date_to: Any, /) -> int | None:
        """Number of finished orders in a range of server time."""
        found = self.history_orders_get(date_from, date_to)
        return None if found is None else len(found)

    def history_deals_total(self, date_from: Any, date_to: Any, /) -> int | None:
        """Number of deals in a range of server time."""
        found = self.history_deals_get(date_from, date_to)
        return None if found is None else len(found)

    def _past(
        self, args: tuple[Any, ...], filters: dict[str, Any], rows: list[queries.PastRow]
    ) -> list[Any] | None:
        chosen: list[Any] | None = self._guarded(lambda: queries.past(args, filters, rows))
        return chosen if chosen is not None and self._begin() else None

    # -- trading -----------------------------------------------------------------------------

    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float, /) -> float | None:
        """Margin of an order, or None for an unknown symbol."""
        if not self._begin():
            return None
        spec = self.book.symbols.get(symbol)
        if spec is None:
            self._error = (mt5.RES_E_NOT_FOUND, "Terminal: Not found")
            return None
        return money.margin(self.book.account, spec, float(volume), float(price))

    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float, /
    ) -> float | None:
        """Profit of a trade, or None for an unknown symbol."""
        if not self._begin():
            return None
        spec = self.book.symbols.get(symbol)
        if spec is None:
            self._error = (mt5.RES_E_NOT_FOUND, "Terminal: Not found")
            return None
        account = self.book.account
        return money.profit(account, spec, action, float(volume), float(price_open), float(price_close))

    def order_check(self, *args: Any, **kwargs: Any) -> OrderCheckResult | None:
        """What a request would do to the account, without sending it."""
        request = self._guarded(lambda: arguments.parse_request(args, kwargs))
        if request is None or not self._begin():
            return None
        return server.check(self.book, self.switches, request)

    def order_send(self, *args: Any, **kwargs: Any) -> OrderSendResult | None:
        """Send a request; the books are on disk when it returns."""
        request = self._guarded(lambda: arguments.parse_request(args, kwargs))
        if request is None or not self._begin():
            return None
        if self.switches.python_disabled:
            text = "Auto-Trading using Python API disabled in Terminal"
            self._error = (mt5.RES_E_AUTO_TRADING_DISABLED, text)
            return None
        result = server.send(self.book, self.switches, request)
        self._storage.commit(self.book)
        return result


def open_simulated(config: Config, instruments: Iterable[Instrument]) -> SimulatedTerminal:
    """The configuration's simulated account over the symbols of these instruments, connected."""
    specs = {spec.name: spec for spec in map(symbol_spec, instruments)}
    terminal = SimulatedTerminal(account_spec(config), specs.values(), config.terminal_file)
    terminal.initialize()
    return terminal
