"""Bars by what was traded instead of by the clock (Lopez de Prado 2018, chapter 2).

A bar closes with the trade that brings its sum to the session's threshold, and owns that trade whole:
no trade is split or lost. Schemes: ``tick`` (number of trades), ``volume`` (lots), ``dollar`` (price x
lots x point value) and ``volume_imbalance`` (size of the signed volume's sum, whichever sign).

Thresholds come from earlier sessions alone: the median of their totals over the wanted bars a session;
for the imbalance the root of the median of their summed squared bar deltas over it, at which a flow
without drift crosses that often. They hold for the whole session: the book's adaptive rule lets a bar's
length feed on itself. Only the open session's trades count, each session starts afresh, and a bar that
is still open is not published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, floats, micros, nullable, stamps, trade_rows
from zanzibar_assets.analysis.rolling import divide
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND, RecordKind, SessionState

SCHEMES = ("tick", "volume", "dollar", "volume_imbalance")
NO_HISTORY = "no earlier session is there to take a threshold from"
NOTHING_TRADED = "earlier sessions say nothing that could be a threshold"
_SUMMED = ("volume", "bid_volume", "ask_volume", "trades", "dollars")
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Traded:
    """Trades and bar records of the open session: ``ticks`` (n, 4) OHLC, ``volumes`` (n, 5) summed."""

    event_us: np.ndarray
    known_us: np.ndarray
    ticks: Floats
    volumes: Floats
    is_bar: np.ndarray

    def measure(self, scheme: str) -> Floats:
        """What each record adds to a bar of the scheme."""
        volume, sold, bought, trades, dollars = self.volumes.T
        of = {"tick": trades, "volume": volume, "dollar": dollars, "volume_imbalance": bought - sold}
        return np.ascontiguousarray(of[scheme])


def build_sampled_bars(
    clean_ticks: pl.DataFrame, thresholds: pl.DataFrame, instrument: Instrument
) -> pl.DataFrame:
    """SampledBars of a session, every scheme that has a threshold, ordered by ``known_at``, then scheme.

    ``event_ts`` is the first trade's time, ``known_at`` when the closing one was known. Bar records
    count as one trade each (``basis`` says so): bars of such a source are no finer than its records.
    """
    traded = load_traded(clean_ticks, instrument)
    rules = dict(thresholds.select("scheme", "threshold").drop_nulls().rows())
    parts = [_closed(traded, scheme, rules[scheme], instrument) for scheme in SCHEMES if scheme in rules]
    if not parts or not len(traded.event_us):
        return empty("sampled_bars")
    return conform("sampled_bars", pl.concat(parts).sort(KNOWN_AT, maintain_order=True))


def build_thresholds(
    bars_history: pl.DataFrame, instrument: Instrument, window: SessionWindow, config: Config
) -> pl.DataFrame:
    """SampledBarThresholds: one row a scheme, known at the session's start, from earlier sessions' bars.

    ``bars_history`` are Bars of earlier sessions with a ``session`` column. A scheme without a
    threshold has null and the reason.
    """
    opened = bars_history.filter(pl.col("session_state") == SessionState.OPEN.value)
    dollars = pl.col("volume") * pl.col("vwap").fill_null(pl.col("close")) * instrument.point_value
    totals = opened.group_by("session").agg(
        tick=pl.col("trades").sum().cast(pl.Float64),
        volume=pl.col("volume").sum(),
        dollar=dollars.sum(),
        volume_imbalance=(pl.col("delta") ** 2).sum(),
    )
    middle = totals.select(pl.col(scheme).median() for scheme in SCHEMES).row(0)
    wanted = float(config.analysis.sampled_bars_wanted)
    rows = []
    for scheme, total in zip(SCHEMES, middle, strict=True):
        usable = total is not None and total > 0
        share = total / wanted if usable else None
        threshold = share**0.5 if share is not None and scheme == "volume_imbalance" else share
        reason = None if usable else NOTHING_TRADED if totals.height else NO_HISTORY
        rows.append((scheme, threshold, totals.height, totals["session"].max(), reason))
    names = ["scheme", "threshold", "sessions", "fitted_through", "reason"]
    start = stamps(np.full(len(rows), window.starts_us))
    frame = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    return conform("sampled_bar_thresholds", frame.with_columns(start.alias(EVENT_TS), start.alias(KNOWN_AT)))


def load_traded(clean_ticks: pl.DataFrame, instrument: Instrument) -> Traded:
    """Arrays of the open session's trades and bar records in the order known."""
    rows = trade_rows(clean_ticks).filter(pl.col("session_state") == SessionState.OPEN.value)
    is_bar = (rows["kind"] == RecordKind.BAR.value).to_numpy()
    close = floats(rows, "price_ticks")
    sides = [np.where(is_bar, floats(rows, f"{name}_ticks"), close) for name in _PRICES[:3]]
    size = floats(rows, "size")
    dollars = close * instrument.tick_size * size * instrument.point_value
    summed = [size, floats(rows, "bid_volume"), floats(rows, "ask_volume"), floats(rows, "trades"), dollars]
    return Traded(
        event_us=micros(rows, EVENT_TS),
        known_us=micros(rows, KNOWN_AT),
        ticks=np.column_stack([*sides, close]),
        volumes=np.column_stack(summed),
        is_bar=is_bar,
    )


def _closed(traded: Traded, scheme: str, threshold: float, instrument: Instrument) -> pl.DataFrame:
    from zanzibar_assets.analysis._sampled_kernels import close_bars

    size = len(traded.event_us)
    spans, prices = np.zeros((size + 1, 2), dtype=np.int64), np.zeros((size + 1, 4))
    sums = np.zeros((size + 1, len(_SUMMED)))
    measure = traded.measure(scheme)
    count = close_bars(measure, np.float64(threshold), traded.ticks, traded.volumes, spans, prices, sums)
    first, last = spans[:count, 0], spans[:count, 1]
    ohlc = {f"{name}_ticks": prices[:count, k].astype(np.int64) for k, name in enumerate(_PRICES)}
    added = {name: sums[:count, k] for k, name in enumerate(_SUMMED)}
    seconds = (traded.known_us[last] - traded.event_us[first]) / US_PER_SECOND
    per_price = added["volume"] * instrument.point_value
    records = np.concatenate(([0], np.cumsum(traded.is_bar)))
    return pl.DataFrame(
        {
            EVENT_TS: stamps(traded.event_us[first]),
            KNOWN_AT: stamps(traded.known_us[last]),
            "scheme": pl.repeat(scheme, count, eager=True, dtype=pl.String),
            **ohlc,
            **{name: ohlc[f"{name}_ticks"] * instrument.tick_size for name in _PRICES},
            **added,
            "delta": added["ask_volume"] - added["bid_volume"],
            "vwap": nullable(divide(added["dollars"], per_price)),
            "seconds": seconds,
            "threshold": np.full(count, threshold),
            "basis": pl.Series(records[last + 1] > records[first]).replace_strict(
                {True: "bar_records", False: "ticks"}, return_dtype=pl.String
            ),
        }
    )
