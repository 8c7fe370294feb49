"""The one port to a trading terminal: the part of the MetaTrader5 surface that execution uses.

Backends: ``simulated`` (recorded quotes, an account kept in a file) and ``mt5`` (the real module).
Both return the module's struct sequences; None means failure, ``last_error`` says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from zanzibar_assets.config import Config
from zanzibar_assets.errors import ConfigError
from zanzibar_assets.instruments import Instrument


class TerminalPort(Protocol):
    """Functions of the MetaTrader5 module, with its names."""

    @property
    def simulated(self) -> bool:
        """True for a terminal whose fills are simulated."""
        ...

    def initialize(self, *args: Any, **kwargs: Any) -> bool:
        """Connect to the terminal."""
        ...

    def shutdown(self) -> None:
        """Disconnect."""
        ...

    def last_error(self) -> tuple[int, str]:
        """Code and text of the last call."""
        ...

    def terminal_info(self) -> Any:
        """TerminalInfo or None."""
        ...

    def account_info(self) -> Any:
        """AccountInfo or None."""
        ...

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Show a symbol in the market watch."""
        ...

    def symbol_info(self, symbol: str, /) -> Any:
        """SymbolInfo or None."""
        ...

    def symbol_info_tick(self, symbol: str, /) -> Any:
        """Tick or None."""
        ...

    def positions_get(self, *args: Any, **filters: Any) -> tuple[Any, ...] | None:
        """Open positions."""
        ...

    def orders_get(self, *args: Any, **filters: Any) -> tuple[Any, ...] | None:
        """Live orders."""
        ...

    def history_orders_get(self, *args: Any, **filters: Any) -> tuple[Any, ...] | None:
        """Finished orders."""
        ...

    def history_deals_get(self, *args: Any, **filters: Any) -> tuple[Any, ...] | None:
        """Deals."""
        ...

    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float, /) -> float | None:
        """Margin of an order."""
        ...

    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float, /
    ) -> float | None:
        """Profit of a trade."""
        ...

    def order_check(self, *args: Any, **kwargs: Any) -> Any:
        """OrderCheckResult or None."""
        ...

    def order_send(self, *args: Any, **kwargs: Any) -> Any:
        """OrderSendResult or None."""
        ...


def open_terminal(config: Config, instruments: Iterable[Instrument]) -> TerminalPort:
    """The configured backend, connected. ConfigError for an unknown name, TerminalError when unreachable."""
    if config.execution.backend == "simulated":
        from zanzibar_assets.execution.simulated.terminal import open_simulated

        return open_simulated(config, instruments)
    if config.execution.backend == "mt5":
        from zanzibar_assets.execution.mt5_backend import open_mt5

        live: TerminalPort = open_mt5()
        return live
    raise ConfigError(f"unknown execution backend {config.execution.backend!r}", expected="simulated or mt5")
