"""Money of the simulated terminal: profit, margin, rounding; step and grid tests in Decimal."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from zanzibar_assets.errors import TerminalError
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated.model import AccountSpec, SymbolSpec

_LEVERAGED = (mt5.SYMBOL_CALC_MODE_FOREX, mt5.SYMBOL_CALC_MODE_CFDLEVERAGE)


def rounded(value: float, digits: int) -> float:
    """Value rounded half away from zero to ``digits`` decimals."""
    quantum = Decimal(1).scaleb(-digits)
    # twelve significant decimals first: 2.675 must not fall to 2.67 for want of a bit
    exact = Decimal(repr(round(value, digits + 6)))
    return float(exact.quantize(quantum, rounding=ROUND_HALF_UP)) + 0.0


def is_multiple(value: float, step: float) -> bool:
    """True when value is a whole number of steps (decimal arithmetic: 0.29 is 29 x 0.01)."""
    return Decimal(repr(value)) % Decimal(repr(step)) == 0


def steps_between(a: float, b: float, point: float) -> Decimal:
    """(a - b) in points, exact in decimals."""
    return (Decimal(repr(a)) - Decimal(repr(b))) / Decimal(repr(point))


def total_volume(*volumes: float) -> float:
    """Sum of lots without float dust."""
    return float(sum((Decimal(repr(v)) for v in volumes), Decimal(0)))


def profit(
    account: AccountSpec, symbol: SymbolSpec, side: int, volume: float, opened: float, closed: float
) -> float:
    """Profit of a deal in the deposit currency; side 0 buy, 1 sell.

    Where the deposit currency is the symbol's base, the close price converts it.
    """
    sign = 1 if side == mt5.ORDER_TYPE_BUY else -1
    raw = sign * (closed - opened) * symbol.contract_size * volume
    if symbol.currency_profit != account.currency:
        if symbol.currency_base != account.currency:
            raise TerminalError(
                f"no rate from {symbol.currency_profit} to {account.currency} for {symbol.name}",
                action="define the symbol in the account's currency",
            )
        raw = raw / closed
    return rounded(raw, account.currency_digits)


def margin(account: AccountSpec, symbol: SymbolSpec, volume: float, price: float) -> float:
    """Margin of an order in the deposit currency, rounded to its digits."""
    if symbol.calc_mode == mt5.SYMBOL_CALC_MODE_FUTURES:
        return rounded(volume * symbol.margin_initial * symbol.margin_rate, account.currency_digits)
    value = volume * symbol.contract_size * symbol.margin_rate
    if symbol.calc_mode in _LEVERAGED:
        value /= account.leverage
    in_base = symbol.calc_mode == mt5.SYMBOL_CALC_MODE_FOREX and symbol.currency_base == account.currency
    if not in_base:
        value *= price
    return rounded(value, account.currency_digits)


def commission(account: AccountSpec, symbol: SymbolSpec, volume: float) -> float:
    """Commission of one deal: a negative amount."""
    return 0.0 - rounded(symbol.commission_per_lot * volume, account.currency_digits)
