"""Trades joined to the book that stood before them."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.ingestion import scid
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.ingestion.depth import read_depth
from zanzibar_assets.ingestion.sources import find_sources, select_slices
from zanzibar_assets.ingestion.trade_book import join_book, outside_share
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders import market
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

T0 = market.window().open_us


def book_at(*rows):
    """CleanDom of (us after the open, bid, ask)."""
    stamps = T0 + np.array([row[0] for row in rows])
    bids, asks = ([[row[side]] for row in rows] for side in (1, 2))
    return market.book(stamps, bids, [[5.0]] * len(rows), asks, [[6.0]] * len(rows))


def trade_at(*rows):
    """CleanTicks of (us after the open, price, side)."""
    stamps, prices, sides = (np.array(column) for column in zip(*rows, strict=True))
    return market.ticks(T0 + stamps, prices, np.ones(len(rows)), sides)


BOOK = book_at((1_000, 100, 101), (4_999, 102, 103), (5_000, 104, 105), (5_400, 106, 107))


@pytest.mark.parametrize(
    ("stamp", "bid"),
    [(1_000, None), (1_999, None), (2_000, 100), (5_000, 102), (5_003, 102), (5_999, 102), (6_000, 106)],
)
def test_the_book_is_the_last_one_strictly_before_the_trades_millisecond(stamp, bid):
    assert join_book(trade_at((stamp, 100, 1)), BOOK)["bid_ticks"].to_list() == [bid]


def test_outside_is_beyond_the_best_prices_and_a_sweep_beyond_in_its_own_direction():
    rows = [(9_000, price, side) for price, side in ((106, -1), (107, 1), (108, 1), (105, -1), (108, -1))]
    joined = join_book(trade_at(*rows), BOOK)
    assert joined["outside_book"].to_list() == [False, False, True, True, True]
    found = outside_share(trade_at(*rows), BOOK)
    assert (found.trades, found.joined, found.outside_book, found.swept) == (5, 5, 3, 2)
    assert found.outside_book_pct == 60.0


def test_a_crossed_a_one_sided_and_a_stale_book_say_nothing():
    crossed = book_at((1_000, 103, 101)).with_columns(book_state=pl.lit("crossed"))
    trades = trade_at((9_000, 100, 1))
    assert join_book(trades, crossed).select("bid_ticks", "outside_book").row(0) == (103, None)
    late = trade_at((300_001_001, 100, 1))
    assert join_book(late, book_at((1_000, 100, 101))).select("bid_ticks", "book_state").row(0) == (
        None,
        None,
    )
    for ticks, dom in ((trades, crossed), (late, book_at((1_000, 100, 101)))):
        found = outside_share(ticks, dom)
        assert (found.trades, found.joined, found.outside_book_pct) == (1, 0, None)


def test_empty_frames_have_no_percentages():
    for ticks, dom in ((empty("clean_ticks"), BOOK), (trade_at((1_000, 5, 0)), empty("clean_dom"))):
        found = outside_share(ticks, dom)
        assert (found.joined, found.outside_book_pct, found.outside_quote_pct) == (0, None, None)


moments = st.lists(st.integers(0, 9_000), min_size=1, max_size=25).map(sorted)


@given(moments, moments, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_join_equals_a_search_from_the_end_and_a_prefix_equals_the_whole(trades, books, rng):
    ticks = trade_at(*((t, rng.randint(98, 104), rng.choice([-1, 0, 1])) for t in trades))
    dom = book_at(*((t, (bid := rng.randint(98, 102)), bid + rng.randint(0, 2)) for t in books))
    joined = join_book(ticks, dom)
    rows = list(zip(books, dom["bid_ticks_1"], dom["ask_ticks_1"], strict=True))
    for stamp, price, got in zip(trades, ticks["price_ticks"], joined.iter_rows(named=True), strict=True):
        before = [row for row in rows if row[0] < stamp // 1_000 * 1_000]  # the open is a whole millisecond
        _, bid, ask = before[-1] if before else (None, None, None)
        assert (got["bid_ticks"], got["ask_ticks"]) == (bid, ask)
        assert got["outside_book"] == (None if bid is None else not bid <= price <= ask)
    cut = T0 + rng.randint(0, 9_000)
    known = join_book(market.known_by(ticks, cut), market.known_by(dom, cut))
    assert known.equals(market.known_by(joined, cut))


@needs_real_data
@pytest.mark.parametrize(
    ("instrument_id", "day", "trades", "joined", "outside_book", "outside_quote"),
    [("ES", "2023-12-26", 6_171, 6_170, 317, 287), ("BTCUSDT", "2024-08-08", 21_313, 21_309, 11_039, 9_594)],
)
def test_shares_of_the_real_sessions(instrument_id, day, trades, joined, outside_book, outside_quote):
    instrument = load_instruments()[instrument_id]
    chosen = select_slices(find_sources(FOLDER, [instrument]), instrument, day)
    window = session_window(instrument, day)
    found = outside_share(
        clean_ticks(scid.read_ticks(chosen.ticks, instrument), instrument, window).clean,
        clean_dom(read_depth(chosen.depth, instrument), instrument, window).clean,
    )
    assert (found.trades, found.joined) == (trades, joined)
    assert (found.outside_book, found.outside_quote) == (outside_book, outside_quote)
