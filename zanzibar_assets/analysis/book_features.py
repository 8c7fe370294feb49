"""Per-bar features of the book: order flow imbalance and the book as last known at the bar's close."""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, segment_sums
from zanzibar_assets.analysis.book import Book, bar_of_update, last_known, order_flow
from zanzibar_assets.analysis.rolling import divide, rolling_sum, shifted

DEPTH_BARS = 20
"""Bars before the current one whose average depth normalises the order flow."""


def flow_features(book: Book, opens_us: Ints, closes_us: Ints) -> dict[str, Floats]:
    """``ofi_l1`` and ``mlofi`` (lots) summed over each bar, ``ofi_norm`` per average past depth.

    NaN where no live book is known at the bar's close; a live but silent book gives 0. The depth is
    the mean of both best queues over the updates of the 20 bars before.
    """
    count = len(closes_us)
    flow = order_flow(book)
    index, inside = bar_of_update(book.known_us, opens_us, closes_us)
    at = index[inside]
    live = last_known(book.known_us, closes_us)[1]
    best = segment_sums(flow[0, inside], at, count)
    every_level = segment_sums(flow.sum(axis=0)[inside], at, count)
    depth = np.where(book.sound, (book.bid_size[0] + book.ask_size[0]) / 2.0, 0.0)[inside]
    depths = rolling_sum(segment_sums(depth, at, count), DEPTH_BARS)
    updates = rolling_sum(segment_sums(book.sound[inside].astype(np.float64), at, count), DEPTH_BARS)
    past_depth = shifted(divide(depths, updates))
    best = np.where(live, best, np.nan)
    return {
        "ofi_l1": best,
        "ofi_norm": divide(best, past_depth),
        "mlofi": np.where(live, every_level, np.nan),
    }


def state_features(book: Book, closes_us: Ints, tick_size: float) -> dict[str, Floats]:
    """Imbalance of the best queues, weighted mid (price), spread and depth at each bar's close.

    NaN where no live and sound book is known.
    """
    row, live = last_known(book.known_us, closes_us)
    usable = live & book.sound[row] if len(book) else live
    if not usable.any():
        names = ("queue_imbalance", "weighted_mid", "spread_ticks", "bid_depth", "ask_depth")
        return {name: np.full(len(closes_us), np.nan) for name in names}
    bid, ask = book.bid_ticks[0, row], book.ask_ticks[0, row]
    bid_size, ask_size = book.bid_size[0, row], book.ask_size[0, row]
    imbalance = divide(bid_size, bid_size + ask_size)
    found = {
        "queue_imbalance": imbalance,
        "weighted_mid": (imbalance * ask + (1.0 - imbalance) * bid) * tick_size,
        "spread_ticks": ask - bid,
        "bid_depth": np.nansum(book.bid_size[:, row], axis=0),
        "ask_depth": np.nansum(book.ask_size[:, row], axis=0),
    }
    return {name: np.where(usable, values, np.nan) for name, values in found.items()}
