"""Footprint: volume by aggressor at each price of a bar, diagonal and stacked imbalances.

A price shows a buy imbalance when the volume bought there is at least ``ratio`` times the volume
sold one tick BELOW (the diagonal), a sell imbalance mirrored with the volume bought one tick above.
A stack is a run of adjacent prices with the same imbalance. An auction is unfinished at a bar's
extreme when both sides traded there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zanzibar_assets.analysis._records import Bools, Floats, Ints
from zanzibar_assets.analysis.rolling import divide

RATIO = 3.0
STACK = 3
MIN_UNITS = 5.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """One row a (bar, price), ordered by both: volumes by aggressor and imbalance marks."""

    bar: Ints
    price_ticks: Ints
    sold: Floats
    bought: Floats
    buy: Bools
    sell: Bools


class BarPrints(NamedTuple):
    """Per bar, NaN for a bar without trades: what its footprint sums up to.

    ``imbalance_*`` counts prices with a diagonal imbalance, ``stacked_*`` runs of them;
    ``unfinished_*`` is 1 where both sides traded at the bar's extreme, else 0; ``poc`` is the price in
    ticks of the largest volume (ties: nearest the bar's centre, then lower); ``delta_*`` the least and
    greatest running delta after each trade. ``ratio_high`` is the volume bought one tick below the high
    over that bought at the high, ``ratio_low`` the volume sold one tick above the low over that sold at
    the low: large where the extreme was rejected, small where it was defended; NaN for a bar of one
    price and where nothing was bought (sold) at the extreme itself.
    """

    imbalance_buy: Floats
    imbalance_sell: Floats
    stacked_buy: Floats
    stacked_sell: Floats
    unfinished_high: Floats
    unfinished_low: Floats
    poc: Floats
    delta_min: Floats
    delta_max: Floats
    ratio_high: Floats
    ratio_low: Floats


def footprint(
    bar: Ints, price_ticks: Ints, sold: Floats, bought: Floats, unit: float = 1.0, min_volume: float = 5.0
) -> Footprint:
    """Footprint of trades (``bar`` ascending): ``sold`` hit the bid, ``bought`` lifted the ask, in lots.

    ``unit`` stands in for an empty opposite price (one lot), ``min_volume`` is the least volume of an
    imbalance; the ratio is 3.
    """
    from zanzibar_assets.analysis._footprint_kernels import cells, widest_bar

    widest = widest_bar(bar, price_ticks)
    at, volumes = np.empty((2, len(bar)), np.int64), np.empty((2, len(bar)))
    rows, hits = np.zeros((2, widest)), np.zeros(widest, np.int64)
    count = cells(bar, price_ticks, sold, bought, rows, hits, at[0], at[1], volumes[0], volumes[1])
    bar, price_ticks, sold, bought = at[0, :count], at[1, :count], volumes[0, :count], volumes[1, :count]
    adjacent = (np.diff(bar) == 0) & (np.diff(price_ticks) == 1)
    below, above = np.zeros(count), np.zeros(count)
    below[1:] = np.where(adjacent, sold[:-1], 0.0)
    above[:-1] = np.where(adjacent, bought[1:], 0.0)
    return Footprint(
        bar=bar,
        price_ticks=price_ticks,
        sold=sold,
        bought=bought,
        buy=(bought >= RATIO * np.maximum(below, unit)) & (bought >= min_volume),
        sell=(sold >= RATIO * np.maximum(above, unit)) & (sold >= min_volume),
    )


def stacks(prints: Footprint, marks: Bools, least: int = STACK) -> list[tuple[int, int, int]]:
    """Runs of at least ``least`` adjacent marked prices as (bar, lowest price, highest price)."""
    rows = np.flatnonzero(marks)
    if len(rows) == 0:
        return []
    bar, price = prints.bar[rows], prints.price_ticks[rows]
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(bar) != 0) | (np.diff(price) != 1))))
    ends = np.concatenate((starts[1:], [len(rows)])) - 1
    long = ends - starts + 1 >= least
    return [
        (int(bar[first]), int(price[first]), int(price[last]))
        for first, last in zip(starts[long], ends[long], strict=True)
    ]


def bar_prints(prints: Footprint, bar: Ints, signed: Floats, count: int) -> BarPrints:
    """Sums of a footprint per bar 0..count-1; ``bar`` and ``signed`` (lots) are those of its trades."""
    from zanzibar_assets.analysis._footprint_kernels import delta_path

    traded = np.bincount(prints.bar, minlength=count) > 0

    def counted(bars: Ints) -> Floats:
        return np.where(traded, np.bincount(bars, minlength=count), np.nan)

    def stacked(marks: Bools) -> Floats:
        return counted(np.array([held for held, _, _ in stacks(prints, marks)], dtype=np.int64))

    lowest, highest = np.full(count, np.nan), np.full(count, np.nan)
    delta_path(bar, signed, lowest, highest)
    first = np.flatnonzero(np.concatenate(([True], np.diff(prints.bar) != 0)))[: int(traded.sum())]
    last = np.concatenate((first[1:], [len(prints.bar)]))[: len(first)] - 1
    both = ((prints.sold > 0) & (prints.bought > 0)).astype(np.float64)
    return BarPrints(
        counted(prints.bar[prints.buy]),
        counted(prints.bar[prints.sell]),
        stacked(prints.buy),
        stacked(prints.sell),
        _placed(traded, both[last]),
        _placed(traded, both[first]),
        _placed(traded, _pocs(prints, first, last)),
        lowest,
        highest,
        _placed(traded, _ratio_at_extreme(prints, prints.bought, last, -1, last - first)),
        _placed(traded, _ratio_at_extreme(prints, prints.sold, first, 1, last - first)),
    )


def _placed(traded: Bools, values: Floats) -> Floats:
    out = np.full(len(traded), np.nan)
    out[traded] = values
    return out


def _ratio_at_extreme(prints: Footprint, volume: Floats, at: Ints, inward: int, rows_inside: Ints) -> Floats:
    """Volume one tick ``inward`` of each row ``at`` over the volume there; an untraded tick has none."""
    inner = np.where(rows_inside > 0, at + inward, at)
    next_tick = prints.price_ticks[inner] == prints.price_ticks[at] + inward
    beside = np.where(next_tick, volume[inner], 0.0)
    return divide(beside, np.where(rows_inside > 0, volume[at], 0.0))


def _pocs(prints: Footprint, first: Ints, last: Ints) -> Floats:
    """Price of the largest volume of each bar's rows ``first``..``last``."""
    width = last - first + 1
    bars = np.repeat(np.arange(len(first)), width)
    price = prints.price_ticks
    off_centre = np.abs(2 * price - np.repeat(price[first] + price[last], width))
    order = np.lexsort((price, off_centre, -(prints.sold + prints.bought), bars))
    return price[order[first]].astype(np.float64)
