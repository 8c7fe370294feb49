"""The feature matrix: one row a bar, everything joined backward on what was known at its close.

Per-bar tables are joined with a tolerance of one bar (a row that is missing leaves nulls, never an old
value); states that hold until they change (events, zones, narratives, correlations) carry forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.event_features import bars_since, last_dir, nearest_zone, open_gaps
from zanzibar_assets.vocabulary import SessionState

NARRATIVE_HALFLIFE_SECONDS = 4 * 3600
CORRELATION_MAX_AGE = "30m"
DAY_SECONDS = 86_400
BREAKS = ("bos", "choch")


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """Frames of one session that features are computed from; any but ``bars`` may be empty."""

    bars: pl.DataFrame
    technical_factors: pl.DataFrame
    liquidity_features: pl.DataFrame
    vwap: pl.DataFrame
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
    bars = inputs.bars.sort("known_at")
    technical = _technical(bars, inputs.technical_factors)
    atr = technical["_atr"]
    parts = [
        technical.drop("_atr"),
        _liquidity(bars, inputs.liquidity_features),
        _vwap(bars, inputs.vwap, atr, instrument.tick_size),
        _regimes(bars, inputs.regimes),
        _correlations(bars, inputs.correlations, instrument),
        _structure(bars, inputs, instrument),
        nearest_zone(bars, inputs.points_of_interest, atr),
        _narrative(bars, inputs.narratives, instrument),
        _calendar(bars),
    ]
    matrix = pl.concat([bars.select("event_ts", "known_at"), *parts], how="horizontal")
    return conform("feature_matrix", matrix.with_columns(pl.selectors.float().fill_nan(None)))


def as_of(bars: pl.DataFrame, table: pl.DataFrame, tolerance: str | None = None) -> pl.DataFrame:
    """Newest row of ``table`` known at each bar's close (not older than ``tolerance``), nulls without one.

    Same height and order as ``bars``; only the columns of ``table`` beyond its times.
    """
    right = table.sort("known_at", maintain_order=True).drop("event_ts", strict=False)
    joined = bars.select("known_at").join_asof(right, on="known_at", strategy="backward", tolerance=tolerance)
    return joined.drop("known_at")


def _one_bar(bars: pl.DataFrame) -> str:
    return f"{int(bars['bar_seconds'][0])}s"


def _ratio(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    return pl.when(bottom > 0).then(top / bottom)


def _technical(bars: pl.DataFrame, technical: pl.DataFrame) -> pl.DataFrame:
    found = as_of(bars, technical, _one_bar(bars)).with_columns(bars["close"])
    atr = pl.col("atr_14")
    return found.select(
        "ret_1", "ret_5", "ret_15", "ret_60", "ema_distance_20", "ema_distance_60", "rsi_14", "adx_14",
        "bollinger_position", "stochastic_k", "volume_z_60", "realized_vol_30", "range_z_60",
        "seconds_since_open",
        _ratio(atr, pl.col("close")).alias("atr_relative"),
        _ratio(pl.col("macd_histogram"), atr).alias("macd_atr"),
        atr.alias("_atr"),
    )  # fmt: skip


def _liquidity(bars: pl.DataFrame, liquidity: pl.DataFrame) -> pl.DataFrame:
    found = as_of(bars, liquidity, _one_bar(bars)).with_columns(bars["bid_volume"], bars["ask_volume"])
    depth = pl.col("bid_depth") + pl.col("ask_depth")
    bought, sold = pl.col("ask_volume"), pl.col("bid_volume")
    return found.select(
        "ofi_norm", "queue_imbalance", "spread_ticks", "trade_imbalance", "vpin", "effective_spread_ticks",
        _ratio(pl.col("bid_depth") - pl.col("ask_depth"), depth).alias("depth_imbalance"),
        _ratio(bought - sold, bought + sold).alias("delta_share"),
        (pl.col("stacked_buy") - pl.col("stacked_sell")).cast(pl.Float64).alias("stacked_net"),
    )  # fmt: skip


def _vwap(bars: pl.DataFrame, vwap: pl.DataFrame, atr: pl.Series, tick: float) -> pl.DataFrame:
    found = as_of(bars, vwap, _one_bar(bars)).with_columns(bars["close"], bars["close_ticks"], atr)
    close, ticks = pl.col("close"), pl.col("close_ticks")
    width = pl.col("vah_ticks") - pl.col("val_ticks")
    return found.select(
        _ratio(close - pl.col("vwap"), pl.col("sd")).alias("vwap_z"),
        _ratio(close - pl.col("rolling_vwap"), pl.col("_atr")).alias("rolling_vwap_atr"),
        _ratio((ticks - pl.col("poc_ticks")) * tick, pl.col("_atr")).alias("poc_distance_atr"),
        _ratio(ticks - pl.col("val_ticks"), width).alias("value_area_position"),
    )


def _regimes(bars: pl.DataFrame, regimes: pl.DataFrame) -> pl.DataFrame:
    found = as_of(bars, regimes, _one_bar(bars))
    return found.select("p_calm", "p_stressed", pl.col("trend_state", "change_alarm").cast(pl.Float64))


def _correlations(bars: pl.DataFrame, correlations: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    name = pl.lit(instrument.id)
    mine = correlations.filter((pl.col("instrument_a") == name) | (pl.col("instrument_b") == name))
    mean = mine.group_by("known_at").agg(pl.col("corr_ewma").abs().mean().alias("correlation_abs_mean"))
    return as_of(bars, mean, CORRELATION_MAX_AGE)


def _structure(bars: pl.DataFrame, inputs: FeatureInputs, instrument: Instrument) -> pl.DataFrame:
    # Structure of the bars themselves: rows of longer bars would count the same move again.
    smc = inputs.smc_events.filter(pl.col("timeframe_seconds") == instrument.bar_seconds)
    sweeps, wyckoff = inputs.liquidity_sweeps, inputs.wyckoff_events
    breaks = smc.filter(pl.col("kind").is_in(BREAKS))
    swept = sweeps.filter(pl.col("kind") == "level_sweep")
    states = {
        "last_bos_dir": last_dir(breaks.filter(pl.col("kind") == "bos")),
        "last_choch_dir": last_dir(breaks.filter(pl.col("kind") == "choch")),
        "last_sweep_dir": last_dir(swept),
        "last_wyckoff_dir": last_dir(wyckoff),
        "open_gaps_up": open_gaps(smc, direction=1),
        "open_gaps_down": open_gaps(smc, direction=-1),
    }
    columns = [as_of(bars, state).to_series().rename(name) for name, state in states.items()]
    columns += [
        bars_since(bars, breaks, instrument.bar_seconds).rename("bars_since_break"),
        bars_since(bars, swept, instrument.bar_seconds).rename("bars_since_sweep"),
        bars_since(bars, wyckoff, instrument.bar_seconds).rename("bars_since_wyckoff"),
    ]
    gaps = pl.col("open_gaps_up", "open_gaps_down").fill_null(0.0)
    return pl.DataFrame(columns).with_columns(gaps)


def _narrative(bars: pl.DataFrame, narratives: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    mine = narratives.filter(pl.col("instrument") == instrument.narrative_id)
    said = mine.select("known_at", "bias_score", "no_trade", pl.col("known_at").alias("said_at"))
    found = as_of(bars, said).with_columns(bars["known_at"])
    age = (pl.col("known_at") - pl.col("said_at")).dt.total_microseconds() / 1e6
    decayed = pl.col("bias_score") * (-math.log(2.0) * age / NARRATIVE_HALFLIFE_SECONDS).exp()
    return found.select(
        decayed.alias("narrative_bias"), pl.col("no_trade").cast(pl.Float64).alias("narrative_no_trade")
    )


def _calendar(bars: pl.DataFrame) -> pl.DataFrame:
    seconds = pl.col("known_at").dt.epoch("us") % (DAY_SECONDS * 1_000_000) / 1e6
    angle = seconds * (2.0 * math.pi / DAY_SECONDS)
    return bars.select(
        angle.sin().alias("day_sine"),
        angle.cos().alias("day_cosine"),
        (pl.col("session_state") == SessionState.PRE_OPEN.value).cast(pl.Float64).alias("pre_open"),
    )
