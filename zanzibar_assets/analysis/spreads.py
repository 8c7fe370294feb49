"""Spreads that trades paid: effective at once, realized and price impact a minute later.

With m the mid before a trade and m' the mid a horizon after it: effective 2 s (p - m), realized
2 s (p - m'), impact 2 s (m' - m); s is the aggressor. The realized parts are known at trade time plus
horizon, so they stand on the bar that holds that instant, not on the bar of the trade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Bools, Floats, Ints, Records, segment_sums
from zanzibar_assets.analysis.book import Book, rows_known
from zanzibar_assets.analysis.rolling import divide
from zanzibar_assets.vocabulary import US_PER_SECOND

HORIZON_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SignedTrades:
    """Signed trades with the mid before them and, where it can be told, the mid a horizon later (ticks)."""

    ts_us: Ints
    side: Floats
    price: Floats
    size: Floats
    mid: Floats
    later: Floats


def signed_trades(records: Records, book: Book) -> SignedTrades:
    """Signed trades of the records and their mids.

    The mid before is that of the quote written beside the trade, else of the last sound book known
    strictly before it; the later one is of the last sound book known by then, else of the last quote
    written beside a trade. NaN where none is, or only one older than five minutes.
    """
    side = np.sign(records.buy - records.sell)
    own = records.where((side != 0) & ~records.is_bar)
    quoted = records.where((records.ask_ticks > records.bid_ticks) & ~records.is_bar)
    written = np.where(own.ask_ticks > own.bid_ticks, (own.bid_ticks + own.ask_ticks) / 2.0, np.nan)
    later_us = own.ts_us + HORIZON_SECONDS * US_PER_SECOND
    before = _book_mid(book, own.ts_us, strictly=True)
    later = _book_mid(book, later_us, strictly=False)
    return SignedTrades(
        own.ts_us,
        np.sign(own.buy - own.sell),
        own.price_ticks,
        own.size,
        np.where(np.isfinite(written), written, before),
        np.where(np.isfinite(later), later, _written_mid(quoted, later_us)),
    )


def _book_mid(book: Book, at_us: Ints, *, strictly: bool) -> Floats:
    if len(book) == 0:
        return np.full(len(at_us), np.nan)
    row, live = rows_known(book.known_us, at_us, strictly=strictly)
    best = book.level(1)
    return _kept((best.bid[row] + best.ask[row]) / 2.0, live & book.sound[row])


def _written_mid(quoted: Records, at_us: Ints) -> Floats:
    if len(quoted) == 0:
        return np.full(len(at_us), np.nan)
    row, live = rows_known(quoted.known_us, at_us, strictly=False)
    return _kept((quoted.bid_ticks[row] + quoted.ask_ticks[row]) / 2.0, live)


def _kept(values: Floats, usable: Bools) -> Floats:
    return np.where(usable, values, np.nan)


def spread_features(trades: SignedTrades, opens_us: Ints, closes_us: Ints) -> dict[str, Floats]:
    """Volume-weighted spreads per bar in ticks; NaN without a trade that has its mids.

    ``effective_spread_ticks`` of the bar's trades; ``realized_spread_ticks`` and ``price_impact_ticks`` of
    the trades whose horizon ended since the bar before (known at this bar's close).
    """
    count = len(closes_us)
    bar = np.searchsorted(opens_us, trades.ts_us, side="right") - 1
    effective = 2.0 * trades.side * (trades.price - trades.mid)
    known = np.searchsorted(closes_us, trades.ts_us + HORIZON_SECONDS * US_PER_SECOND, side="left")
    realized = np.where(known < count, 2.0 * trades.side * (trades.price - trades.later), np.nan)
    impact = np.where(known < count, 2.0 * trades.side * (trades.later - trades.mid), np.nan)
    return {
        "effective_spread_ticks": _weighted(effective, trades.size, bar, count),
        "realized_spread_ticks": _weighted(realized, trades.size, known, count),
        "price_impact_ticks": _weighted(impact, trades.size, known, count),
    }


def _weighted(values: Floats, size: Floats, bar: Ints, count: int) -> Floats:
    usable = np.isfinite(values)
    weights, at = size[usable], bar[usable]
    return divide(segment_sums(values[usable] * weights, at, count), segment_sums(weights, at, count))
