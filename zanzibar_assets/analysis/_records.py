"""Arrays of a session's trades and bar records: what every order-flow module computes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.contracts.registry import polars_schema
from zanzibar_assets.errors import ContractError
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, RecordKind, SessionState

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UTC_US = pl.Datetime("us", "UTC")
TRADE_COLUMNS = (
    EVENT_TS, KNOWN_AT, "kind", "price_ticks", "size", "side", "sign_source", "bid_ticks", "ask_ticks",
    "open_ticks", "high_ticks", "low_ticks", "trades", "bid_volume", "ask_volume", "session_state",
)  # fmt: skip
"""Columns of CleanTicks that bars and order flow are made of."""


def trade_schema() -> dict[str, pl.DataType]:
    """Types of ``TRADE_COLUMNS``."""
    kinds = polars_schema("clean_ticks")
    return {name: kinds[name] for name in TRADE_COLUMNS}


def micros(frame: pl.DataFrame, column: str) -> Ints:
    """UTC microseconds of a timestamp column as int64."""
    values: Ints = frame[column].to_physical().to_numpy()
    return values


def stamps(values_us: Ints) -> pl.Series:
    """Timestamp column (us, UTC) of int64 microseconds."""
    return pl.Series(values_us, dtype=pl.Int64).cast(UTC_US)


def floats(frame: pl.DataFrame, column: str) -> Floats:
    """Column as float64, nulls as NaN."""
    values: Floats = frame[column].cast(pl.Float64).to_numpy()
    return values


def nullable(values: Floats) -> pl.Series:
    """Float column in which everything that is not finite is null."""
    return pl.Series(np.where(np.isfinite(values), values, np.nan), dtype=pl.Float64).fill_nan(None)


@dataclass(frozen=True, slots=True)
class Records:
    """Trades and bar records of one session in time order (quotes left out).

    ``price_ticks`` is the trade price; of a bar record the typical price (high + low + close) / 3,
    not rounded. ``buy``/``sell`` are the lots of either aggressor. ``bid_ticks``/``ask_ticks`` are
    the quote written beside the trade (NaN where there is none). ``is_bar`` marks bar records.
    """

    ts_us: Ints
    known_us: Ints
    price_ticks: Floats
    size: Floats
    buy: Floats
    sell: Floats
    bid_ticks: Floats
    ask_ticks: Floats
    is_bar: Bools
    pre_open: Bools

    def __len__(self) -> int:
        return len(self.ts_us)

    def where(self, mask: Bools) -> Records:
        """The records a mask keeps."""
        return Records(*(getattr(self, name)[mask] for name in self.__slots__))

    def traded(self) -> Records:
        """Records with a size: zero-size prints carry no volume and are left out."""
        return self.where(self.size > 0)


def trade_rows(clean_ticks: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``clean_ticks`` that are trades or bar records."""
    return clean_ticks.filter(pl.col("kind") != RecordKind.QUOTE.value)


def load_records(clean_ticks: pl.DataFrame) -> Records:
    """Arrays of the trades and bar records of a CleanTicks frame."""
    rows = trade_rows(clean_ticks)
    is_bar: Bools = (rows["kind"] == RecordKind.BAR.value).to_numpy()
    price, size, side = floats(rows, "price_ticks"), floats(rows, "size"), rows["side"].to_numpy()
    high, low = floats(rows, "high_ticks"), floats(rows, "low_ticks")
    return Records(
        ts_us=micros(rows, EVENT_TS),
        known_us=micros(rows, KNOWN_AT),
        price_ticks=np.where(is_bar, (high + low + price) / 3.0, price),
        size=size,
        buy=np.where(is_bar, floats(rows, "ask_volume"), np.where(side > 0, size, 0.0)),
        sell=np.where(is_bar, floats(rows, "bid_volume"), np.where(side < 0, size, 0.0)),
        bid_ticks=floats(rows, "bid_ticks"),
        ask_ticks=floats(rows, "ask_ticks"),
        is_bar=is_bar,
        pre_open=(rows["session_state"] == SessionState.PRE_OPEN.value).to_numpy(),
    )


def bar_of_record(records: Records, bars: pl.DataFrame) -> Ints:
    """Row number in ``bars`` of the bar that holds each record.

    Raises ContractError when a record lies in no bar: the bars were built from other ticks.
    """
    opens, closes = micros(bars, EVENT_TS), micros(bars, KNOWN_AT)
    index: Ints = np.searchsorted(opens, records.ts_us, side="right") - 1
    if len(records) and (index.min() < 0 or bool((records.known_us > closes[index]).any())):
        raise ContractError(
            "clean_ticks and bars do not belong together",
            expected="every trade inside a bar",
            got="trades outside all bars",
            action="build the bars again from these ticks",
        )
    return index


def segment_sums(values: Floats, index: Ints, count: int) -> Floats:
    """Sum of ``values`` per segment number 0..count-1 (``index`` ascending); 0 for empty ones.

    The order of summation is the row order within a segment, so a prefix gives the same bits.
    """
    sums: Floats = np.bincount(index, weights=values, minlength=count).astype(np.float64)
    return sums
