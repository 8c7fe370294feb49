"""What regimes and change points are read from: one number a bar, known at its close.

Each looks back within its session only. Prices enter as differences in ticks, so a shift of all prices
changes none of them but the variance relative to price, and a mirror only turns the drift's sign.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, floats
from zanzibar_assets.analysis.rolling import divide, rolling_sum, shifted

DRIFT_BARS = 60
DRIFT_MIN_STEPS = 30
SCALE_BARS = 30
_PARKINSON = float(np.log(4.0 * np.log(2.0)))


def tick_log_variance(bars: pl.DataFrame) -> Floats:
    """Log of each bar's variance in ticks squared by Parkinson's (1980) range estimator.

    The range counts the tick the price stood on, so a bar of one price has the range of one tick
    and the logarithm is finite.
    """
    ticks = floats(bars, "high_ticks") - floats(bars, "low_ticks") + 1.0
    values: Floats = 2.0 * np.log(ticks) - _PARKINSON
    return values


def log_variance(bars: pl.DataFrame) -> Floats:
    """``tick_log_variance`` relative to the close squared: comparable over months and contracts."""
    close = np.maximum(np.abs(floats(bars, "close_ticks")), 1.0)
    values: Floats = tick_log_variance(bars) - 2.0 * np.log(close)
    return values


def drift_score(bars: pl.DataFrame) -> Floats:
    """Sum of the last 60 steps from close to close over the root of the sum of their squares.

    About standard normal for a random walk whatever its volatility; between -8 and 8. NaN before 30
    steps; 0 where the price stood still. Steps are whole ticks, so the sums are exact.
    """
    step = _steps(bars)
    count = rolling_sum(np.isfinite(step).astype(np.float64), DRIFT_BARS)
    moved = np.nan_to_num(step, nan=0.0)
    total, squares = rolling_sum(moved, DRIFT_BARS), rolling_sum(moved**2, DRIFT_BARS)
    score = total / np.sqrt(np.where(squares > 0.0, squares, 1.0))
    return np.where(count >= DRIFT_MIN_STEPS, score, np.nan)


def step_score(bars: pl.DataFrame) -> Floats:
    """Each step from close to close over the root mean square of the 30 steps before it.

    NaN before there are 30, and where none of them moved.
    """
    step = _steps(bars)
    squares = shifted(rolling_sum(np.nan_to_num(step, nan=0.0) ** 2, SCALE_BARS))
    known = shifted(rolling_sum(np.isfinite(step).astype(np.float64), SCALE_BARS))
    return divide(step, np.sqrt(np.where(known >= SCALE_BARS, squares / SCALE_BARS, np.nan)))


def log_depth(bars: pl.DataFrame) -> Floats:
    """Log of the volume per tick of the bar's range: what it took to move the price a tick.

    Every instrument's bars have it, with or without a recorded book. NaN where nothing was traded.
    """
    ticks = floats(bars, "high_ticks") - floats(bars, "low_ticks") + 1.0
    return log_volume(bars) - np.log(ticks)


def log_volume(bars: pl.DataFrame) -> Floats:
    """Log of the bar's volume; NaN where nothing was traded."""
    volume = floats(bars, "volume")
    return np.log(np.where(volume > 0.0, volume, np.nan))


def _steps(bars: pl.DataFrame) -> Floats:
    close = floats(bars, "close_ticks")
    return np.diff(close, prepend=np.nan)
