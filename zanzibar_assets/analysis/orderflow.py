"""Measures from trades: VPIN, Kyle's lambda, Amihud's illiquidity and Roll's spread.

All are known at the close of the bar they stand on and look back only. Signs are the records' own
(``clean_ticks.side``, or the two volumes of a bar record).
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records, segment_sums
from zanzibar_assets.analysis.rolling import divide, rolling_mean, rolling_slope, rolling_sum, shifted

WINDOW_BARS = 60
MIN_ROWS = 30


def vpin(records: Records, closes_us: Ints, bucket_records: int, window: int) -> Floats:
    """Volume-synchronised imbalance as of each close: mean |buys - sells| / bucket of ``window`` buckets.

    A bucket's volume is ``bucket_records`` times the mean record size up to the bucket's start (never
    a later one); the first ``bucket_records`` records only set it. Records are split at bucket
    edges; a bucket is known with the record that fills it. NaN until ``window`` buckets are full and
    where none of their volume is signed.
    """
    known, imbalance, signed = _buckets(records, bucket_records)
    value = rolling_mean(imbalance, window, window)
    value[rolling_sum(signed, window) <= 0.0] = np.nan
    full = np.searchsorted(known, closes_us, side="right")
    return np.concatenate(([np.nan], value))[full]


def _buckets(records: Records, bucket_records: int) -> tuple[Ints, Floats, Floats]:
    """Known time, |buys - sells| / volume and signed volume of each full bucket."""
    volume = np.cumsum(records.size)
    edges, filled = _edges(volume, bucket_records)
    if len(edges) < 2:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    share = (edges - (volume[filled] - records.size[filled])) / records.size[filled]

    def up_to_edge(part: Floats) -> Floats:
        total: Floats = np.cumsum(part)[filled] - part[filled] * (1.0 - share)
        return total

    bought, sold = np.diff(up_to_edge(records.buy)), np.diff(up_to_edge(records.sell))
    return records.known_us[filled[1:]], np.abs(bought - sold) / np.diff(edges), bought + sold


def _edges(volume: Floats, bucket_records: int) -> tuple[Floats, Ints]:
    """Cumulative volume at each bucket edge and the record that reaches it."""
    edges: list[float] = []
    filled: list[int] = []
    row = bucket_records - 1
    if row >= len(volume):
        return np.empty(0), np.empty(0, np.int64)
    edge = float(volume[row])
    while True:
        edges.append(edge)
        filled.append(row)
        edge += bucket_records * float(volume[row]) / (row + 1)
        row = int(volume.searchsorted(edge))
        if row >= len(volume):
            return np.array(edges), np.array(filled, dtype=np.int64)


def kyle_lambda(change_ticks: Floats, delta: Floats, tick_size: float) -> Floats:
    """Slope of the bar's price change on its signed volume over the last 60 bars, price per lot."""
    return rolling_slope(delta, change_ticks, WINDOW_BARS, MIN_ROWS) * tick_size


def amihud(close: Floats, volume: Floats, point_value: float) -> Floats:
    """Mean of |return| / turnover over the last 60 bars, per million of the quote currency."""
    before = shifted(close)
    usable = (before > 0) & (close > 0)
    moved = np.abs(divide(close - before, np.where(usable, before, np.nan)))
    turnover = volume * close * point_value / 1e6
    return rolling_mean(divide(moved, turnover), WINDOW_BARS, MIN_ROWS)


def roll_spread(price_ticks: Floats, index: Ints, count: int, tick_size: float) -> Floats:
    """Roll's spread 2 sqrt(-cov(dp, dp')) over the trades of the last 60 bars, in price.

    ``price_ticks`` successive trade prices, ``index`` the bar of each. NaN where the covariance is
    not negative (the estimator says nothing then) or fewer than 30 pairs exist.
    """
    if len(price_ticks) < 3:
        return np.full(count, np.nan)
    change = np.diff(price_ticks)
    now, before, at = change[1:], change[:-1], index[2:]

    def window_sum(values: Floats) -> Floats:
        return rolling_sum(segment_sums(values, at, count), WINDOW_BARS)

    pairs = window_sum(np.ones(len(now)))
    pairs = np.where(pairs >= MIN_ROWS, pairs, np.nan)
    covariance = window_sum(now * before) / pairs - window_sum(now) * window_sum(before) / pairs**2
    return 2.0 * np.sqrt(np.where(covariance < 0.0, -covariance, np.nan)) * tick_size
