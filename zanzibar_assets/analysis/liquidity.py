"""Order-flow and book features per bar, known at the bar's close; null without their source."""

from __future__ import annotations

from dataclasses import dataclass

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
    segment_sums,
    trade_rows,
)
from zanzibar_assets.analysis.absorption import RefillParams, refills
from zanzibar_assets.analysis.book import Book, last_known, load_book
from zanzibar_assets.analysis.book_features import bar_flow, book_at, flow_features, state_features
from zanzibar_assets.analysis.book_models import BookModels, load_models
from zanzibar_assets.analysis.footprint import bar_prints
from zanzibar_assets.analysis.microprice import microprice_features
from zanzibar_assets.analysis.orderflow import amihud, kyle_lambda, roll_spread, vpin
from zanzibar_assets.analysis.prints import SessionPrints, session_prints
from zanzibar_assets.analysis.rolling import divide, shifted
from zanzibar_assets.analysis.spreads import signed_trades, spread_features
from zanzibar_assets.config import AnalysisConfig, Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, SessionState, SignSource

TABLE = "liquidity_features"


def build_liquidity_features(
    clean_ticks: pl.DataFrame,
    clean_dom: pl.DataFrame,
    bars: pl.DataFrame,
    book_models: pl.DataFrame,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """One row a bar of LiquidityFeatures; what each column means: ``docs/orderflow.md``.

    Book columns are null without a live book, signed ones without signed volume, footprint ones for
    bar records (they hold no prices inside the bar), fitted ones without a fit (``fit_reason`` says
    why). Raises ContractError when trades lie outside the bars.
    """
    if bars.is_empty():
        return empty(TABLE)
    records = load_records(clean_ticks).traded()
    index = bar_of_record(records, bars)
    market = _Market(records, index, bars, load_book(clean_dom), load_models(book_models), instrument)
    prints = session_prints(records, index, bars.height, instrument)
    columns = (
        _signed(bars)
        | _flag_share(clean_ticks, index, bars.height)
        | _trade_measures(records, index, bars, instrument, config.analysis)
        | spread_features(signed_trades(records, market.book), market.opens_us, market.closes_us)
        | _book_features(market)
        | _print_features(market, prints)
        | _refill_features(market, prints)
    )
    frame = bars.select(EVENT_TS, KNOWN_AT).with_columns(
        *(nullable(values).alias(name) for name, values in columns.items()),
        fitted_through=pl.lit(market.models.fitted_through, pl.String),
        fit_reason=pl.lit(market.models.reason, pl.String),
    )
    return conform(TABLE, frame)


@dataclass(frozen=True, slots=True)
class _Market:
    """One session's trades, bars, book and the models fitted before it."""

    records: Records
    index: Ints
    bars: pl.DataFrame
    book: Book
    models: BookModels
    instrument: Instrument

    @property
    def opens_us(self) -> Ints:
        return micros(self.bars, EVENT_TS)

    @property
    def closes_us(self) -> Ints:
        return micros(self.bars, KNOWN_AT)

    @property
    def live(self) -> Bools:
        """Whether a book that is not stale is known at each bar's close."""
        return last_known(self.book.known_us, self.closes_us)[1]


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


def _flag_share(clean_ticks: pl.DataFrame, index: Ints, count: int) -> dict[str, Floats]:
    rows = trade_rows(clean_ticks).filter(pl.col("size") > 0)
    size = floats(rows, "size")
    flagged = (rows["sign_source"] == SignSource.FLAG.value).to_numpy()
    total = segment_sums(size, index, count)
    return {"flag_share": divide(segment_sums(np.where(flagged, size, 0.0), index, count), total)}


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


def _book_features(market: _Market) -> dict[str, Floats]:
    tick, loading = market.instrument.tick_size, market.models.loading
    flow = bar_flow(market.book, market.opens_us, market.closes_us)
    at = book_at(market.book, market.closes_us)
    integrated = np.full(market.bars.height, np.nan)
    if loading is not None:
        # level by level: a matrix product's rounding depends on how many bars there are
        weighted = sum(weight * level for weight, level in zip(loading, flow.normalised(), strict=True))
        integrated = np.where(market.live, weighted, np.nan)
    return (
        flow_features(market.book, flow, market.closes_us)
        | state_features(at, tick)
        | microprice_features(at, market.models.edges, tick)
        | {"ofi_integrated": integrated}
    )


def _print_features(market: _Market, prints: SessionPrints) -> dict[str, Floats]:
    """Footprint and absorption columns; NaN for bars without single trades."""
    count = market.bars.height
    found = bar_prints(prints.footprint, prints.bar, prints.signed, count)
    columns = found._asdict()
    columns["bar_poc_ticks"] = columns.pop("poc")
    signed = segment_sums(np.abs(prints.signed), prints.bar, count) > 0
    for name in ("delta_min", "delta_max"):
        columns[name] = np.where(signed, columns[name], np.nan)
    absorbed = prints.absorptions
    known = np.searchsorted(market.closes_us, prints.trades.ts_us[absorbed.known], side="left")
    for name, aggressor in (("absorption_bid", -1), ("absorption_ask", 1)):
        mine = absorbed.aggressor == aggressor
        largest = _largest(absorbed.score[mine], known[mine], count)
        columns[name] = np.where(np.isfinite(prints.least), largest, np.nan)
    return columns


def _refill_features(market: _Market, prints: SessionPrints) -> dict[str, Floats]:
    columns = {}
    for name, resting in (("refill_bid", 1), ("refill_ask", -1)):
        found = refills(prints.trades, market.book, resting, RefillParams())
        known = np.searchsorted(market.closes_us, market.book.known_us[found.update], side="left")
        largest = _largest(found.score, known, market.bars.height)
        columns[name] = np.where(market.live, largest, np.nan)
    return columns


def _largest(values: Floats, bar: Ints, count: int) -> Floats:
    """Largest value of each bar, 0 without one; what becomes known after the last bar is left out."""
    out = np.zeros(count)
    inside = bar < count
    np.maximum.at(out, bar[inside], values[inside])
    return out
