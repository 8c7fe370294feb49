"""Volume-weighted average price with bands, per bar: session, rolling, and the developing profile.

The session's VWAP starts afresh at the open; pre-open bars have a running VWAP of their own. Where
only bar records exist their typical price stands for the trades (``price_basis`` says so).
Zero-size prints are ignored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    Floats,
    Ints,
    Records,
    bar_of_record,
    load_records,
    nullable,
    segment_sums,
)
from zanzibar_assets.analysis.profile import developing_profile
from zanzibar_assets.analysis.rolling import divide, rolling_sum
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, SessionState

ROLLING_BARS = 60


class Moments(NamedTuple):
    """Weight, weighted mean and weighted sum of squared deviations, one entry a segment."""

    weight: Floats
    mean: Floats
    squares: Floats


def segment_moments(price: Floats, size: Floats, index: Ints, count: int) -> Moments:
    """Two-pass moments of each segment around its own mean; an empty one has weight and mean 0."""
    weight = segment_sums(size, index, count)
    anchor = price[0] if len(price) else 0.0
    distance = price - anchor
    mean = np.nan_to_num(divide(segment_sums(distance * size, index, count), weight))
    squares = segment_sums(size * (distance - mean[index]) ** 2, index, count)
    return Moments(weight, np.where(weight > 0, mean + anchor, 0.0), squares)


def merged(moments: Moments) -> Moments:
    """Running moments: segment after segment joined to those before (weighted Welford merge).

    Population variance is ``squares / weight``. NaN mean while nothing has been weighed. Sums of
    squared prices are never formed: they would cancel at prices of 1e8.
    """
    weights, means, squares = (np.empty(len(part)) for part in moments)
    weight, mean, total = 0.0, 0.0, 0.0
    for i, (w, m, s) in enumerate(zip(*(part.tolist() for part in moments), strict=True)):
        if w > 0.0:
            joined = weight + w
            distance = m - mean
            mean = m if weight == 0.0 else mean + distance * w / joined
            total += s + (distance * distance * weight * w / joined if weight > 0.0 else 0.0)
            weight = joined
        weights[i], means[i], squares[i] = weight, mean if weight > 0.0 else np.nan, total
    return Moments(weights, means, squares)


def build_vwap(
    clean_ticks: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """One row a bar, as known at its close; prices except ``*_ticks``.

    ``sd`` is the volume-weighted population deviation since the open, the bands lie 1 and 2 of them
    away. ``rolling_vwap`` spans the last 60 bars of the session (fewer at its start). POC, VAH and
    VAL are those of the profile so far. Null where nothing has traded yet.

    Raises ContractError when trades lie outside the bars.
    """
    if bars.is_empty():
        return empty("vwap")
    records = load_records(clean_ticks).traded()
    index = bar_of_record(records, bars)
    count = bars.height
    pre_open: np.ndarray = (bars["session_state"] == SessionState.PRE_OPEN.value).to_numpy()
    session = np.full((count, 2), np.nan)
    profile = np.full((count, 3), np.iinfo(np.int64).min)
    rule = config.analysis.value_area_pct, config.analysis.value_area_rows
    for before_open in (True, False):
        era = records.pre_open == before_open
        mine, at = records.where(era), index[era]
        rows = pre_open == before_open
        session[rows] = _mean_and_sd(mine, at, count)[rows]
        ends = np.searchsorted(at, np.flatnonzero(rows), side="right")
        profile[rows] = developing_profile(mine, ends, *rule)
    return conform("vwap", _frame(bars, session, _rolling(records, index, count), profile, instrument))


def _mean_and_sd(records: Records, index: Ints, count: int) -> Floats:
    moments = merged(segment_moments(records.price_ticks, records.size, index, count))
    return np.column_stack((moments.mean, np.sqrt(divide(moments.squares, moments.weight))))


def _rolling(records: Records, index: Ints, count: int) -> Floats:
    anchor = records.price_ticks[0] if len(records) else 0.0
    moment = segment_sums((records.price_ticks - anchor) * records.size, index, count)
    traded = segment_sums(np.ones(len(records)), index, count) > 0
    volume = rolling_sum(segment_sums(records.size, index, count), ROLLING_BARS)
    held = rolling_sum(traded.astype(np.float64), ROLLING_BARS) > 0
    mean: Floats = anchor + divide(rolling_sum(moment, ROLLING_BARS), np.where(held, volume, np.nan))
    return mean


def _frame(
    bars: pl.DataFrame, session: Floats, rolling: Floats, profile: Ints, instrument: Instrument
) -> pl.DataFrame:
    mean, sd = session.T * instrument.tick_size
    columns = {
        "vwap": mean,
        "sd": sd,
        "upper_1": mean + sd,
        "lower_1": mean - sd,
        "upper_2": mean + 2.0 * sd,
        "lower_2": mean - 2.0 * sd,
        "rolling_vwap": rolling * instrument.tick_size,
    }
    typical = pl.when(pl.col("basis") == "ticks").then(pl.lit("ticks")).otherwise(pl.lit("typical"))
    return bars.select(
        EVENT_TS,
        KNOWN_AT,
        *(nullable(values).alias(name) for name, values in columns.items()),
        *(
            pl.Series(name, profile[:, i]).replace(np.iinfo(np.int64).min, None)
            for i, name in enumerate(("poc_ticks", "vah_ticks", "val_ticks"))
        ),
        typical.alias("price_basis"),
    )
