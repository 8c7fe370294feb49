"""Footprint: volume by aggressor at each price of a bar, diagonal and stacked imbalances.

A price shows a buy imbalance when the volume bought there is at least ``ratio`` times the volume
sold one tick BELOW (the diagonal), a sell imbalance mirrored with the volume bought one tick above.
A stack is a run of adjacent prices with the same imbalance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Bools, Floats, Ints, segment_sums

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


def footprint(
    bar: Ints, price_ticks: Ints, sold: Floats, bought: Floats, unit: float = 1.0, min_volume: float = 5.0
) -> Footprint:
    """Footprint of trades: ``sold`` hit the bid, ``bought`` lifted the ask, in lots.

    ``unit`` stands in for an empty opposite price (one lot), ``min_volume`` is the least volume of an
    imbalance; the ratio is 3.
    """
    order = np.lexsort((price_ticks, bar))
    bar, price_ticks = bar[order], price_ticks[order]
    fresh = np.ones(len(bar), dtype=np.bool_)
    fresh[1:] = (np.diff(bar) != 0) | (np.diff(price_ticks) != 0)
    cell = np.cumsum(fresh) - 1
    bar, price_ticks = bar[fresh], price_ticks[fresh]
    sold = segment_sums(sold[order], cell, len(bar))
    bought = segment_sums(bought[order], cell, len(bar))
    adjacent = (np.diff(bar) == 0) & (np.diff(price_ticks) == 1)
    below, above = np.zeros(len(bar)), np.zeros(len(bar))
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
