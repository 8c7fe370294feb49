"""Lots from a risk budget: equity x risk per cent over what one lot loses to the stop (in Decimal)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """Lots to trade, the lots the budget would allow, and what one lot loses to the stop (money)."""

    lots: float
    wanted_lots: float
    loss_per_lot: float

    @property
    def loss(self) -> float:
        """Money lost at the stop with ``lots``."""
        return self.lots * self.loss_per_lot


def exact(value: float) -> Decimal:
    """Decimal of a float's shortest form: 0.29 is 0.29."""
    return Decimal(repr(float(value)))


def snap_down(volume: Decimal, step: float) -> float:
    """Largest multiple of ``step`` not above ``volume``."""
    grid = exact(step)
    return float((volume / grid).to_integral_value(rounding=ROUND_FLOOR) * grid)


def snap_price(price: float, tick_size: float) -> float:
    """Nearest price on the tick grid."""
    grid = exact(tick_size)
    return float((exact(price) / grid).to_integral_value(rounding=ROUND_HALF_EVEN) * grid)


def size_position(
    equity: float, risk_pct: float, stop_distance: float, symbol: Any, max_lots: float, commission: float
) -> Size:
    """Lots that lose ``risk_pct`` per cent of ``equity`` over ``stop_distance`` (price units).

    ``symbol`` is a SymbolInfo (tick value in the deposit currency), ``commission`` money a lot and
    side. Capped by the symbol's maximum and ``max_lots``, snapped down to the step; 0.0 lots when
    the minimum is not reached.
    """
    ticks = exact(stop_distance) / exact(symbol.trade_tick_size)
    tick_value = exact(symbol.trade_tick_value_loss or symbol.trade_tick_value)
    loss = ticks * tick_value + 2 * exact(commission)
    if loss <= 0:
        return Size(0.0, 0.0, 0.0)
    wanted = exact(equity) * exact(risk_pct) / 100 / loss
    lots = snap_down(min(wanted, exact(symbol.volume_max), exact(max_lots)), symbol.volume_step)
    if lots < symbol.volume_min:
        lots = 0.0
    return Size(lots, float(wanted), float(loss))
