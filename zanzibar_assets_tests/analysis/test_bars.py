import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    ES,
    SECOND,
    bars_of,
    known_by,
    random_cuts,
    random_records,
    random_ticks,
    ticks,
    window,
)
from zanzibar_assets_tests.reference import order_flow as slow

W = window()
OPEN = W.open_us
MINUTE = 60 * SECOND


def test_a_hand_worked_minute():
    frame = ticks(
        [OPEN + 5 * SECOND, OPEN + 9 * SECOND, OPEN + 59 * SECOND, OPEN + MINUTE],
        [100, 104, 98, 99],
        [2, 1, 3, 7],
        [1, -1, 0, 1],
    )
    first, second = bars_of(frame, W).to_dicts()
    assert [first[f"{n}_ticks"] for n in ("open", "high", "low", "close")] == [100, 104, 98, 98]
    assert (first["volume"], first["bid_volume"], first["ask_volume"], first["delta"]) == (6, 1, 2, 1)
    assert first["vwap"] == pytest.approx((200 + 104 + 294) / 6 * 0.25)
    assert first["close"] == 24.5
    assert first["trades"] == 3
    # the trade at 00:01:00 opens the next bar
    assert (second["open_ticks"], second["volume"]) == (99, 7)
    assert (second["known_at"] - second["event_ts"]).total_seconds() == 60


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 300), st.sampled_from([0.05, 1.0, 20.0]))
def test_equals_the_slow_reference(seed, n, hours):
    within = window(hours=hours)
    frame = random_ticks(seed, n, within)
    got = bars_of(frame, within)
    rows = frame.select(pl.col("event_ts").dt.timestamp("us"), "price_ticks", "size", "side").rows()
    expected = slow.bars(rows, MINUTE)
    assert got["event_ts"].dt.timestamp("us").to_list() == list(expected)
    columns = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume", "bid_volume", "ask_volume")
    assert got.select(columns).rows() == [tuple(bar) for bar in expected.values()]
    assert_conforms("bars", got)


def test_nothing_is_lost_between_ticks_and_bars():
    frame = random_ticks(3, 5_000, W)
    bars = bars_of(frame, W)
    assert bars["volume"].sum() == frame["size"].sum()
    assert bars["trades"].sum() == frame["trades"].sum()
    assert bars["delta"].sum() == (frame["size"] * frame["side"]).sum()


def test_prefix_invariance():
    frame = random_ticks(4, 2_000, W)
    assert_prefix(bars_of(frame, W), lambda cut: bars_of(known_by(frame, cut), W), random_cuts(5, W, 60))


def test_quotes_do_not_count_and_zero_size_prints_move_the_range_only():
    trades = ticks([OPEN, OPEN + 1], [100, 150], [4, 0], [1, 1])
    quote = ticks([OPEN + 2], [900], [0], kind="quote")
    (bar,) = bars_of(pl.concat([trades, quote]), W).to_dicts()
    assert (bar["high_ticks"], bar["close_ticks"], bar["volume"], bar["vwap"]) == (150, 150, 4, 25.0)


def test_a_bar_of_zero_size_prints_has_no_vwap():
    (bar,) = bars_of(ticks([OPEN], [100], [0]), W).to_dicts()
    assert (bar["close_ticks"], bar["volume"], bar["vwap"]) == (100, 0.0, None)


def test_vwap_keeps_its_digits_at_prices_of_1e8():
    price = [400_000_000, 400_000_001]
    (bar,) = bars_of(ticks([OPEN, OPEN + 1], price, [1, 3]), W).to_dicts()
    assert bar["vwap"] == 100_000_000.1875


def test_pre_open_bars_say_so():
    bars = bars_of(ticks([OPEN - MINUTE, OPEN], [100, 101], [1, 1]), W)
    assert bars["session_state"].to_list() == ["pre_open", "open"]


def test_bar_records_of_the_bar_length_pass_through():
    records = random_records(1, 200, W)
    bars = build_bars(records, BTC_BARS, W)
    assert_conforms("bars", bars)
    assert bars["basis"].unique().to_list() == ["bar_records"]
    same = ["event_ts", "known_at", "open_ticks", "high_ticks", "low_ticks", "bid_volume", "ask_volume"]
    assert_frame_equal(bars.select(same), records.select(same))
    assert bars["close_ticks"].to_list() == records["price_ticks"].to_list()
    assert_prefix(bars, lambda cut: build_bars(known_by(records, cut), BTC_BARS, W), random_cuts(6, W, 30))


def test_shorter_bar_records_are_joined():
    records = random_records(2, 12, W, seconds=10)
    bars = build_bars(records, BTC_BARS, W)
    assert bars.height == 2
    assert bars["high_ticks"][0] == records["high_ticks"][:6].max()
    assert bars["open_ticks"][1] == records["open_ticks"][6]
    assert bars["volume"].sum() == records["size"].sum()


def test_a_record_off_the_grid_is_known_at_its_own_end():
    records = random_records(2, 1, W)
    moved = records.with_columns(pl.col("event_ts", "known_at") + pl.duration(seconds=30))
    (bar,) = build_bars(moved, BTC_BARS, W).to_dicts()
    assert (bar["known_at"] - bar["event_ts"]).total_seconds() == 90


def test_longer_bar_records_are_refused():
    with pytest.raises(ContractError, match=r"longer than its bars.*got: 300 s"):
        build_bars(random_records(1, 5, W, seconds=300), BTC_BARS, W)


@pytest.mark.parametrize("stamp", [W.starts_us - 1, W.close_us])
def test_rows_of_another_session_are_refused(stamp):
    with pytest.raises(ContractError, match="outside session"):
        bars_of(ticks([stamp], [100], [1]), W)


def test_empty_in_typed_empty_out():
    assert_frame_equal(bars_of(empty("clean_ticks"), W), empty("bars"))
    only_quotes = ticks([OPEN], [1], [0], kind="quote")
    assert_frame_equal(bars_of(only_quotes, W), empty("bars"))


def test_the_grid_is_utc_whatever_the_open():
    late = OPEN + 17 * SECOND
    bars = bars_of(ticks([late], [100], [1]), W)
    assert np.int64(bars["event_ts"].dt.timestamp("us")[0]) % MINUTE == 0
    assert ES.bar_seconds == bars["bar_seconds"][0]
