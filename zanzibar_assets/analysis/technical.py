"""Classic technical factors per bar, by TA-Lib where it has them.

Two kinds, kept apart: returns and realised volatility live inside the session and never reach over
its start; indicators with a memory (averages, RSI, ATR, ADX, MACD, bands, z-scores) warm up on the
history's tail, from which the jumps between sessions are taken out. So an overnight gap or a
contract roll alone changes no factor.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats, floats, micros, nullable
from zanzibar_assets.analysis.history import Joined, join_history
from zanzibar_assets.analysis.rolling import divide, past_zscore, rolling_sum, shifted
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND

TAIL_BARS = 600
"""Bars of history before the session: ten spans of the longest average."""
RETURN_BARS = (1, 5, 15, 60)
VOLATILITY_BARS = 30
ZSCORE_BARS = 60
STOCHASTIC_BARS = 14
BOLLINGER_BARS = 20
SLOPE_BARS = 20
AROON_BARS = 25


def build_technical_factors(
    bars: pl.DataFrame, bars_history: pl.DataFrame, window: SessionWindow, config: Config
) -> pl.DataFrame:
    """One row a bar of TechnicalFactors, known at its close.

    ``ret_k``: log return of the last k bars of the session; ``realized_vol_30``: root of the sum of
    the last 30 squared ones. ``ema_distance_*``: (close - EMA) / close; ``atr_14`` and
    ``macd_histogram`` in price; ``bollinger_position``: (close - mean) / (2 sd) of 20 bars;
    ``stochastic_k`` (14) and ``rsi_14`` and ``adx_14`` in 0..100; ``volume_z_60`` and ``range_z_60``
    against the 60 bars before. ``cci_20`` / 100, ``mfi_14`` (0..100), ``aroon_25`` / 100, ``di_balance_14``
    = (+DI - -DI) / (+DI + -DI), ``slope_20`` of the regression line in price a bar, ``efficiency_20`` =
    way made / way walked, ``autocorrelation_60`` of the session's returns. ``seconds_since_open`` counts
    to the bar's close, negative before the open. Null until enough bars exist and where a factor is
    not defined (no movement).
    """
    if bars.is_empty():
        return empty("technical_factors")
    joined = join_history(bars, bars_history, max(TAIL_BARS, config.analysis.atr_bars * 10))
    tick = float(bars["close"][0] / bars["close_ticks"][0]) if bars["close_ticks"][0] else np.nan
    since_open = (micros(bars, KNOWN_AT) - window.open_us) / US_PER_SECOND
    columns = _returns(floats(bars, "close")) | {
        name: values[joined.first :] for name, values in _indicators(joined, tick).items()
    }
    frame = bars.select(EVENT_TS, KNOWN_AT).with_columns(
        *(nullable(values).alias(name) for name, values in columns.items()),
        pl.Series("seconds_since_open", since_open),
    )
    return conform("technical_factors", frame)


def _returns(close: Floats) -> dict[str, Floats]:
    logs = np.log(np.where(close > 0, close, np.nan))
    found = {f"ret_{k}": logs - shifted(logs, k) for k in RETURN_BARS}
    ret = found["ret_1"]
    known = rolling_sum(np.isfinite(ret).astype(np.float64), VOLATILITY_BARS) == VOLATILITY_BARS
    squares = rolling_sum(np.nan_to_num(ret) ** 2, VOLATILITY_BARS)
    found["realized_vol_30"] = np.where(known, np.sqrt(np.maximum(squares, 0.0)), np.nan)
    found["autocorrelation_60"] = _autocorrelation(ret)
    return found


def _autocorrelation(ret: Floats) -> Floats:
    """Sum of products of neighbouring returns over the sum of squares, 60 bars (no mean taken out)."""
    pair = np.nan_to_num(ret) * np.nan_to_num(shifted(ret))
    both = np.isfinite(ret) & np.isfinite(shifted(ret))
    known = rolling_sum(both.astype(np.float64), ZSCORE_BARS) == ZSCORE_BARS
    squares = np.nan_to_num(ret) ** 2
    # a running sum leaves rounding behind: what is below a hundredth of a basis point did not move
    held = rolling_sum(squares, ZSCORE_BARS)
    share = divide(rolling_sum(pair, ZSCORE_BARS), np.where(held > 1e-12, held, np.nan))
    return np.where(known, np.clip(share, -1.0, 1.0), np.nan)


def _indicators(joined: Joined, tick: float) -> dict[str, Floats]:
    """Factors on the joined series; rows before ``joined.first`` are only warm-up."""
    import talib

    close = joined.close
    # distances from a fixed price: TA-Lib sums squares, which would cancel at prices of 1e8
    base = close[joined.first]
    high, low, near = joined.high - base, joined.low - base, close - base
    moves = np.cumsum(np.abs(np.diff(close, prepend=close[0]))) > 0
    upper, middle, _ = talib.BBANDS(near, BOLLINGER_BARS, 2.0, 2.0)
    _, _, histogram = talib.MACD(near, 12, 26, 9)
    top, bottom = talib.MAX(high, STOCHASTIC_BARS), talib.MIN(low, STOCHASTIC_BARS)
    level = np.where(close > 0, close, np.nan)
    return {
        "ema_distance_20": divide(near - talib.EMA(near, 20), level),
        "ema_distance_60": divide(near - talib.EMA(near, 60), level),
        "rsi_14": np.where(moves, talib.RSI(near, 14), np.nan),
        "atr_14": talib.ATR(high, low, near, 14) * tick,
        "adx_14": np.where(moves, talib.ADX(high, low, near, 14), np.nan),
        "macd_histogram": histogram * tick,
        "bollinger_position": divide(near - middle, _positive(upper - middle)),
        "stochastic_k": 100.0 * divide(near - bottom, top - bottom),
        "volume_z_60": past_zscore(joined.volume, ZSCORE_BARS),
        "range_z_60": past_zscore(joined.high - joined.low, ZSCORE_BARS),
        **_trend(joined, high, low, near, moves, tick),
    }


def _trend(
    joined: Joined, high: Floats, low: Floats, near: Floats, moves: Bools, tick: float
) -> dict[str, Floats]:
    """Factors of direction and of money flow; ``high``, ``low`` and ``near`` are distances in ticks."""
    import talib

    plus, minus = talib.PLUS_DI(high, low, near, 14), talib.MINUS_DI(high, low, near, 14)
    # distances sum to rounding where nothing moved: no deviation is known there
    still = talib.SUM(np.abs(np.diff(near, prepend=near[0])), SLOPE_BARS)
    walked = np.where(still > 0, still, np.nan)
    way = np.abs(near - shifted(near, SLOPE_BARS))
    money = talib.MFI(joined.high, joined.low, joined.close, joined.volume, 14)
    return {
        "cci_20": np.where(still > 0, talib.CCI(high, low, near, SLOPE_BARS), np.nan) / 100.0,
        "mfi_14": np.where(moves, money, np.nan),
        "aroon_25": np.where(moves, talib.AROONOSC(high, low, AROON_BARS), np.nan) / 100.0,
        "di_balance_14": divide(plus - minus, _positive(plus + minus)),
        "slope_20": talib.LINEARREG_SLOPE(near, SLOPE_BARS) * tick,
        "efficiency_20": divide(way, walked),
    }


def _positive(values: Floats) -> Floats:
    return np.where(values > 1e-9, values, np.nan)
