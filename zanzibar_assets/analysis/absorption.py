"""Absorption and refills: resting orders that took much volume and stayed.

Absorption after the rule of volume at price against its own past: an aggressor trades, within 30 s at
one price, at least the mean plus three deviations of the volume per price of the bars before (and
20 lots), and price does not trade more than a tick through it in the next 10 s. With the top of the
book alone an iceberg can only be inferred: ``refills`` scores prices that executed more than they
showed and were filled up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Bools, Floats, Ints, segment_sums
from zanzibar_assets.analysis.book import Book
from zanzibar_assets.analysis.footprint import Footprint
from zanzibar_assets.analysis.running import Running, divide
from zanzibar_assets.analysis.tick_sweeps import Trades

NO_PRICE = -(2**62)
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


def volume_thresholds(
    prints: Footprint, count: int, unit: float, params: AbsorptionParams, memory: Running
) -> Floats:
    """After each bar: mean + k deviations of the aggressor volume per price and side of the last 60 bars.

    It is what the trades of the next bar need; NaN until those bars hold 100 such volumes.
    """
    sums = np.zeros((3, count))
    for volume in (prints.sold, prints.bought):
        held = volume > 0
        at, lots = prints.bar[held], volume[held] / unit
        for row, power in enumerate((lots**0, lots, lots**2)):
            sums[row] += segment_sums(power, at, count)
    cells, total, squares = (
        memory.sum(f"threshold.{name}", row, THRESHOLD_BARS)
        for name, row in zip(("cells", "total", "squares"), sums, strict=True)
    )
    cells = np.where(cells >= MIN_CELLS, cells, np.nan)
    mean = divide(total, cells)
    deviation = np.sqrt(np.maximum(divide(squares, cells) - mean**2, 0.0))
    return np.maximum(mean + params.deviations * deviation, params.min_units) * unit


class AbsorptionEngine:
    """Absorptions of trades that come in blocks behind the earlier trades still needed.

    ``oldest`` is the first trade in the window as of the last one: the next call needs those from it
    and from the first that waits on.
    """

    def __init__(self, params: AbsorptionParams) -> None:
        self.params = params
        self.oldest = 0
        self._cells: list[list[float]] = []
        self._waiting: list[list[float]] = []

    def feed(self, trades: Trades, first: int, least: Floats) -> Absorptions:
        """Absorptions that the trades from ``first`` on make known, in trade numbers.

        ``least`` is the volume that each trade needs (NaN: none known yet). A row is known at the
        first trade after the time that price had to hold.
        """
        from zanzibar_assets.analysis import _absorption_kernels as kernels

        lowest = int(trades.price.min()) if len(trades) else 0
        rows = int(trades.price.max()) - lowest + 1 if len(trades) else 0
        volume, marks = np.zeros((2, rows)), np.zeros((2, 2, rows), np.int64)
        for side, price, lots, since, number in self._cells:
            at = int(side), int(price) - lowest
            volume[at], marks[0][at], marks[1][at] = lots, since, number
        room, waits = len(trades) - first, len(self._waiting)
        queue, held = np.empty((room + waits, 2), np.int64), np.empty(room + waits)
        for k, (trigger, progress, lots) in enumerate(self._waiting):
            queue[k], held[k] = (trigger, progress), lots
        places = np.array([self.oldest, waits])
        span, found = np.empty((room + waits, 5), np.int64), np.empty((room + waits, 2))
        params = self.params
        count = kernels.absorptions(
            trades.ts_us, trades.price - lowest, trades.size, trades.side.astype(np.int64), least,
            np.int64(first), np.int64(params.window_us), np.int64(params.tau_us), np.int64(params.give_ticks),
            volume, marks, queue, held, places, span, found,
        )  # fmt: skip
        oldest, waits = places.tolist()
        self._waiting = [[*queue[k].tolist(), float(held[k])] for k in range(waits)]
        in_window = np.zeros(rows, np.bool_)
        in_window[trades.price[oldest:] - lowest] = True
        # A price without a trade in the window has nothing to take away and may lie beyond the next block.
        kept = ((marks[1] > 0) | (marks[0] > oldest)) & in_window
        self._cells = [
            [int(side), int(row) + lowest, float(volume[side, row]), *marks[:, side, row].tolist()]
            for side, row in zip(*np.nonzero(kept), strict=True)
        ]
        self.oldest = oldest
        trigger, known, row, aggressor, progressed = span[:count].T
        return Absorptions(trigger, known, row + lowest, aggressor, progressed, *found[:count].T)

    @property
    def needs(self) -> int:
        """First trade that the next call needs."""
        return min([self.oldest, *(int(trigger) for trigger, _, _ in self._waiting)])

    def dropped(self, count: int) -> None:
        """The first ``count`` trades are left out of the next call."""
        self.oldest -= count
        for waits in self._waiting:
            waits[0] -= count
        for cell in self._cells:
            cell[3] -= count

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {"oldest": self.oldest, "cells": self._cells, "waiting": self._waiting}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.oldest = int(saved["oldest"])
        self._cells = [list(cell) for cell in saved["cells"]]
        self._waiting = [list(waits) for waits in saved["waiting"]]


@dataclass(frozen=True, slots=True)
class Refills:
    """One row a price that was filled up: resting side (+1 bids, -1 asks), first fill, update, volumes."""

    side: int
    first_us: Ints
    update: Ints
    price: Ints
    executed: Floats
    shown: Floats
    times: Floats

    @property
    def score(self) -> Floats:
        """Executed / shown before the first fill."""
        return divide(self.executed, self.shown)


class RefillEngine:
    """Refills of the best bid (``resting`` +1) or ask (-1), known at a book update."""

    def __init__(self, resting: int, params: RefillParams) -> None:
        self.resting, self.params = resting, params
        self._state = np.array([NO_PRICE, 0, 0, 0, 0, 0])
        self._volumes = np.zeros(4)

    def feed(self, trades: Trades, book: Book, rows: slice) -> Refills:
        """Refills that ``rows`` of the book make known; ``trades`` are all that happened meanwhile."""
        from zanzibar_assets.analysis import _absorption_kernels as kernels

        level, params = book.level(1), self.params
        price, shown = (level.bid, level.bid_size) if self.resting > 0 else (level.ask, level.ask_size)
        usable: Bools = book.sound[rows] & book.joined[rows]
        best = np.where(usable, price[rows], -(2**61))
        span, found = np.empty((len(best), 2), np.int64), np.empty((len(best), 3))
        count = kernels.refills(
            trades.ts_us, trades.price, trades.size, trades.side.astype(np.int64),
            book.known_us[rows], best, shown[rows], np.int64(-self.resting), np.float64(params.restored),
            np.int64(params.within_us), np.int64(params.least), self._state, self._volumes, span, found,
        )  # fmt: skip
        first_us, update = span[:count].T
        update = update + (rows.start or 0)
        return Refills(self.resting, first_us, update, price[update], *found[:count].T)

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {"state": self._state.tolist(), "volumes": self._volumes.tolist()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self._state = np.array(saved["state"], np.int64)
        self._volumes = np.array(saved["volumes"], np.float64)
