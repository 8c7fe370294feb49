import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis.book import last_known, load_book, order_flow, rows_known, rows_of_bars
from zanzibar_assets.analysis.book_features import bar_flow, book_at, flow_features, state_features
from zanzibar_assets.analysis.running import Running
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.builders.market import SECOND, book, window
from zanzibar_assets_tests.reference import order_flow as slow
from zanzibar_assets_tests.reference.order_flow_cases import OFI_EACH_EVENT

OPEN = window().open_us
MINUTE = 60 * SECOND


def book_of(quotes, step_us=SECOND, state=None):
    """One-level book of (bid, bid size, ask, ask size) rows, one a second."""
    stamps = OPEN + np.arange(len(quotes)) * step_us
    columns = [[[row[i]] if row[i] is not None else [] for row in quotes] for i in range(4)]
    return load_book(book(stamps, *columns, state=state))


def flow_of(got, level=1):
    return order_flow(got.level(level), got.joined)


def bar_features(got, opens, closes):
    return flow_features(got, bar_flow(got, opens, closes), closes, Running())


def test_each_kind_of_event():
    quotes, expected = OFI_EACH_EVENT
    got = book_of(quotes)
    assert flow_of(got).tolist() == [0.0, *expected]
    assert not any(flow_of(got, level).any() for level in (2, 3, 4, 5))


def test_mirrored_book_negates_the_flow():
    quotes, expected = OFI_EACH_EVENT
    mirrored = [(-ask, ask_size, -bid, bid_size) for bid, bid_size, ask, ask_size in quotes]
    assert flow_of(book_of(mirrored))[1:].tolist() == [-e for e in expected]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(90, 95), st.integers(1, 9), st.integers(96, 99), st.integers(1, 9)), min_size=2
    )
)
def test_equals_the_slow_reference(quotes):
    assert flow_of(book_of(quotes))[1:].tolist() == slow.order_flow(quotes)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("bBsSaA"), st.integers(1, 5)), max_size=40))
def test_flow_is_the_sum_of_what_was_added_and_taken(events):
    """The stylised book: OFI = bid adds - bid cancels - sells - ask adds + ask cancels + buys."""
    bid, ask, total, quotes = 50, 50, 0, [(100, 50, 101, 50)]
    for kind, size in events:
        bids_side, adds = kind in "bBs", kind in "ba"
        change = size if adds else -size
        if bids_side:
            change = max(change, 1 - bid)
            bid, total = bid + change, total + change
        else:
            change = max(change, 1 - ask)
            ask, total = ask + change, total - change
        quotes.append((100, bid, 101, ask))
    assert flow_of(book_of(quotes)).sum() == total


@pytest.mark.parametrize("state", ["crossed", "one_sided", "empty"])
def test_an_unsound_book_is_not_compared(state):
    quotes = [(100, 5, 101, 5), (103, 7, 101, 5), (103, 9, 104, 5), (103, 10, 104, 5)]
    if state != "crossed":
        quotes[1] = (103, 7, None, None)
    flow = flow_of(book_of(quotes, state=["normal", state, "normal", "normal"]))
    assert flow.tolist() == [0, 0, 0, 1]


def test_nothing_is_read_off_a_gap():
    quotes = [(100, 5, 101, 5), (100, 9, 101, 5)]
    assert flow_of(book_of(quotes, step_us=60 * SECOND))[1] == 4
    assert flow_of(book_of(quotes, step_us=60 * SECOND + 1))[1] == 0


def test_a_level_that_comes_or_goes_adds_nothing_on_its_side():
    frame = book(
        [OPEN, OPEN + 1],
        [[100], [100, 99]],
        [[5], [5, 8]],
        [[101, 102], [101, 102]],
        [[5, 4], [5, 6]],
    )
    assert [flow_of(load_book(frame), level)[1] for level in range(1, 6)] == [0, -2, 0, 0, 0]


def test_an_update_belongs_to_the_bar_that_closes_at_or_after_it():
    opens, closes = np.array([0, 20]), np.array([10, 30])
    starts, ends = rows_of_bars(np.array([0, 1, 10, 11, 20, 21, 30, 31]), opens, closes)
    assert (starts.tolist(), ends.tolist()) == ([1, 5], [3, 7])


def test_rows_known_at_and_strictly_before():
    known = np.array([10, 20, 20, 30])
    at = np.array([5, 10, 20, 25, 30])
    row, live = rows_known(known, at, strictly=True)
    assert (row.tolist(), live.tolist()) == ([0, 0, 0, 2, 2], [False, False, True, True, True])
    assert rows_known(known, at, strictly=False)[0].tolist() == [0, 0, 2, 2, 3]


def test_a_snapshot_starts_the_flow_afresh():
    frame = book([OPEN, OPEN + 1, OPEN + 2], [[100]] * 3, [[5], [9], [12]], [[101]] * 3, [[5]] * 3)
    marked = frame.with_columns(snapshot=pl.Series([True, True, False]))
    assert flow_of(load_book(marked)).tolist() == [0, 0, 3]
    assert flow_of(load_book(frame.drop("snapshot", strict=False))).tolist() == [0, 4, 3]


def test_last_known_is_dropped_when_stale():
    known = np.array([OPEN])
    row, live = last_known(known, np.array([OPEN - 1, OPEN, OPEN + 300 * SECOND, OPEN + 300 * SECOND + 1]))
    assert live.tolist() == [False, True, True, False]
    assert row[1:3].tolist() == [0, 0]


def test_flow_features_per_bar_by_hand():
    # bar 1: +3 then -4; bar 2: nothing; the past depth of bar 2 is the mean of (10+12)/2, (13+12)/2, (9+12)/2
    frame = book(
        [OPEN + 1, OPEN + 2, OPEN + MINUTE],
        [[100], [100], [100]],
        [[10], [13], [9]],
        [[101]] * 3,
        [[12]] * 3,
    )
    opens = np.array([OPEN, OPEN + MINUTE, OPEN + 60 * MINUTE])
    got = bar_features(load_book(frame), opens, opens + MINUTE)
    assert got["ofi_l1"][:2].tolist() == [-1, 0]
    assert np.isnan(got["ofi_norm"][0])
    assert got["ofi_norm"][1] == 0.0
    assert np.isnan(got["ofi_l1"][2])  # the book is an hour old


def test_past_depth_leaves_the_current_bar_out():
    frame = book([OPEN + 1, OPEN + MINUTE + 1], [[100]] * 2, [[10], [40]], [[101]] * 2, [[10], [10]])
    opens = np.array([OPEN, OPEN + MINUTE])
    got = bar_features(load_book(frame), opens, opens + MINUTE)
    assert got["ofi_norm"][1] == 30 / 10


def test_state_at_the_close_by_hand():
    frame = book(
        [OPEN, OPEN + MINUTE, OPEN + MINUTE + 1],
        [[100, 99], [101], [104]],
        [[30, 5], [1], [1]],
        [[102, 103, 104], [103], [103]],
        [[10, 2, 1], [3], [1]],
        state=["normal", "normal", "crossed"],
    )
    closes = np.array([OPEN - 1, OPEN + 5, OPEN + MINUTE, OPEN + 2 * MINUTE])
    got = state_features(book_at(load_book(frame), closes), 0.25)
    assert got["queue_imbalance"][1:3].tolist() == [0.75, 0.25]
    assert got["weighted_mid"][1] == (0.75 * 102 + 0.25 * 100) * 0.25
    assert got["spread_ticks"][1:3].tolist() == [2, 2]
    assert (got["bid_depth"][1], got["ask_depth"][1]) == (35, 13)
    for values in got.values():
        assert np.isnan(values[[0, 3]]).all()  # no book yet; crossed


def test_without_a_book_everything_is_missing():
    nothing = load_book(empty("clean_dom"))
    closes = np.array([OPEN + MINUTE])
    features = bar_features(nothing, closes - MINUTE, closes)
    features |= state_features(book_at(nothing, closes), 0.25)
    assert all(np.isnan(values).all() for values in features.values())
