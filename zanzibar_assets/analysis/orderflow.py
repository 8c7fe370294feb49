"""Measures from trades: VPIN, Kyle's lambda, Amihud's illiquidity and Roll's spread.

All are known at the close of the bar they stand on and look back only. Signs are the records' own
(``clean_ticks.side``, or the two volumes of a bar record).
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records, segment_sums
from zanzibar_assets.analysis.running import Running, divide

WINDOW_BARS = 60
MIN_ROWS = 30


def vpin(
    records: Records, closes_us: Ints, bucket_records: int, window: int, memory: Running | None = None
) -> Floats:
    """Volume-synchronised imbalance as of each close: mean |buys - sells| / bucket of ``window`` buckets.

    A bucket's volume is ``bucket_records`` times the mean record size up to the bucket's start (never
    a later one); the first ``bucket_records`` records only set it. Records are split at bucket
    edges; a bucket is known with the record that fills it. NaN until ``window`` buckets are full and
    where none of their volume is signed. ``memory`` holds what earlier blocks of records left.
    """
    memory = memory or Running()
    known, imbalance, signed = _buckets(records, bucket_records, memory)
    value = memory.mean("vpin.imbalance", imbalance, window, window)
    value[memory.sum("vpin.signed", signed, window) <= 0.0] = np.nan
    full = np.searchsorted(known, closes_us, side="right")
    before = memory.value("vpin.value")
    values = np.concatenate(([np.nan if before is None else before], value))
    memory.keep("vpin.value", float(values[-1]))
    return values[full]


def _buckets(records: Records, bucket_records: int, memory: Running) -> tuple[Ints, Floats, Floats]:
    """Known time, |buys - sells| / volume and signed volume of each full bucket."""
    volume = memory.totals("vpin.volume", records.size)
    edges, filled = _edges(volume, bucket_records, memory)
    share = (edges - (volume[filled] - records.size[filled])) / records.size[filled]

    def bucket_sums(name: str, part: Floats) -> Floats:
        up_to_edge = memory.totals(name, part)[filled] - part[filled] * (1.0 - share)
        return np.diff(memory.joined(f"{name}.edge", up_to_edge, 1))

    bought, sold = bucket_sums("vpin.buy", records.buy), bucket_sums("vpin.sell", records.sell)
    width = np.diff(memory.joined("vpin.edges", edges, 1))
    known = records.known_us[filled[len(filled) - len(width) :]]
    return known, np.abs(bought - sold) / width, bought + sold


def _edges(volume: Floats, bucket_records: int, memory: Running) -> tuple[Floats, Ints]:
    """Cumulative volume at each bucket edge and the record that reaches it."""
    edges: list[float] = []
    filled: list[int] = []
    seen, edge = int(memory.value("vpin.records") or 0), memory.value("vpin.next_edge")
    memory.keep("vpin.records", float(seen + len(volume)))
    if edge is None:
        row = bucket_records - 1 - seen
        edge = float(volume[row]) if row < len(volume) else None
    else:
        row = int(volume.searchsorted(edge))
    while edge is not None and row < len(volume):
        edges.append(edge)
        filled.append(row)
        edge += bucket_records * float(volume[row]) / (seen + row + 1)
        row = int(volume.searchsorted(edge))
    if edge is not None:
        memory.keep("vpin.next_edge", edge)
    return np.array(edges), np.array(filled, dtype=np.int64)


def kyle_lambda(
    change_ticks: Floats, delta: Floats, tick_size: float, memory: Running | None = None
) -> Floats:
    """Slope of the bar's price change on its signed volume over the last 60 bars, price per lot."""
    memory = memory or Running()
    return memory.slope("kyle", delta, change_ticks, WINDOW_BARS, MIN_ROWS) * tick_size


def amihud(close: Floats, volume: Floats, point_value: float, memory: Running | None = None) -> Floats:
    """Mean of |return| / turnover over the last 60 bars, per million of the quote currency."""
    memory = memory or Running()
    before = memory.shifted("amihud.close", close)
    usable = (before > 0) & (close > 0)
    moved = np.abs(divide(close - before, np.where(usable, before, np.nan)))
    turnover = volume * close * point_value / 1e6
    return memory.mean("amihud", divide(moved, turnover), WINDOW_BARS, MIN_ROWS)


def roll_spread(
    price_ticks: Floats, index: Ints, count: int, tick_size: float, memory: Running | None = None
) -> Floats:
    """Roll's spread 2 sqrt(-cov(dp, dp')) over the trades of the last 60 bars, in price.

    ``price_ticks`` successive trade prices, ``index`` the bar of each. NaN where the covariance is
    not negative (the estimator says nothing then) or fewer than 30 pairs exist.
    """
    memory = memory or Running()
    change = np.diff(memory.joined("roll.price", price_ticks, 2))
    now, before = change[1:], change[:-1]
    at = index[len(index) - len(now) :]

    def window_sum(name: str, values: Floats) -> Floats:
        return memory.sum(f"roll.{name}", segment_sums(values, at, count), WINDOW_BARS)

    pairs = window_sum("pairs", np.ones(len(now)))
    pairs = np.where(pairs >= MIN_ROWS, pairs, np.nan)
    means = window_sum("now", now) * window_sum("before", before)
    covariance = window_sum("product", now * before) / pairs - means / pairs**2
    return 2.0 * np.sqrt(np.where(covariance < 0.0, -covariance, np.nan)) * tick_size
