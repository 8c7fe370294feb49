"""Contracts of bars, VWAP and the volume profile."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from zanzibar_assets.contracts.base import TimedFrame


class Bars(TimedFrame):
    """Time bars: ``event_ts`` the bar's open, ``known_at`` its close.

    Bars without a trade are not written. ``bid_volume`` is sold into the bid (seller aggressor),
    ``ask_volume`` bought at the ask; ``delta`` = ask - bid volume; ``vwap`` is null when the bar has
    prints but no volume. ``basis``: built from ticks or taken from bar records.
    """

    open_ticks: pl.Int64
    high_ticks: pl.Int64
    low_ticks: pl.Int64
    close_ticks: pl.Int64
    open: pl.Float64
    high: pl.Float64
    low: pl.Float64
    close: pl.Float64
    volume: pl.Float64 = pa.Field(ge=0)
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    delta: pl.Float64
    trades: pl.Int64 = pa.Field(ge=0)
    vwap: pl.Float64 = pa.Field(nullable=True)
    bar_seconds: pl.Int32 = pa.Field(gt=0)
    session_state: str = pa.Field(isin=["pre_open", "open", "break"])
    basis: str = pa.Field(isin=["ticks", "bar_records"])

    @pa.dataframe_check(error="a bar's low..high does not hold its open and close")
    def range_holds(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """low <= min(open, close) and high >= max(open, close)."""
        low = pl.min_horizontal("open_ticks", "close_ticks", "high_ticks") >= pl.col("low_ticks")
        high = pl.max_horizontal("open_ticks", "close_ticks", "low_ticks") <= pl.col("high_ticks")
        return data.lazyframe.select(low & high)


class SampledBars(TimedFrame):
    """Bars by trades, lots, money or signed lots instead of by the clock, of the open session.

    ``event_ts`` is the first trade's time, ``known_at`` when the closing trade was known. A bar closes with
    the trade that brings its sum to ``threshold`` (of ``sampled_bar_thresholds``) and owns that trade
    whole; the bar that is still open has no row. ``dollars`` is price x lots x point value in the
    instrument's currency, ``seconds`` the time from first to closing trade.
    """

    scheme: str = pa.Field(isin=["tick", "volume", "dollar", "volume_imbalance"])
    open_ticks: pl.Int64
    high_ticks: pl.Int64
    low_ticks: pl.Int64
    close_ticks: pl.Int64
    open: pl.Float64
    high: pl.Float64
    low: pl.Float64
    close: pl.Float64
    volume: pl.Float64 = pa.Field(ge=0)
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    delta: pl.Float64
    trades: pl.Int64 = pa.Field(ge=0)
    dollars: pl.Float64
    vwap: pl.Float64 = pa.Field(nullable=True)
    seconds: pl.Float64 = pa.Field(ge=0)
    threshold: pl.Float64 = pa.Field(gt=0)
    basis: str = pa.Field(isin=["ticks", "bar_records"])


class SampledBarThresholds(TimedFrame):
    """Threshold of each scheme of ``sampled_bars`` for one session, known at its start.

    From ``sessions`` earlier sessions up to ``fitted_through``; null with the ``reason`` where they do not
    say one (then the scheme has no bars).
    """

    scheme: str = pa.Field(isin=["tick", "volume", "dollar", "volume_imbalance"])
    threshold: pl.Float64 = pa.Field(nullable=True, gt=0)
    sessions: pl.Int32 = pa.Field(ge=0)
    fitted_through: str = pa.Field(nullable=True)
    reason: str = pa.Field(nullable=True)


class Vwap(TimedFrame):
    """Per bar: session VWAP and VWAP of the last 60 bars with bands, developing profile.

    ``hvn_*``, ``lvn_*``: the nodes of the profile so far nearest above and below the bar's close.
    ``price_basis``: ``ticks``, or ``typical`` where only bar records exist (a labelled fallback).
    """

    vwap: pl.Float64 = pa.Field(nullable=True)
    sd: pl.Float64 = pa.Field(nullable=True)
    upper_1: pl.Float64 = pa.Field(nullable=True)
    lower_1: pl.Float64 = pa.Field(nullable=True)
    upper_2: pl.Float64 = pa.Field(nullable=True)
    lower_2: pl.Float64 = pa.Field(nullable=True)
    rolling_vwap: pl.Float64 = pa.Field(nullable=True)
    poc_ticks: pl.Int64 = pa.Field(nullable=True)
    vah_ticks: pl.Int64 = pa.Field(nullable=True)
    val_ticks: pl.Int64 = pa.Field(nullable=True)
    price_basis: str = pa.Field(isin=["ticks", "typical"])
    rolling_sd: pl.Float64 = pa.Field(nullable=True, ge=0)
    rolling_upper_1: pl.Float64 = pa.Field(nullable=True)
    rolling_lower_1: pl.Float64 = pa.Field(nullable=True)
    rolling_upper_2: pl.Float64 = pa.Field(nullable=True)
    rolling_lower_2: pl.Float64 = pa.Field(nullable=True)
    hvn_above_ticks: pl.Int64 = pa.Field(nullable=True)
    hvn_below_ticks: pl.Int64 = pa.Field(nullable=True)
    lvn_above_ticks: pl.Int64 = pa.Field(nullable=True)
    lvn_below_ticks: pl.Int64 = pa.Field(nullable=True)


class VolumeProfile(TimedFrame):
    """Final session profile, one row a tick price (empty prices inside the range are kept).

    ``event_ts`` first and ``known_at`` last trade of the session: final values are known only then.
    ``smoothed`` is the volume smoothed over neighbouring prices; ``node`` marks its peaks (``hvn``, high
    volume nodes) and valleys (``lvn``).
    """

    price_ticks: pl.Int64
    price: pl.Float64
    volume: pl.Float64 = pa.Field(ge=0)
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    is_poc: bool
    in_value_area: bool
    smoothed: pl.Float64 = pa.Field(ge=0)
    node: str = pa.Field(nullable=True, isin=["hvn", "lvn"])
