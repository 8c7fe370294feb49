"""The feature matrix: one row a bar, everything joined backward on what was known at its close.

Per-bar tables are joined with a tolerance of one bar (a row that is missing leaves nulls, never an old
value); states that hold until they change (events, zones, narratives, correlations) carry forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.calendar_features import calendar_features
from zanzibar_assets.ml.event_features import nearest_zone
from zanzibar_assets.ml.flow_features import flow_features, orderflow_event_features
from zanzibar_assets.ml.joins import ATR, SO_FAR, as_of, of_bar, ratio
from zanzibar_assets.ml.level_features import anchored_features, profile_features, vwap_features
from zanzibar_assets.ml.structure_features import structure_features, sweep_features, wyckoff_features
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState

NARRATIVE_HALFLIFE_SECONDS = 4 * 3600
CORRELATION_MAX_AGE = "30m"
CONVICTION = {"low": 0.0, "medium": 0.5, "high": 1.0}


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """Frames of one session that features are computed from; any but ``bars`` may be empty.

    ``volume_profile`` is the odd one: final profiles of earlier sessions of the same contract, with a
    ``session`` column, for a session's own profile is known only at its end.
    """

    bars: pl.DataFrame
    technical_factors: pl.DataFrame
    liquidity_features: pl.DataFrame
    orderflow_events: pl.DataFrame
    vwap: pl.DataFrame
    anchored_vwap: pl.DataFrame
    volume_profile: pl.DataFrame
    regimes: pl.DataFrame
    correlations: pl.DataFrame
    smc_events: pl.DataFrame
    wyckoff_events: pl.DataFrame
    liquidity_sweeps: pl.DataFrame
    points_of_interest: pl.DataFrame
    narratives: pl.DataFrame


def build_feature_matrix(inputs: FeatureInputs, instrument: Instrument, config: Config) -> pl.DataFrame:
    """Features of ``catalogue.FEATURES``, one row a bar, ordered by ``known_at`` (the bar's close).

    Each value comes from rows with ``known_at`` at or before the bar's close. ``config`` is part of the
    stage's signature; no window is configurable here, they belong to the sources.
    """
    del config
    if inputs.bars.is_empty():
        return empty("feature_matrix")
    return _rows(_prepared(inputs.bars), inputs, instrument)


def extend_feature_matrix(
    previous: pl.DataFrame, inputs: FeatureInputs, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """``previous`` (of the same session, earlier) with the rows of the bars that came since, bit for bit
    ``build_feature_matrix(inputs, ...)``.

    Only the new bars' rows are computed; ``inputs`` are the session's whole frames, grown. Raises
    ContractError when ``previous`` is not the beginning of the session's bars.
    """
    bars = _prepared(inputs.bars)
    if previous.is_empty():
        return build_feature_matrix(inputs, instrument, config)
    if not bars["known_at"].head(previous.height).equals(previous["known_at"]):
        raise ContractError(
            "the matrix is not the beginning of these bars",
            expected=f"{previous.height} rows of the session's first bars",
            got=f"{bars.height} bars",
            action="build the feature matrix anew",
        )
    new = bars[previous.height :]
    return previous if new.is_empty() else pl.concat([previous, _rows(new, inputs, instrument)])


def _prepared(bars: pl.DataFrame) -> pl.DataFrame:
    """Bars in order with what a row needs of the bars before it: the volume so far."""
    pre_open = pl.col("session_state") == SessionState.PRE_OPEN.value
    so_far = pl.col("volume").cum_sum().over(pre_open).alias(SO_FAR)
    return bars.sort("known_at").with_columns(so_far)


def _rows(bars: pl.DataFrame, inputs: FeatureInputs, instrument: Instrument) -> pl.DataFrame:
    technical = _technical(bars, inputs.technical_factors)
    bars = bars.with_columns(technical[ATR])
    parts = [
        technical.drop(ATR),
        flow_features(bars, inputs.liquidity_features),
        orderflow_event_features(bars, inputs.orderflow_events, instrument),
        vwap_features(bars, inputs.vwap, instrument.tick_size),
        anchored_features(bars, inputs.anchored_vwap),
        profile_features(bars, inputs.volume_profile),
        _regimes(bars, inputs.regimes),
        _correlations(bars, inputs.correlations, instrument),
        structure_features(bars, inputs.smc_events, instrument),
        sweep_features(bars, inputs.liquidity_sweeps, instrument),
        wyckoff_features(bars, inputs.wyckoff_events, instrument),
        nearest_zone(bars, inputs.points_of_interest, bars[ATR]),
        _narrative(bars, inputs.narratives, instrument),
        calendar_features(bars, instrument),
    ]
    matrix = pl.concat([bars.select("event_ts", "known_at"), *parts], how="horizontal")
    return conform("feature_matrix", matrix.with_columns(pl.selectors.float().fill_nan(None)))


def _technical(bars: pl.DataFrame, technical: pl.DataFrame) -> pl.DataFrame:
    atr = pl.col("atr_14")
    return of_bar(bars, technical).select(
        "ret_1", "ret_5", "ret_15", "ret_60", "ema_distance_20", "ema_distance_60", "rsi_14", "adx_14",
        "bollinger_position", "stochastic_k", "volume_z_60", "realized_vol_30", "range_z_60",
        "seconds_since_open", "cci_20", "mfi_14", "aroon_25", "di_balance_14", "efficiency_20",
        "autocorrelation_60",
        ratio(atr, pl.col("close")).alias("atr_relative"),
        ratio(pl.col("macd_histogram"), atr).alias("macd_atr"),
        ratio(pl.col("slope_20"), atr).alias("slope_atr_20"),
        atr.alias(ATR),
    )  # fmt: skip


def _regimes(bars: pl.DataFrame, regimes: pl.DataFrame) -> pl.DataFrame:
    states = pl.col("trend_state", "change_alarm").cast(pl.Float64)
    return of_bar(bars, regimes).select("p_calm", "p_stressed", "p_up", "p_down", "p_thin", states)


def _correlations(bars: pl.DataFrame, correlations: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    name = pl.lit(instrument.id)
    mine = correlations.filter((pl.col("instrument_a") == name) | (pl.col("instrument_b") == name))
    sign = pl.when(pl.col("instrument_a") == name).then(1.0).otherwise(-1.0)
    mean = mine.group_by("known_at", maintain_order=True).agg(
        pl.col("corr_ewma").abs().mean().alias("correlation_abs_mean"),
        pl.col("corr_hayashi_yoshida").abs().mean().alias("correlation_hy_abs_mean"),
        pl.col("corr_dcc").abs().mean().alias("correlation_dcc_abs_mean"),
        (pl.col("lead_lag_seconds") * sign).mean().alias("lead_bars"),
    )
    return as_of(bars, mean, CORRELATION_MAX_AGE).with_columns(pl.col("lead_bars") / bars["bar_seconds"])


def _narrative(bars: pl.DataFrame, narratives: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    mine = narratives.filter(pl.col("instrument") == instrument.narrative_id)
    said = mine.select(
        "known_at", "bias_score", "no_trade", "conviction", "conditional", said_at=pl.col("known_at")
    )
    found = as_of(bars, said).with_columns(bars["known_at"])
    age = (pl.col("known_at") - pl.col("said_at")).dt.total_microseconds().cast(pl.Float64)
    halves = found.select(age).to_series().to_numpy() / (NARRATIVE_HALFLIFE_SECONDS * US_PER_SECOND)
    decayed = pl.col("bias_score") * pl.Series(np.exp2(-halves), nan_to_null=True)
    conviction = pl.col("conviction").replace_strict(CONVICTION, default=None, return_dtype=pl.Float64)
    return found.select(
        decayed.alias("narrative_bias"),
        pl.col("no_trade").cast(pl.Float64).alias("narrative_no_trade"),
        conviction.alias("narrative_conviction"),
        pl.col("conditional").cast(pl.Float64).alias("narrative_conditional"),
    )
