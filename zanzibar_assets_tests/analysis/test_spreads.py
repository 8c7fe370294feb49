import numpy as np
import pytest

from zanzibar_assets.analysis._records import load_records
from zanzibar_assets.analysis.book import load_book
from zanzibar_assets.analysis.spreads import HORIZON_SECONDS, SpreadStage
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.builders.market import SECOND, book, ticks, window

OPEN = window().open_us
MINUTE = 60 * SECOND
NO_BOOK = load_book(empty("clean_dom"))


def spreads(dom, stamps, size, side, price, bars=3, **more):
    records = load_records(ticks(np.array(stamps), price, size, side, **more)).traded()
    opens = OPEN + np.arange(bars) * MINUTE
    return SpreadStage().feed(records, dom, opens, opens + MINUTE)


def test_effective_spread_from_the_recorded_quote():
    # mid 101: both signed trades pay 2 ticks, the unsigned one does not count
    stamps = [OPEN, OPEN + 1, OPEN + MINUTE]
    quotes = ([100, 100, 100], [102, 102, 102])
    got = spreads(NO_BOOK, stamps, [1, 3, 5], [1, -1, 0], [102, 100, 101], quotes=quotes)
    assert got["effective_spread_ticks"][0] == 2.0
    assert np.isnan(got["effective_spread_ticks"][1:]).all()


def test_effective_spread_from_the_book_strictly_before_the_trade():
    dom = load_book(book([OPEN, OPEN + SECOND], [[100], [104]], [[1], [1]], [[102], [106]], [[1], [1]]))
    # the first trade has no book before it; at the second's own instant the book already moved away
    got = spreads(dom, [OPEN, OPEN + SECOND], [1, 1], [1, 1], [103, 103])
    assert got["effective_spread_ticks"][0] == 2 * (103 - 101)


def test_realized_spread_and_impact_stand_on_the_bar_in_which_they_become_known():
    # a buy at 102 of a 100/102 book (mid 101); a minute later the mid is 104
    stamps = [OPEN, OPEN + MINUTE, OPEN + 2 * MINUTE]
    dom = load_book(book(stamps, [[100], [103], [90]], [[1]] * 3, [[102], [105], [92]], [[1]] * 3))
    got = spreads(dom, [OPEN + 1], [2], [1], [102])
    assert got["effective_spread_ticks"][0] == 2.0
    assert np.isnan(got["realized_spread_ticks"][[0, 2]]).all()
    assert got["realized_spread_ticks"][1] == 2 * (102 - 104)
    assert got["price_impact_ticks"][1] == 2 * (104 - 101)


def test_what_the_horizon_leads_out_of_the_session_is_left_out():
    dom = load_book(book([OPEN], [[100]], [[1]], [[102]], [[1]]))
    got = spreads(dom, [OPEN + MINUTE + 1], [2], [1], [102], bars=2)
    assert got["effective_spread_ticks"][1] == 2.0
    assert np.isnan(got["realized_spread_ticks"]).all()


@pytest.mark.parametrize("seed", range(10))
def test_effective_is_realized_plus_impact(seed):
    rng = np.random.default_rng(seed)
    n, bars = 200, 60
    stamps = OPEN + np.sort(rng.integers(1, 59 * MINUTE, n))
    bid = 100 + np.cumsum(rng.integers(-1, 2, 400))
    known = OPEN + np.arange(400) * 9 * SECOND
    dom = load_book(book(known, bid[:, None].tolist(), [[1]] * 400, (bid + 2)[:, None].tolist(), [[1]] * 400))
    side, size = rng.choice([-1, 1], n), rng.integers(1, 9, n)
    price = 100 + rng.integers(-5, 6, n)
    got = spreads(dom, stamps, size, side, price, bars=bars)
    # the same trades one by one: their bar is that of the horizon's end
    paid, weight = np.zeros(bars), np.zeros(bars)
    for at, s, lots, p in zip(stamps, side, size, price, strict=True):
        end = at + HORIZON_SECONDS * SECOND
        before, row = (
            np.flatnonzero(known < at)[-1],
            int(np.searchsorted(OPEN + np.arange(1, bars + 1) * MINUTE, end)),
        )
        if row < bars:
            paid[row] += lots * 2 * s * (p - bid[before] - 1)
            weight[row] += lots
    total = got["realized_spread_ticks"] + got["price_impact_ticks"]
    there = weight > 0
    assert np.isnan(total[~there]).all()
    assert total[there] == pytest.approx(paid[there] / weight[there])
