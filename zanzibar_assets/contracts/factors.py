"""Contracts of technical factors, regimes and correlations."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Events, TimedFrame, Utc


class TechnicalFactors(TimedFrame):
    """Classic factors per bar (TA-Lib where it has them), known at the bar's close."""

    ret_1: pl.Float64 = pa.Field(nullable=True)
    ret_5: pl.Float64 = pa.Field(nullable=True)
    ret_15: pl.Float64 = pa.Field(nullable=True)
    ret_60: pl.Float64 = pa.Field(nullable=True)
    ema_distance_20: pl.Float64 = pa.Field(nullable=True)
    ema_distance_60: pl.Float64 = pa.Field(nullable=True)
    rsi_14: pl.Float64 = pa.Field(nullable=True)
    atr_14: pl.Float64 = pa.Field(nullable=True)
    adx_14: pl.Float64 = pa.Field(nullable=True)
    macd_histogram: pl.Float64 = pa.Field(nullable=True)
    bollinger_position: pl.Float64 = pa.Field(nullable=True)
    stochastic_k: pl.Float64 = pa.Field(nullable=True)
    volume_z_60: pl.Float64 = pa.Field(nullable=True)
    realized_vol_30: pl.Float64 = pa.Field(nullable=True)
    range_z_60: pl.Float64 = pa.Field(nullable=True)
    cci_20: pl.Float64 = pa.Field(nullable=True)
    mfi_14: pl.Float64 = pa.Field(nullable=True)
    aroon_25: pl.Float64 = pa.Field(nullable=True)
    di_balance_14: pl.Float64 = pa.Field(nullable=True)
    slope_20: pl.Float64 = pa.Field(nullable=True)
    efficiency_20: pl.Float64 = pa.Field(nullable=True)
    autocorrelation_60: pl.Float64 = pa.Field(nullable=True)
    seconds_since_open: pl.Float64


class Regimes(TimedFrame):
    """Forward-filtered regime probabilities per bar; the models are fitted on earlier sessions only.

    ``vol_state`` 0 calm, 1 normal, 2 stressed; ``trend_state`` -1 down, 0 flat, 1 up; ``liquidity_state``
    0 thin, 1 normal, 2 deep: the likeliest one, states ordered by the mean of what is measured
    (``docs/regimes.md``). A model without a fit has nulls and says why in ``reason`` (volatility),
    ``trend_reason`` or ``liquidity_reason``. ``fitted_through`` is the last session of the fits.
    """

    vol_state: pl.Int8 = pa.Field(nullable=True, isin=[0, 1, 2])
    p_calm: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_normal: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_stressed: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    reason: str = pa.Field(nullable=True)
    trend_state: pl.Int8 = pa.Field(nullable=True, isin=[-1, 0, 1])
    p_down: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_flat: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_up: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    trend_reason: str = pa.Field(nullable=True)
    liquidity_state: pl.Int8 = pa.Field(nullable=True, isin=[0, 1, 2])
    p_thin: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_normal_liquidity: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_deep: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    liquidity_reason: str = pa.Field(nullable=True)
    change_alarm: bool
    fitted_through: str = pa.Field(nullable=True)


class RegimeChanges(Events):
    """Change-point alarms (kind ``change_point``): ``event_ts`` the estimated change, ``known_at`` the alarm.

    ``attrs``: ``measure`` (log_variance, drift, log_volume) and ``detector`` (cusum, bocpd),
    ``level_before`` and ``level_after`` of the measure, ``statistic``, ``delay_bars``; ``dir`` is the
    sign of the change of level. Price columns are null: what changes is no price.
    """


class Correlations(TimedFrame):
    """Pairwise correlation across instruments on a five-minute grid; a < b by id.

    ``corr_dcc`` is that of a DCC(1,1) whose parameters were fitted on bars known by
    ``dcc_fit_known_at`` (of sessions up to ``dcc_fitted_through``), before the first bar of any
    instrument's session; null with ``dcc_reason``. ``lead_lag_seconds``: positive, a leads b.
    """

    instrument_a: str
    instrument_b: str
    corr_ewma: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    corr_dcc: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    corr_hayashi_yoshida: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    lead_lag_seconds: pl.Float64 = pa.Field(nullable=True)
    observations: pl.Int64 = pa.Field(ge=0)
    dcc_fitted_through: str = pa.Field(nullable=True)
    dcc_fit_known_at: Utc = pa.Field(nullable=True)
    dcc_reason: str = pa.Field(nullable=True)
