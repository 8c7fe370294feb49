import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis._records import load_records
from zanzibar_assets.analysis.profile import build_volume_profile, developing_profile, price_rows, value_area
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets_tests.analysis.laws import assert_conforms
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    CONFIG,
    ES,
    random_records,
    random_ticks,
    ticks,
    window,
)
from zanzibar_assets_tests.reference import order_flow as slow
from zanzibar_assets_tests.reference.order_flow_cases import VALUE_AREA_POC_TIE, VALUE_AREA_TWO_ROWS

W = window()
OPEN = W.open_us


def profile_of(rows):
    """CleanTicks with one trade a price."""
    return ticks(OPEN + np.arange(len(rows)), [p for p, _ in rows], [v for _, v in rows])


@pytest.mark.parametrize("case", [VALUE_AREA_TWO_ROWS, VALUE_AREA_POC_TIE])
def test_worked_cases(case):
    rows, (poc, vah, val, inside, total) = case
    low = rows[0][0]
    got = value_area(np.array([v for _, v in rows], dtype=float), 70.0)
    assert (got.poc + low, got.vah + low, got.val + low) == (poc, vah, val)
    assert (got.volume_inside, got.volume_total) == (inside, total)
    built = build_volume_profile(profile_of(rows), ES, CONFIG)
    assert built.filter("is_poc")["price_ticks"].to_list() == [poc]
    area = built.filter("in_value_area")
    assert (area["price_ticks"].min(), area["price_ticks"].max()) == (val, vah)
    assert (area["volume"].sum(), built["volume"].sum()) == (inside, total)


def test_row_by_row_takes_one_price_at_a_time():
    # target 7 of 10: POC row 1 (4); above 3 >= below 1: 7
    assert value_area(np.array([1.0, 4.0, 3.0, 2.0]), 70.0, rows=1)[:3] == (1, 2, 1)


def test_ties_of_the_pairs_go_up():
    assert value_area(np.array([2.0, 2.0, 10.0, 2.0, 2.0]), 70.0)[:3] == (2, 4, 2)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), min_size=1, max_size=60),
    st.sampled_from([1.0, 50.0, 70.0, 100.0]),
    st.data(),
)
def test_kernel_and_python_form_equal_the_slow_reference(trades, pct, data):
    ends = [*sorted(data.draw(st.lists(st.integers(0, len(trades)), max_size=5))), len(trades)]
    records = load_records(profile_of(trades))
    got = developing_profile(records, np.array(ends), pct)
    for end, found in zip(ends, got.tolist(), strict=True):
        if end == 0:
            assert found == [np.iinfo(np.int64).min] * 3
        else:
            assert tuple(found) == slow.profile(trades[:end], pct)
    rows, low = price_rows(records)
    volume = np.bincount(rows, weights=records.size)
    assert tuple(row + low for row in value_area(volume, pct)[:3]) == slow.profile(trades, pct)
    assert tuple(row + low for row in value_area(volume, pct, 1)[:3]) == slow.profile(trades, pct, rows=1)


def test_empty_prices_inside_the_range_are_kept_and_nothing_is_lost():
    frame = random_ticks(1, 800, W)
    built = build_volume_profile(frame, ES, CONFIG)
    assert_conforms("volume_profile", built)
    since_open = frame.filter(pl.col("session_state") != "pre_open", pl.col("size") > 0)
    prices = built["price_ticks"].to_list()
    assert prices == list(range(since_open["price_ticks"].min(), since_open["price_ticks"].max() + 1))
    assert built["volume"].sum() == since_open["size"].sum()
    assert built["bid_volume"].sum() == since_open.filter(pl.col("side") < 0)["size"].sum()
    assert built["known_at"].unique().to_list() == [since_open["known_at"][-1]]
    assert built["event_ts"].unique().to_list() == [since_open["event_ts"][0]]
    share = built.filter("in_value_area")["volume"].sum() / built["volume"].sum()
    assert share >= 0.7


def test_shifting_all_prices_shifts_the_levels():
    frame = random_ticks(2, 500, W)
    moved = frame.with_columns(pl.col("price_ticks") + 77)
    a, b = (build_volume_profile(f, ES, CONFIG) for f in (frame, moved))
    assert_frame_equal(a.drop("price", "price_ticks"), b.drop("price", "price_ticks"))
    assert (b["price_ticks"] - a["price_ticks"]).unique().to_list() == [77]


def test_bar_records_stand_at_their_typical_price():
    nothing = np.array([0.0])
    record = ticks([OPEN], [110], [9], records=([100], [114], [98], nothing, nothing, 60))
    built = build_volume_profile(record, BTC_BARS, CONFIG)
    assert built["price_ticks"].to_list() == [107]  # (114 + 98 + 110) / 3 = 107.33
    many = build_volume_profile(random_records(3, 300, W), BTC_BARS, CONFIG)
    assert_conforms("volume_profile", many)


def test_no_volume_no_profile():
    assert_frame_equal(build_volume_profile(empty("clean_ticks"), ES, CONFIG), empty("volume_profile"))
    zero = ticks([OPEN], [100], [0])
    assert_frame_equal(build_volume_profile(zero, ES, CONFIG), empty("volume_profile"))
    before = ticks([OPEN - 1], [100], [3])
    assert_frame_equal(build_volume_profile(before, ES, CONFIG), empty("volume_profile"))


def test_an_absurd_range_is_refused():
    with pytest.raises(ContractError, match="span too many ticks"):
        build_volume_profile(ticks([OPEN, OPEN + 1], [1, 10_000_000], [1, 1]), ES, CONFIG)
