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
from zanzibar_assets.contracts.registry import polars_schema
from zanzibar_assets.vocabulary import DOM_LEVELS, KNOWN_AT, US_PER_SECOND, BookState, SessionState

BOOK_GAP_SECONDS = 60
"""Silence between two updates after which no order flow is read off their difference."""
BOOK_STALE_SECONDS = 300
"""Age at which the last update no longer speaks for the book."""

BOOK_COLUMNS = (
    KNOWN_AT, "snapshot", "session_state", "book_state",
    *(f"{name}_{level}" for level in range(1, DOM_LEVELS + 1)
      for name in ("bid_ticks", "bid_size", "ask_ticks", "ask_size")),
)  # fmt: skip
"""Columns of CleanDom that order flow is made of; ``snapshot`` may be missing."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the book after each update: prices (``MISSING`` where there is none), sizes (0 there)."""

    bid: Ints
    bid_size: Floats
    ask: Ints
    ask_size: Floats


@dataclass(frozen=True, slots=True)
class Book:
    """Top levels of the book after each update; deeper levels' arrays are made when asked for.

    ``sound``: two-sided, not crossed and not within a break. ``joined``: the difference to the
    update before says something (both sound, no gap between them, no snapshot that starts afresh).
    """

    known_us: Ints
    sound: Bools
    joined: Bools
    best: Level
    frame: pl.DataFrame

    def __len__(self) -> int:
        return len(self.known_us)

    def level(self, number: int) -> Level:
        """Arrays of one level, 1 for the best."""
        return self.best if number == 1 else _level(self.frame, number)

    def at(self, rows: Ints) -> dict[str, Floats]:
        """The book at some rows: ``bid_ticks``, ``bid_size``, ... of shape (levels, rows), NaN for null."""
        few = self.frame[rows] if len(self) else self.frame.clear(len(rows))
        return {
            name: np.stack([floats(few, f"{name}_{level}") for level in range(1, DOM_LEVELS + 1)])
            for name in ("bid_ticks", "bid_size", "ask_ticks", "ask_size")
        }


def book_schema() -> dict[str, pl.DataType]:
    """Types of ``BOOK_COLUMNS``."""
    kinds = polars_schema("clean_dom")
    return {name: kinds[name] for name in BOOK_COLUMNS}


def _level(frame: pl.DataFrame, number: int) -> Level:
    from zanzibar_assets.analysis._book_kernels import MISSING

    def ticks(name: str) -> Ints:
        values: Ints = frame[f"{name}_{number}"].fill_null(MISSING).to_numpy()
        return values

    def sizes(name: str) -> Floats:
        values: Floats = frame[f"{name}_{number}"].fill_null(0.0).to_numpy()
        return values

    return Level(ticks("bid_ticks"), sizes("bid_size"), ticks("ask_ticks"), sizes("ask_size"))


def load_book(clean_dom: pl.DataFrame) -> Book:
    """Book of a CleanDom frame."""
    from zanzibar_assets.analysis._book_kernels import joined_rows

    state = pl.col("book_state").is_in([BookState.NORMAL.value, BookState.LOCKED.value])
    trading = pl.col("session_state") != SessionState.BREAK.value
    there = pl.col("bid_ticks_1").is_not_null() & pl.col("ask_ticks_1").is_not_null()
    fresh = pl.col("snapshot") if "snapshot" in clean_dom.columns else pl.lit(False)
    flags = clean_dom.select(sound=state & trading & there, fresh=fresh)
    known_us, sound = micros(clean_dom, KNOWN_AT), flags["sound"].to_numpy()
    gap_us = BOOK_GAP_SECONDS * US_PER_SECOND
    joined = joined_rows(known_us, sound, flags["fresh"].to_numpy(), gap_us)
    return Book(known_us, sound, joined, _level(clean_dom, 1), clean_dom)


def order_flow(level: Level, joined: Bools) -> Floats:
    """Order flow ``e`` of each update at one level, in lots.

    0 on the first update and wherever the difference to the update before says nothing. A level
    missing in either book adds nothing on that side.
    """
    from zanzibar_assets.analysis._book_kernels import level_flow

    flow = np.zeros(len(joined))
    level_flow(level.bid, level.bid_size, level.ask, level.ask_size, joined, flow)
    return flow


def rows_of_bars(known_us: Ints, opens_us: Ints, closes_us: Ints) -> tuple[Ints, Ints]:
    """First row and row after the last of the updates with open < known_at <= close of each bar."""
    starts: Ints = np.searchsorted(known_us, opens_us, side="right")
    return starts, np.searchsorted(known_us, closes_us, side="right")


def rows_known(known_us: Ints, at_us: Ints, *, strictly: bool) -> tuple[Ints, Bools]:
    """Row known last at (or ``strictly`` before) each ascending time, and whether one that is not stale.

    The row is 0 where there is none.
    """
    from zanzibar_assets.analysis._book_kernels import rows_as_of

    row = np.empty(len(at_us), np.int64)
    rows_as_of(known_us, at_us, strictly, row)
    live = row >= 0
    live[live] = at_us[live] - known_us[row[live]] <= BOOK_STALE_SECONDS * US_PER_SECOND
    return np.maximum(row, 0), live


def last_known(known_us: Ints, at_us: Ints) -> tuple[Ints, Bools]:
    """Row of the last update known at each time, and whether there is one that is not stale."""
    index: Ints = np.searchsorted(known_us, at_us, side="right") - 1
    live = index >= 0
    live[live] = at_us[live] - known_us[index[live]] <= BOOK_STALE_SECONDS * US_PER_SECOND
    return np.maximum(index, 0), live
