"""Time bars of one instrument's session, from trades or from bar records."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    Ints,
    Records,
    load_records,
    micros,
    nullable,
    segment_sums,
    stamps,
    trade_rows,
)
from zanzibar_assets.analysis.rolling import divide
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND, RecordKind


def build_bars(clean_ticks: pl.DataFrame, instrument: Instrument, window: SessionWindow) -> pl.DataFrame:
    """Bars of ``instrument.bar_seconds`` on the UTC grid; bars without a record are not written.

    Trades of every kind count, quotes do not. Zero-size prints move open, high, low and close, as in
    Sierra Chart, and carry no volume; a bar of such prints alone has volume 0 and a null vwap. Bar
    records of the bar length pass through, shorter ones are joined. ``event_ts`` is the grid time of
    the bar's open, ``known_at`` its close (of the last record where a record ends later).

    Raises ContractError for rows outside the session window and for bar records that are longer
    than a bar: finer bars cannot be made of them.
    """
    rows = trade_rows(clean_ticks)
    if rows.is_empty():
        return empty("bars")
    _refuse_foreign(rows, instrument, window)
    length = instrument.bar_seconds * US_PER_SECOND
    is_bar = pl.col("kind") == RecordKind.BAR.value
    start = micros(rows, EVENT_TS) // length * length
    index = np.cumsum(np.concatenate(([0], np.diff(start) != 0)))
    grouped = (
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
    return conform("bars", _finished(grouped, _volumes(load_records(rows), index), instrument, length))


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


def _volumes(records: Records, index: Ints) -> dict[str, pl.Series]:
    """Per bar: volume, signed volumes and the volume-weighted price in ticks."""
    count = int(index[-1]) + 1
    anchor = records.price_ticks[0]  # sums of small distances keep every digit at prices of 1e8
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
