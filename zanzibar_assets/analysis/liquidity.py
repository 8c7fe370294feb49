"""Order-flow and book features per bar, known at the bar's close; null without their source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
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
from zanzibar_assets.analysis.book import Book, last_known, load_book
from zanzibar_assets.analysis.book_features import bar_flow, book_at, flow_features, state_features
from zanzibar_assets.analysis.book_models import BookModels, load_models
from zanzibar_assets.analysis.footprint import bar_prints
from zanzibar_assets.analysis.microprice import microprice_features
from zanzibar_assets.analysis.orderflow import amihud, kyle_lambda, roll_spread, vpin
from zanzibar_assets.analysis.prints import BarPrintsInput, Found, PrintStage
from zanzibar_assets.analysis.running import Running, array, divide, plain
from zanzibar_assets.analysis.spreads import SpreadStage
from zanzibar_assets.config import AnalysisConfig, Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, SessionState, SignSource

TABLE = "liquidity_features"
SCORES = ("absorption_bid", "absorption_ask", "refill_bid", "refill_ask")


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
    rows = trade_rows(clean_ticks)
    records, book, stage = load_records(rows).traded(), load_book(clean_dom), PrintStage(instrument)
    index = bar_of_record(records, bars)
    prints = stage.bars(records, index, bars.height)
    features = LiquidityStage(load_models(book_models), instrument, config.analysis)
    features.saw(stage.feed(records, prints.least[index], book, slice(0, len(book))), book)
    return features.feed(bars, rows, book, prints)


class LiquidityStage:
    """Features of bars as they close; what it holds is what later bars look back on."""

    def __init__(self, models: BookModels, instrument: Instrument, windows: AnalysisConfig) -> None:
        self.models, self.instrument, self.windows = models, instrument, windows
        self.memory, self.spreads = Running(), SpreadStage()
        self.scores = {name: (np.empty(0, np.int64), np.empty(0)) for name in SCORES}

    def saw(self, found: Found, book: Book) -> None:
        """Absorptions and refills that became known; they stand on the bar that closes next."""
        absorbed, ts = found.absorptions, found.block.trades.ts_us
        for name, aggressor in (("absorption_bid", -1), ("absorption_ask", 1)):
            mine = absorbed.aggressor == aggressor
            self._add(name, ts[absorbed.known[mine]], absorbed.score[mine])
        for name, refilled in zip(("refill_bid", "refill_ask"), found.refills, strict=True):
            self._add(name, book.known_us[refilled.update], refilled.score)

    def _add(self, name: str, known_us: Ints, score: Floats) -> None:
        held = self.scores[name]
        self.scores[name] = np.concatenate((held[0], known_us)), np.concatenate((held[1], score))

    def feed(
        self, bars: pl.DataFrame, rows: pl.DataFrame, book: Book, prints: BarPrintsInput
    ) -> pl.DataFrame:
        """LiquidityFeatures of bars that closed.

        ``rows`` are their CleanTicks (no quotes), ``prints`` what they hold; the ``book`` reaches
        from before the first bar's open to the last close.
        """
        records, index, closes_us = prints.records, prints.index, micros(bars, KNOWN_AT)
        columns = (
            _signed(bars, self.memory)
            | _flag_share(rows, bars)
            | self._trade_measures(records, index, bars)
            | self.spreads.feed(records, book, micros(bars, EVENT_TS), closes_us)
            | self._book_features(bars, book)
            | _print_features(prints, bars.height)
        )
        live = last_known(book.known_us, closes_us)[1]
        for name in SCORES:
            usable = live if name.startswith("refill") else np.isfinite(prints.least[: bars.height])
            columns[name] = np.where(usable, self._largest(name, closes_us), np.nan)
        frame = bars.select(EVENT_TS, KNOWN_AT).with_columns(
            *(nullable(values).alias(name) for name, values in columns.items()),
            fitted_through=pl.lit(self.models.fitted_through, pl.String),
            fit_reason=pl.lit(self.models.reason, pl.String),
        )
        return conform(TABLE, frame)

    def _trade_measures(self, records: Records, index: Ints, bars: pl.DataFrame) -> dict[str, Floats]:
        memory, windows, tick = self.memory, self.windows, self.instrument.tick_size
        close_ticks = floats(bars, "close_ticks")
        before = memory.shifted("close_ticks", close_ticks)
        change = close_ticks - np.where(np.isfinite(before), before, floats(bars, "open_ticks"))
        prices, at = records.price_ticks, index
        by_bar = (bars["basis"] == "bar_records").cast(pl.Float64).to_numpy()
        if memory.first("by_bar", by_bar):  # typical prices are averages: their covariance is no bounce
            prices, at = close_ticks, np.arange(bars.height)
        closes_us, volume = micros(bars, KNOWN_AT), floats(bars, "volume")
        bucket, point = windows.vpin_bucket_trades, self.instrument.point_value
        return {
            "vpin": vpin(records, closes_us, bucket, windows.vpin_window, memory),
            "kyle_lambda": kyle_lambda(change, floats(bars, "delta"), tick, memory),
            "amihud": amihud(floats(bars, "close"), volume, point, memory),
            "roll_spread": roll_spread(prices, at, bars.height, tick, memory),
        }

    def _book_features(self, bars: pl.DataFrame, book: Book) -> dict[str, Floats]:
        tick, loading = self.instrument.tick_size, self.models.loading
        opens_us, closes_us = micros(bars, EVENT_TS), micros(bars, KNOWN_AT)
        flow = bar_flow(book, opens_us, closes_us)
        at = book_at(book, closes_us)
        integrated = np.full(bars.height, np.nan)
        if loading is not None:
            # level by level: a matrix product's rounding depends on how many bars there are
            levels = flow.normalised(self.memory)
            weighted = sum(weight * level for weight, level in zip(loading, levels, strict=True))
            integrated = np.where(last_known(book.known_us, closes_us)[1], weighted, np.nan)
        return (
            flow_features(book, flow, closes_us, self.memory)
            | state_features(at, tick)
            | microprice_features(at, self.models.edges, tick)
            | {"ofi_integrated": integrated}
        )

    def _largest(self, name: str, closes_us: Ints) -> Floats:
        """Largest score of each bar, 0 without one; what becomes known after the last bar waits."""
        known_us, score = self.scores[name]
        out, bar = np.zeros(len(closes_us)), np.searchsorted(closes_us, known_us, side="left")
        inside = bar < len(closes_us)
        np.maximum.at(out, bar[inside], score[inside])
        self.scores[name] = known_us[~inside], score[~inside]
        return out

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "memory": self.memory.snapshot(),
            "spreads": self.spreads.snapshot(),
            "scores": {name: [known.tolist(), plain(score)] for name, (known, score) in self.scores.items()},
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.memory.restore(saved["memory"])
        self.spreads.restore(saved["spreads"])
        for name, (known_us, score) in saved["scores"].items():
            self.scores[name] = np.array(known_us, np.int64), array(score)


def _signed(bars: pl.DataFrame, memory: Running) -> dict[str, Floats]:
    delta = floats(bars, "delta")
    signed = floats(bars, "bid_volume") + floats(bars, "ask_volume")
    pre_open = (bars["session_state"] == SessionState.PRE_OPEN.value).to_numpy()
    cumulative = np.empty(len(delta))
    for name, era in (("pre_open", pre_open), ("open", ~pre_open)):
        some_signed = memory.totals(f"signed.{name}", signed[era]) > 0
        cumulative[era] = np.where(some_signed, memory.totals(f"cvd.{name}", delta[era]), np.nan)
    return {
        "delta": np.where(signed > 0, delta, np.nan),
        "cvd": cumulative,
        "trade_imbalance": divide(delta, signed),
        "signed_share": divide(signed, floats(bars, "volume")),
    }


def _flag_share(rows: pl.DataFrame, bars: pl.DataFrame) -> dict[str, Floats]:
    rows = rows.filter(pl.col("size") > 0)
    size = floats(rows, "size")
    index = np.searchsorted(micros(bars, EVENT_TS), micros(rows, EVENT_TS), side="right") - 1
    flagged = (rows["sign_source"] == SignSource.FLAG.value).to_numpy()
    total = segment_sums(size, index, bars.height)
    return {"flag_share": divide(segment_sums(np.where(flagged, size, 0.0), index, bars.height), total)}


def _print_features(prints: BarPrintsInput, count: int) -> dict[str, Floats]:
    """Footprint columns; NaN for bars without single trades."""
    found = bar_prints(prints.footprint, prints.bar, prints.signed, count)
    columns = found._asdict()
    columns["bar_poc_ticks"] = columns.pop("poc")
    signed = segment_sums(np.abs(prints.signed), prints.bar, count) > 0
    for name in ("delta_min", "delta_max"):
        columns[name] = np.where(signed, columns[name], np.nan)
    return columns
