"""Price paths of a session, trade by trade, and the first barrier that each entry meets on them.

A trade is a record whose open, high, low and close are its price, so barriers are met in the order
of the trades and left at the price of the trade that met them. Bar records say their extremes but
not which came first: of two barriers inside one record the adverse one counts, and a barrier inside
it is left at its level (at the record's open where that lies beyond). ``path_basis`` says which kind
an entry's path was made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.vocabulary import RecordKind, SessionState

LOWER, TIME, UPPER, PENDING = -1, 0, 1, 2
_EXTREMES = ("open_ticks", "high_ticks", "low_ticks")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RecordPath:
    """Trades and bar records of the open session in the order known; arrays of one length.

    ``starts_us`` is a trade's time or a record's open; ``ends_us`` the first instant at which it is
    wholly in the past (a trade's time + 1 us, a record's close); ``known_us`` when it was known.
    Prices in ticks.
    """

    starts_us: Ints
    ends_us: Ints
    known_us: Ints
    opens: Ints
    highs: Ints
    lows: Ints
    closes: Ints
    is_bar: Bools

    def __len__(self) -> int:
        return len(self.closes)


@dataclass(frozen=True, slots=True)
class Entries:
    """Positions: instant of entry, deadline (us), barrier levels (ticks) and side (1 long, -1 short)."""

    entry_us: Ints
    deadline_us: Ints
    upper: Ints
    lower: Ints
    side: Ints


@dataclass(frozen=True, slots=True)
class Exits:
    """Outcome of each entry: barrier code (``PENDING`` when not yet decided), record (-1: none) and price."""

    barrier: Ints
    record: Ints
    ticks: Ints


def load_path(clean_ticks: pl.DataFrame) -> RecordPath:
    """Path of a CleanTicks frame: trades of every kind (as in bars, zero-size prints too), no quotes."""
    kinds = pl.col("kind") != RecordKind.QUOTE.value
    rows = clean_ticks.filter(kinds & (pl.col("session_state") == SessionState.OPEN.value))
    is_bar = (rows["kind"] == RecordKind.BAR.value).to_numpy()
    starts, known = (rows[name].to_physical().to_numpy() for name in ("event_ts", "known_at"))
    price = rows["price_ticks"].to_numpy()
    opens, highs, lows = price, price, price
    if is_bar.any():
        opens, highs, lows = (rows[name].fill_null(rows["price_ticks"]).to_numpy() for name in _EXTREMES)
    return RecordPath(starts, np.where(is_bar, known, starts + 1), known, opens, highs, lows, price, is_bar)


def find_exits(path: RecordPath, entries: Entries, now_us: int) -> Exits:
    """First barrier of each entry among the records from its instant to its deadline.

    An entry that met none is decided by time once ``now_us`` (the last closed bar) reached its
    deadline; its price is that of the last record before.
    """
    from zanzibar_assets.ml._barrier_kernels import first_touches

    size = len(entries.entry_us)
    barrier, ticks = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    record = np.full(size, -1, dtype=np.int64)
    start = np.searchsorted(path.starts_us, entries.entry_us, side="left")
    first_touches(
        start, entries.deadline_us, entries.upper, entries.lower, entries.side,
        path.ends_us, path.opens, path.highs, path.lows, path.closes, barrier, record, ticks,
    )  # fmt: skip
    barrier[(barrier == TIME) & (entries.deadline_us > now_us)] = PENDING
    return Exits(barrier, record, ticks)


def path_basis(path: RecordPath, entries: Entries, exits: Exits) -> pl.Series:
    """``ticks``, or ``bar_records`` where a record of the walked path is a bar (String, one an entry)."""
    bars_before = np.concatenate(([0], np.cumsum(path.is_bar)))
    start = np.searchsorted(path.starts_us, entries.entry_us, side="left")
    walked = bars_before[exits.record + 1] > bars_before[np.minimum(start, exits.record + 1)]
    return pl.Series(np.where(walked, "bar_records", "ticks").tolist(), dtype=pl.String)
