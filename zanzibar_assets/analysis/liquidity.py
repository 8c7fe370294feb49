"""Order-flow and book features per bar, known at the bar's close; null without their source."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    Bools,
    Floats,
    Ints,
    Records,
    bar_of_record,
    floats,
    load_records,
    micros,
    nullable,
)
from zanzibar_assets.analysis.book import load_book
from zanzibar_assets.analysis.book_features import flow_features, state_features
from zanzibar_assets.analysis.footprint import MIN_UNITS, footprint, stacks
from zanzibar_assets.analysis.orderflow import (
    amihud,
    effective_spread_ticks,
    kyle_lambda,
    roll_spread,
    vpin,
)
from zanzibar_assets.analysis.rolling import divide, shifted
from zanzibar_assets.config import AnalysisConfig, Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, SessionState


def build_liquidity_features(
    clean_ticks: pl.DataFrame,
    clean_dom: pl.DataFrame,
    bars: pl.DataFrame,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """One row a bar of LiquidityFeatures.

    Book columns are null without a live book, signed ones without signed volume, ``stacked_*`` for
    bar records (they hold no prices inside the bar). ``cvd`` starts afresh with the session's open.
    ``amihud`` is per million of turnover, ``kyle_lambda`` price per lot, ``roll_spread`` and
    ``weighted_mid`` prices; rolling measures span the last 60 bars of the session and need 30.

    Raises ContractError when trades lie outside the bars.
    """
    if bars.is_empty():
        return empty("liquidity_features")
    records = load_records(clean_ticks).traded()
    index = bar_of_record(records, bars)
    book = load_book(clean_dom)
    opens_us, closes_us = micros(bars, EVENT_TS), micros(bars, KNOWN_AT)
    columns = (
        flow_features(book, opens_us, closes_us)
        | state_features(book, closes_us, instrument.tick_size)
        | _signed(bars)
        | _trade_measures(records, index, bars, instrument, config.analysis)
        | {"effective_spread_ticks": effective_spread_ticks(records, index, bars.height, book)}
    )
    stacked = _stacked(records, index, bars, instrument)
    frame = bars.select(EVENT_TS, KNOWN_AT).with_columns(
        *(nullable(values).alias(name) for name, values in columns.items()), *stacked
    )
    return conform("liquidity_features", frame)


def _signed(bars: pl.DataFrame) -> dict[str, Floats]:
    delta = floats(bars, "delta")
    signed = floats(bars, "bid_volume") + floats(bars, "ask_volume")
    pre_open = (bars["session_state"] == SessionState.PRE_OPEN.value).to_numpy()
    cumulative = np.empty(len(delta))
    for era in (pre_open, ~pre_open):
        some_signed = np.cumsum(signed[era]) > 0
        cumulative[era] = np.where(some_signed, np.cumsum(delta[era]), np.nan)
    return {
        "delta": np.where(signed > 0, delta, np.nan),
        "cvd": cumulative,
        "trade_imbalance": divide(delta, signed),
        "signed_share": divide(signed, floats(bars, "volume")),
    }


def _trade_measures(
    records: Records, index: Ints, bars: pl.DataFrame, instrument: Instrument, windows: AnalysisConfig
) -> dict[str, Floats]:
    close_ticks, tick = floats(bars, "close_ticks"), instrument.tick_size
    before = shifted(close_ticks)
    change = close_ticks - np.where(np.isfinite(before), before, floats(bars, "open_ticks"))
    prices, at = records.price_ticks, index
    if records.is_bar[:1].any():  # typical prices are averages: their covariance is no bounce
        prices, at = close_ticks, np.arange(bars.height)
    closes_us = micros(bars, KNOWN_AT)
    return {
        "vpin": vpin(records, closes_us, windows.vpin_bucket_trades, windows.vpin_window),
        "kyle_lambda": kyle_lambda(change, floats(bars, "delta"), tick),
        "amihud": amihud(floats(bars, "close"), floats(bars, "volume"), instrument.point_value),
        "roll_spread": roll_spread(prices, at, bars.height, tick),
    }


def _stacked(records: Records, index: Ints, bars: pl.DataFrame, instrument: Instrument) -> list[pl.Series]:
    """Number of stacked imbalances per bar and side."""
    trades = ~records.is_bar
    unit = min(source.volume_multiplier for source in instrument.sources)
    prints = footprint(
        index[trades],
        records.price_ticks[trades].astype(np.int64),
        records.sell[trades],
        records.buy[trades],
        unit,
        MIN_UNITS * unit,
    )
    from_ticks: Bools = (bars["basis"] == "ticks").to_numpy()
    found = []
    for name, marks in (("stacked_buy", prints.buy), ("stacked_sell", prints.sell)):
        held = [bar for bar, _, _ in stacks(prints, marks)]
        count = np.bincount(held, minlength=bars.height) if held else np.zeros(bars.height, np.int64)
        column = pl.Series(name, count, dtype=pl.Int32)
        found.append(pl.select(pl.when(pl.Series(from_ticks)).then(column).alias(name)).to_series())
    return found
