"""Prices on an instrument's tick grid: float32 file prices to exact ticks and back."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT_SLACK_TICKS = 1e-6
"""Distance from the grid, in ticks, that float64 arithmetic alone can cause."""


@cache
def decimals_of(tick_size: float) -> int:
    """Decimal places of a tick size: 0.25 has 2, 10 has 0."""
    exponent = Decimal(repr(tick_size)).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def ticks_to_prices(ticks: NDArray[np.int64], tick_size: float) -> NDArray[np.float64]:
    """Float64 prices of integer ticks, rounded to the grid's own decimals (618003 * 0.1 = 61800.3)."""
    return np.asarray(np.round(np.asarray(ticks, dtype=np.float64) * tick_size, decimals_of(tick_size)))


def to_lots(counts: NDArray[Any], multiplier: float) -> NDArray[np.float64]:
    """Sizes in lots of a file's whole counts, rounded to the multiplier's own decimals (2909 -> 2.909)."""
    if multiplier == 1.0:
        return counts.astype(np.float64)
    return ticks_to_prices(counts, multiplier)


def float32_noise(values: NDArray[np.float32], multiplier: float) -> NDArray[np.float64]:
    """Spacing of float32 at the file's values, in price units: how far rounding can carry a price."""
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.where(np.isfinite(values), np.abs(values), np.float32(1.0)).astype(np.float32)
        spacing: NDArray[np.float64] = np.spacing(finite).astype(np.float64) * multiplier
    return spacing


def nearest_ticks(
    prices: NDArray[np.float64], tick_size: float, noise: NDArray[np.float64] | float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Nearest tick of each price and whether the price lies on it within ``noise`` (price units).

    Prices that are not finite, or beyond 2**53 ticks, give 0 and False.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        exact = prices / tick_size
        usable = np.isfinite(exact) & (np.abs(exact) < 2.0**53)
        whole = np.rint(np.where(usable, exact, 0.0))
        near = (
            np.abs(np.where(usable, exact, 0.0) - whole) <= np.asarray(noise) / tick_size + EXACT_SLACK_TICKS
        )
    return whole.astype(np.int64), usable & near
