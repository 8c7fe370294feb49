"""Score of a point of interest: named factors in [0, 1] and their weighted mean.

The weights are this project's own proposal; no authority exists. A factor that cannot be measured
(no aggressor sides, no volume, no swing on a side yet) is left out of both sums, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping

WEIGHTS: Mapping[str, float] = {
    "displacement": 2.0,
    "structure": 2.0,
    "swept": 2.0,
    "fresh": 1.0,
    "range_side": 1.5,
    "gap": 1.0,
    "higher_timeframe": 1.0,
    "volume": 1.0,
    "delta": 1.0,
    "vwap": 1.0,
}
FULL_LEG_ATR = 3.0
FULL_RELATIVE_VOLUME = 3.0
VWAP_BAND_SD = 2.0
HALF_LIFE_BARS = 500
STRUCTURE = {"choch": 1.0, "bos": 0.6}


def clipped(value: float) -> float:
    """Value limited to [0, 1]."""
    return min(1.0, max(0.0, value))


def displacement(leg_ticks: float, atr_ticks: float) -> float:
    """Length of the leg that left the zone; full at three mean true ranges."""
    return clipped(leg_ticks / (FULL_LEG_ATR * atr_ticks)) if atr_ticks > 0 else 0.0


def open_gap(height_ticks: float, atr_ticks: float) -> float:
    """Widest unfilled gap that the leg left; full at one mean true range, 0 without a gap."""
    return clipped(height_ticks / atr_ticks) if atr_ticks > 0 else 0.0


def range_side(direction: int, middle: float, low: int, high: int) -> float:
    """Discount for buying, premium for selling: place of the zone's middle in the dealing range."""
    place = (middle - low) / (high - low)
    return clipped(1.0 - place if direction > 0 else place)


def relative_volume(volume: float, usual: float) -> float:
    """Heaviest bar of the leg against the usual bar: 0 at the usual volume, full at three times it."""
    return clipped((volume / usual - 1.0) / (FULL_RELATIVE_VOLUME - 1.0))


def delta_agreement(direction: int, delta: float, signed_volume: float) -> float:
    """Signed volume of the leg: above a half when aggressors pushed the zone's way."""
    return clipped(0.5 + 0.5 * direction * delta / signed_volume)


def vwap_side(direction: int, middle: float, vwap: float, sd: float) -> float:
    """Full where the zone lies two deviations on the far side of the session's VWAP, a half on it."""
    return clipped(0.5 + direction * (vwap - middle) / (2.0 * VWAP_BAND_SD * sd))


def freshness(touches: int, age_bars: int) -> float:
    """Decay, an explicit function: halves with each earlier touch and every 500 bars."""
    return float(0.5 ** (touches + age_bars / HALF_LIFE_BARS))


def weighted_score(factors: Mapping[str, float]) -> float:
    """Weighted mean of the factors at hand; in [0, 1] and rising in each factor."""
    total = sum(WEIGHTS[name] for name in factors)
    return clipped(sum(WEIGHTS[name] * value for name, value in factors.items()) / total)
