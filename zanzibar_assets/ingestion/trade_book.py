"""Trades joined to the book: what stood at the best bid and ask just before each trade.

Rule: the last batch stamped strictly before the trade's millisecond. Sierra's ``.scid`` stamps are
whole milliseconds plus a uniqueness counter, so their last three digits are no time and must not be
compared with the microseconds of a depth stamp; and a batch within the trade's own millisecond may
already hold the trade's effect. Measured on real files, the share of trades outside the best bid and
ask, of joined quotes equal to the trade record's own, and of aggressor sides that agree with the touch:

=========================== ===================== ========================
last batch                  ES, 2023-12-26        BTCUSDT, 2024-08-08
=========================== ===================== ========================
before the millisecond      5.14 / 94.55 / 95.22  51.80 / 68.58 / 95.44
before the stamp            5.14 / 94.57 / 95.24  50.59 / 66.17 / 94.00
at or before the stamp      5.14 / 94.54 / 95.22  50.46 / 66.25 / 94.00
up to the millisecond's end 0.76 / 47.40 / 50.99  50.46 / 66.25 / 94.00
=========================== ===================== ========================

The last line shows what a look ahead does: fewer trades outside, but half of the quotes are those
that the trade left behind. BTCUSDT depth comes ten times a second, its trades at any time: half of
them lie outside a book that is up to 100 ms old, and no rule mends that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.vocabulary import BookState, RecordKind

MILLISECOND_US = 1_000
MAX_BOOK_AGE_US = 300_000_000
"""Age at which a book no longer speaks for the market, as in the order-flow features."""
_NO_TRADE = (RecordKind.BAR.value, RecordKind.QUOTE.value)
_SOUND = (BookState.NORMAL.value, BookState.LOCKED.value)


@dataclass(frozen=True, slots=True)
class OutsideShare:
    """How many of a session's trades lie outside the best bid and ask.

    ``trades`` have volume and are no bar records; ``joined`` found a two-sided, uncrossed book at most
    five minutes old. ``outside_book`` counts joined trades outside that book, ``outside_quote`` trades
    outside the quote in their own record (``quoted`` have one). ``swept`` are those of
    ``outside_book`` beyond the touch in the aggressor's direction: what a sweep through several levels
    leaves. Percentages are None where nothing is joined, or no record carries a quote.
    """

    trades: int
    joined: int
    quoted: int
    outside_book: int
    outside_quote: int
    swept: int

    @property
    def outside_book_pct(self) -> float | None:
        """Percent of the joined trades outside the book."""
        return 100.0 * self.outside_book / self.joined if self.joined else None

    @property
    def outside_quote_pct(self) -> float | None:
        """Percent of the quoted trades outside their own record's quote."""
        return 100.0 * self.outside_quote / self.quoted if self.quoted else None


def join_book(
    clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame, max_age_us: int = MAX_BOOK_AGE_US
) -> pl.DataFrame:
    """One row a trade of CleanTicks with the book of CleanDom that stood before it.

    Columns ``event_ts, known_at, seq, price_ticks, size, side, outside_quote`` of the trade (bar
    records, quotes and rows without volume are left out), then ``book_known_at, bid_ticks, bid_size,
    ask_ticks, ask_size, book_state`` (null where no book at most ``max_age_us`` old is known) and
    ``outside_book``: null unless that book is two-sided and not crossed. Both frames are one session
    of one instrument, ordered by ``known_at`` as their contracts say.
    """
    trades = clean_ticks.filter((pl.col("size") > 0) & ~pl.col("kind").is_in(_NO_TRADE)).select(
        "event_ts", "known_at", "seq", "price_ticks", "size", "side", "outside_quote"
    )
    row = _book_rows(
        trades["event_ts"].to_physical().to_numpy(),
        clean_dom["known_at"].to_physical().to_numpy(),
        max_age_us,
    )
    book = clean_dom.select(
        pl.col("known_at").alias("book_known_at"),
        pl.col("bid_ticks_1").alias("bid_ticks"),
        pl.col("bid_size_1").alias("bid_size"),
        pl.col("ask_ticks_1").alias("ask_ticks"),
        pl.col("ask_size_1").alias("ask_size"),
        "book_state",
    )
    at = pl.DataFrame({"row": row}).select(pl.when(pl.col("row") >= 0).then(pl.col("row")))["row"]
    joined = trades.hstack(book.select(pl.all().gather(at)) if book.height else _no_book(book, trades.height))
    price, sound = pl.col("price_ticks"), pl.col("book_state").is_in(_SOUND)
    outside = (price < pl.col("bid_ticks")) | (price > pl.col("ask_ticks"))
    return joined.with_columns(outside_book=pl.when(sound).then(outside))


def _book_rows(
    stamps_us: NDArray[np.int64], books_us: NDArray[np.int64], max_age_us: int
) -> NDArray[np.int64]:
    """Last book row stamped before each trade's millisecond; -1 where none is recent enough."""
    before = stamps_us - stamps_us % MILLISECOND_US
    row = np.searchsorted(books_us, before, side="left") - 1
    if len(books_us):
        row = np.where(stamps_us - books_us[np.maximum(row, 0)] <= max_age_us, row, -1)
    return row.astype(np.int64)


def _no_book(book: pl.DataFrame, count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {name: pl.repeat(None, count, dtype=kind, eager=True) for name, kind in book.schema.items()}
    )


def outside_share(clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame) -> OutsideShare:
    """The session's figures from CleanTicks and CleanDom; either frame may be empty."""
    joined = join_book(clean_ticks, clean_dom)
    side = pl.col("side").cast(pl.Int64)
    beyond = ((side > 0) & (pl.col("price_ticks") > pl.col("ask_ticks"))) | (
        (side < 0) & (pl.col("price_ticks") < pl.col("bid_ticks"))
    )
    found = joined.select(
        joined=pl.col("outside_book").is_not_null().sum(),
        quoted=pl.col("outside_quote").is_not_null().sum(),
        outside_book=pl.col("outside_book").sum(),
        outside_quote=pl.col("outside_quote").sum(),
        swept=(pl.col("outside_book") & beyond).sum(),
    ).row(0)
    return OutsideShare(joined.height, *(int(value) for value in found))
