"""Absorption and refills: resting orders that took much volume and stayed.

Absorption after the rule of volume at price against its own past: an aggressor trades, within 30 s at
one price, at least the mean plus three deviations of the volume per price of the bars before (and
20 lots), and price does not trade more than a tick through it in the next 10 s. With the top of the
book alone an iceberg can only be inferred: ``refills`` scores prices that executed more than they
showed and were filled up again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Bools, Floats, Ints, segment_sums
from zanzibar_assets.analysis.book import Book
from zanzibar_assets.analysis.footprint import Footprint
from zanzibar_assets.analysis.rolling import divide, rolling_sum, shifted
from zanzibar_assets.analysis.tick_sweeps import Trades

THRESHOLD_BARS = 60
MIN_CELLS = 100


@dataclass(frozen=True, slots=True)
class AbsorptionParams:
    """Window of the volume, time that price must hold, ticks it may give, and the volume's threshold."""

    window_us: int = 30_000_000
    tau_us: int = 10_000_000
    give_ticks: int = 1
    deviations: float = 3.0
    min_units: float = 20.0


@dataclass(frozen=True, slots=True)
class RefillParams:
    """Share of the shown size that counts as filled up, the time for it, and refills that make a row."""

    restored: float = 0.8
    within_us: int = 1_000_000
    least: int = 2


@dataclass(frozen=True, slots=True)
class Absorptions:
    """One row an absorption: trigger and deciding trade, price, aggressor that was absorbed, volumes."""

    trigger: Ints
    known: Ints
    price: Ints
    aggressor: Ints
    progressed: Ints
    volume: Floats
    threshold: Floats

    @property
    def score(self) -> Floats:
        """Volume at the price / (1 + ticks price progressed), lots."""
        found: Floats = self.volume / (1.0 + self.progressed)
        return found


def volume_thresholds(prints: Footprint, count: int, unit: float, params: AbsorptionParams) -> Floats:
    """Per bar: mean + k deviations of the aggressor volume per price and side of the 60 bars before.

    NaN until those bars hold 100 such volumes.
    """
    sums = np.zeros((3, count))
    for volume in (prints.sold, prints.bought):
        held = volume > 0
        at, lots = prints.bar[held], volume[held] / unit
        for row, power in enumerate((lots**0, lots, lots**2)):
            sums[row] += segment_sums(power, at, count)
    cells, total, squares = (shifted(rolling_sum(row, THRESHOLD_BARS)) for row in sums)
    cells = np.where(cells >= MIN_CELLS, cells, np.nan)
    mean = divide(total, cells)
    deviation = np.sqrt(np.maximum(divide(squares, cells) - mean**2, 0.0))
    return np.maximum(mean + params.deviations * deviation, params.min_units) * unit


def absorptions(trades: Trades, least: Floats, params: AbsorptionParams) -> Absorptions:
    """Absorptions of trades; ``least`` is the volume that each trade needs (NaN: none known yet).

    A row is known at the first trade after the time that price had to hold.
    """
    from zanzibar_assets.analysis import _absorption_kernels as kernels

    room = len(trades)
    lowest = int(trades.price.min()) if room else 0
    rows = int(trades.price.max()) - lowest + 1 if room else 0
    span, found = np.empty((room, 5), np.int64), np.empty((room, 2))
    count = kernels.absorptions(
        trades.ts_us, trades.price - lowest, trades.size, trades.side.astype(np.int64), least,
        params.window_us, params.tau_us, params.give_ticks,
        np.zeros((2, rows)), np.zeros((2, rows), np.int64), np.empty((room, 2), np.int64), np.empty(room),
        span, found,
    )  # fmt: skip
    trigger, known, row, aggressor, progressed = span[:count].T
    return Absorptions(trigger, known, row + lowest, aggressor, progressed, *found[:count].T)


@dataclass(frozen=True, slots=True)
class Refills:
    """One row a price that was filled up: resting side (+1 bids, -1 asks), first fill, update, volumes."""

    side: int
    first: Ints
    update: Ints
    price: Ints
    executed: Floats
    shown: Floats
    times: Floats

    @property
    def score(self) -> Floats:
        """Executed / shown before the first fill."""
        return divide(self.executed, self.shown)


def refills(trades: Trades, book: Book, resting: int, params: RefillParams) -> Refills:
    """Refills of the best bid (``resting`` +1) or ask (-1), known at a book update."""
    from zanzibar_assets.analysis import _absorption_kernels as kernels

    level = book.level(1)
    price, shown = (level.bid, level.bid_size) if resting > 0 else (level.ask, level.ask_size)
    usable: Bools = book.sound & book.joined
    best = np.where(usable, price, -(2**61))
    room = len(book)
    span, found = np.empty((room, 2), np.int64), np.empty((room, 3))
    count = kernels.refills(
        trades.ts_us, trades.price, trades.size, trades.side.astype(np.int64),
        book.known_us, best, shown, -resting, params.restored, params.within_us, params.least, span, found,
    )  # fmt: skip
    first, update = span[:count].T
    return Refills(resting, first, update, price[update], *found[:count].T)
