"""Time bars of one instrument's session, from trades or from bar records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    TRADE_COLUMNS,
    Ints,
    Records,
    load_records,
    micros,
    nullable,
    segment_sums,
    stamps,
    trade_rows,
    trade_schema,
)
from zanzibar_assets.analysis.running import Running, divide, frame_of, frame_state, in_order
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND, RecordKind

NEVER_US = int(np.iinfo(np.int64).max)
"""A time that all of a finished session is known by."""


def build_bars(clean_ticks: pl.DataFrame, instrument: Instrument, window: SessionWindow) -> pl.DataFrame:
    """Bars of ``instrument.bar_seconds`` on the UTC grid; bars without a record are not written.

    Trades of every kind count, quotes do not. Zero-size prints move open, high, low and close, as in
    Sierra Chart, and carry no volume; a bar of such prints alone has volume 0 and a null vwap. Bar
    records of the bar length pass through, shorter ones are joined. ``event_ts`` is the grid time of
    the bar's open, ``known_at`` its close (of the last record where a record ends later).

    Raises ContractError for rows outside the session window and for bar records that are longer
    than a bar: finer bars cannot be made of them.
    """
    return BarStream(instrument, window).feed(clean_ticks, NEVER_US).bars


class ClosedBars(NamedTuple):
    """Bars that closed, the CleanTicks rows (no quotes) they hold, and when the last one's grid time ends."""

    bars: pl.DataFrame
    rows: pl.DataFrame
    ends_us: int


class BarStream:
    """Bars of trades that come in blocks; what is held are the open bar's rows."""

    def __init__(self, instrument: Instrument, window: SessionWindow) -> None:
        self.instrument, self.window = instrument, window
        self.length_us = instrument.bar_seconds * US_PER_SECOND
        self.open_rows: pl.DataFrame | None = None
        self.ends_us = -NEVER_US
        self.memory = Running()

    def feed(self, clean_ticks: pl.DataFrame, through_us: int) -> ClosedBars:
        """Bars that closed by ``through_us``: all rows known by then have been given."""
        rows = trade_rows(clean_ticks).select(TRADE_COLUMNS)
        if not rows.is_empty():
            _refuse_foreign(rows, self.instrument, self.window)
            in_order(micros(rows, EVENT_TS), self.ends_us - 1, "rows of bars")
        if self.open_rows is not None and not self.open_rows.is_empty():
            rows = pl.concat([self.open_rows, rows])
        count = self._closed_rows(rows, through_us)
        closed, self.open_rows = rows[:count], rows[count:]
        if closed.is_empty():
            return ClosedBars(empty("bars"), closed, self.ends_us)
        records = load_records(closed)
        start = records.ts_us // self.length_us * self.length_us
        self.ends_us = int(start[-1]) + self.length_us
        index = np.cumsum(np.concatenate(([0], np.diff(start) != 0)))
        anchor = self.memory.first("price", records.price_ticks)
        volumes = _volumes(records, index, anchor)
        frame = _finished(_grouped(closed, index, start), volumes, self.instrument, self.length_us)
        return ClosedBars(conform("bars", frame), closed, self.ends_us)

    def _closed_rows(self, rows: pl.DataFrame, through_us: int) -> int:
        """Number of rows whose bar is over: its end has passed and no bar record may still come."""
        if rows.is_empty() or through_us == NEVER_US:
            return rows.height
        happened = micros(rows, EVENT_TS)
        count = int(np.searchsorted(happened, through_us // self.length_us * self.length_us))
        if count == 0 or rows["kind"][count - 1] != RecordKind.BAR.value:
            return count
        start = int(happened[count - 1]) // self.length_us * self.length_us
        known_us = int(micros(rows, KNOWN_AT)[count - 1])
        whole = known_us >= start + self.length_us or count < rows.height
        return count if whole and known_us <= through_us else int(np.searchsorted(happened, start))

    def next_open_us(self, through_us: int) -> int:
        """No bar that has not closed opens before this time; ``through_us`` as in ``feed``."""
        if self.open_rows is not None and not self.open_rows.is_empty():
            return int(micros(self.open_rows, EVENT_TS)[0]) // self.length_us * self.length_us
        return max(self.ends_us, (through_us - self.length_us) // self.length_us * self.length_us)

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        rows = {} if self.open_rows is None else frame_state(self.open_rows)
        return {"rows": rows, "ends_us": self.ends_us, "memory": self.memory.snapshot()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.open_rows = frame_of(saved["rows"], trade_schema()) if saved["rows"] else None
        self.ends_us = saved["ends_us"]
        self.memory.restore(saved["memory"])


def _grouped(rows: pl.DataFrame, index: Ints, start: Ints) -> pl.DataFrame:
    """Prices, trades and the last known time of each bar."""
    is_bar = pl.col("kind") == RecordKind.BAR.value
    return (
        rows.select(
            pl.lit(index).alias("bar"),
            pl.lit(start).alias("start"),
            KNOWN_AT,
            "trades",
            "session_state",
            is_bar.alias("is_bar"),
            pl.col("price_ticks").alias("close"),
            *(
                pl.when(is_bar).then(pl.col(f"{name}_ticks")).otherwise(pl.col("price_ticks")).alias(name)
                for name in ("open", "high", "low")
            ),
        )
        .group_by("bar", maintain_order=True)
        .agg(
            pl.col("start").first(),
            pl.col("open").first().alias("open_ticks"),
            pl.col("high").max().alias("high_ticks"),
            pl.col("low").min().alias("low_ticks"),
            pl.col("close").last().alias("close_ticks"),
            pl.col("trades").sum(),
            pl.col("session_state").last(),
            pl.col(KNOWN_AT).max().alias("last_known"),
            pl.col("is_bar").any().alias("records"),
        )
    )


def _refuse_foreign(rows: pl.DataFrame, instrument: Instrument, window: SessionWindow) -> None:
    stamps_us = micros(rows, EVENT_TS)
    if stamps_us[0] < window.starts_us or stamps_us[-1] >= window.close_us:
        raise ContractError(
            f"clean_ticks of {instrument.id} hold rows outside session {window.session}",
            expected=f"event_ts in [{window.starts_us}, {window.close_us}) us",
            got=f"{stamps_us[0]} .. {stamps_us[-1]}",
            action="clean the ticks again with this session's window",
        )
    records = rows.filter(pl.col("kind") == RecordKind.BAR.value)
    if records.is_empty():
        return
    longest = int((micros(records, KNOWN_AT) - micros(records, EVENT_TS)).max())
    if longest > instrument.bar_seconds * US_PER_SECOND:
        raise ContractError(
            f"bar records of {instrument.id} are longer than its bars",
            expected=f"at most {instrument.bar_seconds} s",
            got=f"{longest / US_PER_SECOND:g} s",
            action="raise bar_seconds in instruments.yaml to the records' length",
        )


def _volumes(records: Records, index: Ints, anchor: float) -> dict[str, pl.Series]:
    """Per bar: volume, signed volumes and the volume-weighted price in ticks.

    Distances from ``anchor`` (the first price of the session) keep every digit at prices of 1e8.
    """
    count = int(index[-1]) + 1
    volume = segment_sums(records.size, index, count)
    moment = segment_sums((records.price_ticks - anchor) * records.size, index, count)
    return {
        "volume": pl.Series(volume),
        "bid_volume": pl.Series(segment_sums(records.sell, index, count)),
        "ask_volume": pl.Series(segment_sums(records.buy, index, count)),
        "vwap_ticks": nullable(anchor + divide(moment, volume)),
    }


def _finished(
    grouped: pl.DataFrame, volumes: dict[str, pl.Series], instrument: Instrument, length: int
) -> pl.DataFrame:
    tick = instrument.tick_size
    close_us = np.maximum(grouped["start"].to_numpy() + length, micros(grouped, "last_known"))
    return grouped.with_columns(**volumes).with_columns(
        stamps(grouped["start"].to_numpy()).alias(EVENT_TS),
        stamps(close_us).alias(KNOWN_AT),
        *((pl.col(f"{name}_ticks") * tick).alias(name) for name in ("open", "high", "low", "close")),
        (pl.col("ask_volume") - pl.col("bid_volume")).alias("delta"),
        (pl.col("vwap_ticks") * tick).alias("vwap"),
        pl.lit(instrument.bar_seconds, dtype=pl.Int32).alias("bar_seconds"),
        pl.when("records").then(pl.lit("bar_records")).otherwise(pl.lit("ticks")).alias("basis"),
    )
