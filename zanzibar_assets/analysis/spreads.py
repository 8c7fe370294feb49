"""Spreads that trades paid: effective at once, realized and price impact a minute later.

With m the mid before a trade and m' the mid a horizon after it: effective 2 s (p - m), realized
2 s (p - m'), impact 2 s (m' - m); s is the aggressor. The realized parts are known at trade time plus
horizon, so they stand on the bar that holds that instant, not on the bar of the trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from zanzibar_assets.analysis._records import Bools, Floats, Ints, Records, segment_sums
from zanzibar_assets.analysis.book import Book, rows_known
from zanzibar_assets.analysis.running import array, divide, plain
from zanzibar_assets.vocabulary import US_PER_SECOND

HORIZON_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SignedTrades:
    """Signed trades with the mid before them (ticks)."""

    ts_us: Ints
    side: Floats
    price: Floats
    size: Floats
    mid: Floats

    def part(self, rows: slice) -> SignedTrades:
        """Some of the trades."""
        return SignedTrades(*(getattr(self, name)[rows] for name in self.__slots__))

    @property
    def later_us(self) -> Ints:
        """When the horizon of each ends."""
        ends: Ints = self.ts_us + HORIZON_SECONDS * US_PER_SECOND
        return ends


@dataclass(frozen=True, slots=True)
class Quoted:
    """Mids of the quotes written beside trades, and when they were known."""

    known_us: Ints
    mid: Floats


T = TypeVar("T", SignedTrades, Quoted)


def signed_trades(records: Records, book: Book) -> SignedTrades:
    """Signed trades of the records and the mid before each.

    It is that of the quote written beside the trade, else of the last sound book known strictly
    before it; NaN where neither is, or only a book older than five minutes.
    """
    side = np.sign(records.buy - records.sell)
    own = records.where((side != 0) & ~records.is_bar)
    written = np.where(own.ask_ticks > own.bid_ticks, (own.bid_ticks + own.ask_ticks) / 2.0, np.nan)
    before = _book_mid(book, own.ts_us, strictly=True)
    mid = np.where(np.isfinite(written), written, before)
    return SignedTrades(own.ts_us, np.sign(own.buy - own.sell), own.price_ticks, own.size, mid)


def written_quotes(records: Records) -> Quoted:
    """The quotes written beside the records that are two-sided and not crossed."""
    quoted = records.where((records.ask_ticks > records.bid_ticks) & ~records.is_bar)
    return Quoted(quoted.known_us, (quoted.bid_ticks + quoted.ask_ticks) / 2.0)


def later_mids(later_us: Ints, quoted: Quoted, book: Book) -> Floats:
    """Mid of the last sound book known by each ascending time, else of the last quote beside a trade.

    NaN where none is, or only one older than five minutes.
    """
    later = _book_mid(book, later_us, strictly=False)
    return np.where(np.isfinite(later), later, _written_mid(quoted, later_us))


def _book_mid(book: Book, at_us: Ints, *, strictly: bool) -> Floats:
    if len(book) == 0:
        return np.full(len(at_us), np.nan)
    row, live = rows_known(book.known_us, at_us, strictly=strictly)
    best = book.level(1)
    return _kept((best.bid[row] + best.ask[row]) / 2.0, live & book.sound[row])


def _written_mid(quoted: Quoted, at_us: Ints) -> Floats:
    if len(quoted.known_us) == 0:
        return np.full(len(at_us), np.nan)
    row, live = rows_known(quoted.known_us, at_us, strictly=False)
    return _kept(quoted.mid[row], live)


def _kept(values: Floats, usable: Bools) -> Floats:
    return np.where(usable, values, np.nan)


class SpreadStage:
    """Spreads per bar of trades that come in blocks; trades wait here until their horizon has ended."""

    def __init__(self) -> None:
        nothing = np.empty(0)
        self.waiting = SignedTrades(np.empty(0, np.int64), nothing, nothing, nothing, nothing)
        self.later = nothing
        self.quoted = Quoted(np.empty(0, np.int64), nothing)

    def feed(self, records: Records, book: Book, opens_us: Ints, closes_us: Ints) -> dict[str, Floats]:
        """Volume-weighted spreads per bar in ticks; NaN without a trade that has its mids.

        ``effective_spread_ticks`` of the bar's trades; ``realized_spread_ticks`` and
        ``price_impact_ticks`` of the trades whose horizon ended since the bar before (known at this
        bar's close). ``records`` are those of the bars; the ``book`` reaches from before the first
        to the last close.
        """
        count, new = len(closes_us), signed_trades(records, book)
        bar = np.searchsorted(opens_us, new.ts_us, side="right") - 1
        effective = 2.0 * new.side * (new.price - new.mid)
        self.waiting = _joined(self.waiting, new)
        self.quoted = _joined(self.quoted, written_quotes(records))
        self.settle(book, int(closes_us[-1]))
        done = len(self.later)
        over, later = self.waiting.part(slice(done)), self.later
        self.waiting, self.later = self.waiting.part(slice(done, None)), later[done:]
        self.quoted = Quoted(self.quoted.known_us[-1:], self.quoted.mid[-1:])
        known = np.searchsorted(closes_us, over.later_us, side="left")
        realized, impact = 2.0 * over.side * (over.price - later), 2.0 * over.side * (later - over.mid)
        return {
            "effective_spread_ticks": _weighted(effective, new.size, bar, count),
            "realized_spread_ticks": _weighted(realized, over.size, known, count),
            "price_impact_ticks": _weighted(impact, over.size, known, count),
        }

    def settle(self, book: Book, through_us: int) -> None:
        """Read off the later mids of trades whose horizon ended by a time that all is known of."""
        done = slice(len(self.later), int(np.searchsorted(self.waiting.later_us, through_us, side="right")))
        if done.start < done.stop:
            mids = later_mids(self.waiting.later_us[done], self.quoted, book)
            self.later = np.concatenate((self.later, mids))

    def snapshot(self) -> dict[str, Any]:
        """Waiting trades, their later mids so far and the last quote, for JSON."""
        held = {name: _saved(getattr(self, name)) for name in ("waiting", "quoted")}
        return {**held, "later": plain(self.later)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.later = array(saved["later"])
        for name, kind in (("waiting", SignedTrades), ("quoted", Quoted)):
            first, *rest = saved[name]
            setattr(self, name, kind(np.array(first, np.int64), *map(array, rest)))


def _joined(held: T, new: T) -> T:
    pairs = ((getattr(held, name), getattr(new, name)) for name in held.__slots__)
    return type(held)(*(np.concatenate(pair) for pair in pairs))


def _saved(columns: SignedTrades | Quoted) -> list[list[Any]]:
    first, *rest = (getattr(columns, name) for name in columns.__slots__)
    return [first.tolist(), *map(plain, rest)]


def _weighted(values: Floats, size: Floats, bar: Ints, count: int) -> Floats:
    usable = np.isfinite(values)
    weights, at = size[usable], bar[usable]
    return divide(segment_sums(values[usable] * weights, at, count), segment_sums(weights, at, count))
