"""The real terminal: the only file that imports the MetaTrader5 module (Windows only).

Credentials never pass through here: the module attaches to the terminal that a person logged in.
"""

from __future__ import annotations

from typing import Any

from zanzibar_assets.errors import TerminalError


class Mt5Terminal:
    """The MetaTrader5 module as a port; every function is the module's own."""

    simulated = False

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def open_mt5() -> Any:
    """A connected port to the running terminal; TerminalError in plain words when there is none."""
    try:
        import MetaTrader5
    except ImportError as error:
        raise TerminalError(
            "the MetaTrader5 package is not installed here",
            expected="Windows with a MetaTrader 5 terminal and `pip install MetaTrader5`",
            got=str(error),
            action="run the live backend on that machine, or set execution.backend to simulated",
        ) from error
    if not MetaTrader5.initialize():
        code, text = MetaTrader5.last_error()
        raise TerminalError(
            "the MetaTrader 5 terminal is not reachable",
            got=f"{code} {text}",
            action="start the terminal, log in and allow algorithmic trading",
        )
    return Mt5Terminal(MetaTrader5)
