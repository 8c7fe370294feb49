"""Order flow imbalance and the state of the book.

Order flow imbalance after Cont, Kukanov and Stoikov (2014): for each book update
``e = 1{Pb >= Pb'} qb - 1{Pb <= Pb'} qb' - 1{Pa <= Pa'} qa + 1{Pa >= Pa'} qa'`` (primes: the update
before); the same at every level index is the multi-level form (Xu, Gould and Howison 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats, Ints, floats, micros
from zanzibar_assets.vocabulary import DOM_LEVELS, KNOWN_AT, US_PER_SECOND, BookState, SessionState

BOOK_GAP_SECONDS = 60
"""Silence between two updates after which no order flow is read off their difference."""
BOOK_STALE_SECONDS = 300
"""Age at which the last update no longer speaks for the book."""


@dataclass(frozen=True, slots=True)
class Book:
    """Top levels after each update: arrays of shape (levels, updates), NaN where there is no level.

    ``sound``: two-sided, not crossed and not within a break.
    """

    known_us: Ints
    bid_ticks: Floats
    bid_size: Floats
    ask_ticks: Floats
    ask_size: Floats
    sound: Bools

    def __len__(self) -> int:
        return len(self.known_us)


def load_book(clean_dom: pl.DataFrame) -> Book:
    """Arrays of a CleanDom frame."""

    def levels(name: str) -> Floats:
        columns = [floats(clean_dom, f"{name}_{level}") for level in range(1, DOM_LEVELS + 1)]
        return np.stack(columns)

    state = pl.col("book_state").is_in([BookState.NORMAL.value, BookState.LOCKED.value])
    trading = pl.col("session_state") != SessionState.BREAK.value
    bid, ask = levels("bid_ticks"), levels("ask_ticks")
    sound = clean_dom.select(state & trading).to_series().to_numpy()
    return Book(
        known_us=micros(clean_dom, KNOWN_AT),
        bid_ticks=bid,
        bid_size=levels("bid_size"),
        ask_ticks=ask,
        ask_size=levels("ask_size"),
        sound=sound & np.isfinite(bid[0]) & np.isfinite(ask[0]),
    )


def order_flow(book: Book) -> Floats:
    """Order flow ``e`` per level and update, shape (levels, updates), in lots.

    0 on the first update and wherever the difference to the update before says nothing: after a gap,
    and when either book is crossed, one-sided or within a break. A level missing in either book
    adds nothing on that side.
    """
    flow = np.zeros_like(book.bid_ticks)
    if len(book) < 2:
        return flow
    joined = book.sound[1:] & book.sound[:-1]
    joined &= np.diff(book.known_us) <= BOOK_GAP_SECONDS * US_PER_SECOND
    for level in range(len(flow)):
        bid = _side_flow(book.bid_ticks[level], book.bid_size[level])
        ask = _side_flow(-book.ask_ticks[level], book.ask_size[level])
        flow[level, 1:] = np.where(joined, bid - ask, 0.0)
    return flow


def _side_flow(price: Floats, size: Floats) -> Floats:
    """Flow of one side; asks are passed with their prices negated, so that better is higher."""
    now, before = price[1:], price[:-1]
    added = np.where(now >= before, size[1:], 0.0)
    flow: Floats = added - np.where(now <= before, size[:-1], 0.0)
    return flow


def bar_of_update(known_us: Ints, opens_us: Ints, closes_us: Ints) -> tuple[Ints, Bools]:
    """Bar with open < known_at <= close of each update, and whether there is one."""
    index = np.searchsorted(closes_us, known_us, side="left")
    inside = index < len(closes_us)
    inside[inside] = known_us[inside] > opens_us[index[inside]]
    return index, inside


def last_known(known_us: Ints, at_us: Ints) -> tuple[Ints, Bools]:
    """Row of the last update known at each time, and whether there is one that is not stale."""
    index: Ints = np.searchsorted(known_us, at_us, side="right") - 1
    live = index >= 0
    live[live] = at_us[live] - known_us[index[live]] <= BOOK_STALE_SECONDS * US_PER_SECOND
    return np.maximum(index, 0), live
