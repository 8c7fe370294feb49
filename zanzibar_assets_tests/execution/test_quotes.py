"""Quote tapes from books, from trades with and without quotes, and from bars."""

from __future__ import annotations

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.execution.quotes import build_quote_tape, build_quotes
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    ES,
    SECOND,
    bars_of,
    book,
    random_book,
    random_cuts,
    random_records,
    random_ticks,
    ticks,
    window,
)

GOLD = load_instruments()["GC"]
DAY = window()
OPEN = DAY.open_us
DOM, TICKS, BARS = empty("clean_dom"), empty("clean_ticks"), empty("bars")
PRICES = ("bid", "ask", "bid_low", "bid_high")


def shown(frame):
    return frame.select(pl.col("time_us") - OPEN, "bid", "ask", "assumed").rows()


def test_the_best_of_a_normal_book_where_it_changes():
    stamps = [OPEN + k * 1_000 for k in range(5)]
    bids = [[100], [100, 99], [101], [103], [101]]
    asks = [[101], [101], [102], [102], []]
    sizes = ([[1.0] * len(b) for b in bids], [[1.0] * len(a) for a in asks])
    state = ["normal", "normal", "normal", "crossed", "one_sided"]
    dom = book(stamps, bids, sizes[0], asks, sizes[1], state)
    quotes = build_quotes(ES, DAY, dom, TICKS, BARS)
    assert shown(quotes) == [(0, 25.0, 25.25, False), (2_000, 25.25, 25.5, False)]


def test_quotes_recorded_with_trades():
    stamps = [OPEN, OPEN + 1_000, OPEN + 2_000]
    bid, ask = pl.Series([100, 100, None]), pl.Series([101, 102, None])
    quotes = build_quotes(ES, DAY, DOM, ticks(stamps, [100, 101, 101], [1.0] * 3, quotes=(bid, ask)), BARS)
    assert shown(quotes) == [(0, 25.0, 25.25, False), (1_000, 25.0, 25.5, False)]


def test_trades_without_quotes_get_the_declared_spread_and_say_so():
    quotes = build_quotes(ES, DAY, DOM, ticks([OPEN], [20_000], [1.0]), BARS)
    assert shown(quotes) == [(0, 4_999.87, 5_000.13, True)]  # 0.25 around 5000, outward to 0.01


def test_the_spread_is_never_smaller_than_declared():
    for price in range(50_000, 50_040):
        row = build_quotes(GOLD, DAY, DOM, ticks([OPEN], [price], [1.0]), BARS).row(0, named=True)
        assert row["ask"] - row["bid"] >= GOLD.assumed_spread_ticks * GOLD.tick_size - 1e-9
        assert row["bid"] < price * GOLD.tick_size < row["ask"]


def test_bars_give_their_open_and_then_their_path():
    records = random_records(1, 3, DAY)
    bars = bars_of(records, DAY, BTC_BARS)
    quotes = build_quotes(BTC_BARS, DAY, DOM, records, bars)
    assert quotes["assumed"].all()
    bar = bars.row(1, named=True)
    first, path = quotes.filter((pl.col("time_us") - OPEN) // SECOND >= 60).head(2).to_dicts()
    assert first["time_us"] == OPEN + 60 * SECOND
    assert path["time_us"] == OPEN + 120 * SECOND - 1
    assert first["bid_low"] == first["bid_high"] == first["bid"]
    half = BTC_BARS.assumed_spread_ticks * BTC_BARS.tick_size / 2
    assert first["bid"] == pytest.approx(bar["open"] - half, abs=0.011)
    assert path["bid"] == pytest.approx(bar["close"] - half, abs=0.011)
    assert path["bid_low"] == pytest.approx(bar["low"] - half, abs=0.011)
    assert path["bid_high"] == pytest.approx(bar["high"] - half, abs=0.011)


def test_trades_fill_in_outside_the_books_time():
    stamps = [OPEN + k * SECOND for k in range(4)]
    trades = ticks(stamps, [100] * 4, [1.0] * 4, quotes=(pl.Series([90] * 4), pl.Series([91] * 4)))
    dom = book(stamps[1:3], [[100], [101]], [[1.0]] * 2, [[101], [102]], [[1.0]] * 2)
    quotes = build_quotes(ES, DAY, dom, trades, BARS)
    assert quotes["bid"].to_list() == [22.5, 25.0, 25.25, 22.5]


def test_no_source_no_quotes():
    assert build_quotes(ES, DAY, DOM, TICKS, BARS).is_empty()
    assert build_quote_tape(ES, DAY, DOM, TICKS, BARS).symbols == {}


def test_laws_on_random_books_and_trades():
    dom, trades = random_book(3, 2_000, DAY), random_ticks(4, 2_000, DAY)
    for frames in (
        (dom, trades, BARS),
        (DOM, trades, BARS),
        (DOM, random_ticks(5, 500, DAY, quoted=False), BARS),
    ):
        quotes = build_quotes(ES, DAY, *frames)
        assert quotes.height > 100
        assert quotes["time_us"].is_sorted()
        assert (quotes["bid"] < quotes["ask"]).all()
        assert (quotes["bid_low"] <= quotes["bid_high"]).all()
        assert quotes["time_us"].is_between(DAY.starts_us, DAY.close_us, closed="left").all()


def test_a_prefix_of_the_market_gives_a_prefix_of_the_tape():
    trades = random_ticks(7, 1_500, DAY)
    records = random_records(8, 200, DAY)
    bars = bars_of(records, DAY, BTC_BARS)
    whole = build_quotes(ES, DAY, DOM, trades, BARS)
    whole_bars = build_quotes(BTC_BARS, DAY, DOM, records, bars)
    for cut in random_cuts(9, DAY, 20):
        known = pl.col("known_at").dt.timestamp("us") <= cut
        part = build_quotes(ES, DAY, DOM, trades.filter(known), BARS)
        assert part.equals(whole.filter(pl.col("time_us") <= cut))
        part = build_quotes(BTC_BARS, DAY, DOM, records.filter(known), bars.filter(known))
        assert part.equals(whole_bars.head(part.height))
        assert (whole_bars["time_us"][part.height :] > cut - 60 * SECOND).all()
