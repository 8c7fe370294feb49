"""Per-bar features of the book: order flow imbalance and the book as last known at the bar's close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.book import Book, last_known, order_flow, rows_of_bars
from zanzibar_assets.analysis.running import Running, divide
from zanzibar_assets.vocabulary import DOM_LEVELS

DEPTH_BARS = 20
"""Bars before the current one whose average depth normalises the order flow."""


def added(levels: Floats) -> Floats:
    """Sum over the levels, from the best one on: a reduction's order would depend on the shape."""
    total: Floats = levels[0].copy()
    for level in levels[1:]:
        total += level
    return total


@dataclass(frozen=True, slots=True)
class BarFlow:
    """Order flow of each level and bar (levels, bars), lots; 0 where nothing was added or taken.

    ``depth`` is the sum of (bid + ask size) / 2 of each level over the bar's ``updates`` sound books.
    """

    flow: Floats
    depth: Floats
    updates: Floats

    def normalised(self, memory: Running) -> Floats:
        """Flow of each level over the mean depth of all levels in the 20 bars before (levels, bars)."""
        updates = memory.sum("all.updates", self.updates, DEPTH_BARS)
        depth = memory.sum("all.depth", added(self.depth) / len(self.depth), DEPTH_BARS)
        past = memory.shifted("all.mean", divide(depth, updates))
        return np.stack([divide(level, past) for level in self.flow])


def bar_flow(book: Book, opens_us: Ints, closes_us: Ints) -> BarFlow:
    """Order flow summed over each bar, level by level."""
    from zanzibar_assets.analysis._book_kernels import window_sums

    starts, ends = rows_of_bars(book.known_us, opens_us, closes_us)
    sums = np.zeros((DOM_LEVELS, 3, len(closes_us)))
    for number in range(DOM_LEVELS):
        level = book.level(number + 1)
        flow = order_flow(level, book.joined)
        window_sums(flow, level.bid_size, level.ask_size, book.sound, starts, ends, sums[number])
    return BarFlow(sums[:, 0], sums[:, 1], sums[0, 2])


def flow_features(book: Book, found: BarFlow, closes_us: Ints, memory: Running) -> dict[str, Floats]:
    """``ofi_l1`` .. ``ofi_l5`` and their sum ``mlofi`` (lots), ``ofi_norm`` per average past depth.

    NaN where no live book is known at the bar's close; a live but silent book gives 0. The depth is
    the mean of both best queues over the updates of the 20 bars before, which ``memory`` holds.
    """
    live = last_known(book.known_us, closes_us)[1]
    flow = np.where(live, found.flow, np.nan)
    updates = memory.sum("best.updates", found.updates, DEPTH_BARS)
    depth = memory.sum("best.depth", found.depth[0], DEPTH_BARS)
    past_depth = memory.shifted("best.mean", divide(depth, updates))
    return {
        **{f"ofi_l{number + 1}": level for number, level in enumerate(flow)},
        "ofi_norm": divide(flow[0], past_depth),
        "mlofi": added(flow),
    }


@dataclass(frozen=True, slots=True)
class BookAtClose:
    """The best quotes last known at each bar's close, NaN without a live and sound book."""

    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    bid_depth: Floats
    ask_depth: Floats


def book_at(book: Book, closes_us: Ints) -> BookAtClose:
    """Best quotes and the depth of all levels at each time."""
    row, live = last_known(book.known_us, closes_us)
    usable = live & book.sound[row] if len(book) else live
    levels = book.at(row)
    best = (np.where(usable, levels[f"{name}"][0], np.nan) for name in levels)
    depths = (np.where(usable, np.nansum(levels[f"{side}_size"], axis=0), np.nan) for side in ("bid", "ask"))
    return BookAtClose(*best, *depths)


def state_features(at: BookAtClose, tick_size: float) -> dict[str, Floats]:
    """Imbalance of the best queues, mid and weighted mid (prices), spread and depth at each close."""
    imbalance = divide(at.bid_size, at.bid_size + at.ask_size)
    return {
        "queue_imbalance": imbalance,
        "mid": (at.bid + at.ask) / 2.0 * tick_size,
        "weighted_mid": (imbalance * at.ask + (1.0 - imbalance) * at.bid) * tick_size,
        "spread_ticks": at.ask - at.bid,
        "bid_depth": at.bid_depth,
        "ask_depth": at.ask_depth,
    }
