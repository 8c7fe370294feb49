import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.liquidity import build_liquidity_features
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    CONFIG,
    ES,
    SECOND,
    bars_of,
    known_by,
    random_book,
    random_cuts,
    random_records,
    random_ticks,
    ticks,
    window,
)
from zanzibar_assets_tests.builders.orderflow import fitted_models

W = window(hours=6)
OPEN = W.open_us
MINUTE = 60 * SECOND
NO_BOOK = empty("clean_dom")
MODELS = fitted_models()
BOOK_COLUMNS = ("ofi_l1", "ofi_norm", "mlofi", "queue_imbalance", "weighted_mid", "spread_ticks", "bid_depth")


def liquidity_of(frame, dom, within=W, instrument=ES, models=MODELS):
    bars = bars_of(frame, within, instrument)
    return build_liquidity_features(frame, dom, bars, models, instrument, CONFIG)


def test_a_full_session_conforms_and_fills_every_column():
    got = liquidity_of(random_ticks(1, 6_000, W), random_book(2, 20_000, W))
    assert_conforms("liquidity_features", got)
    for name in got.columns:
        assert got[name].drop_nulls().len() > 0 or name == "fit_reason", name


def test_prefix_invariance_of_ticks_and_book_together():
    frame, dom = random_ticks(3, 3_000, W), random_book(4, 4_000, W)
    whole = liquidity_of(frame, dom)
    assert_prefix(
        whole, lambda cut: liquidity_of(known_by(frame, cut), known_by(dom, cut)), random_cuts(5, W, 60)
    )


def test_later_values_do_not_reach_back():
    """The same as the prefix law with the future replaced by other data instead of cut off."""
    frame, dom = random_ticks(6, 2_000, W), random_book(7, 2_000, W)
    other, other_dom = random_ticks(8, 2_000, W, base=25_000), random_book(9, 2_000, W, base=25_000)
    whole = liquidity_of(frame, dom)
    for cut in random_cuts(10, W, 40):
        later = pl.col("known_at").dt.timestamp("us") > cut
        mixed = pl.concat([known_by(frame, cut), other.filter(later)])
        mixed_dom = pl.concat([known_by(dom, cut), other_dom.filter(later)])
        assert_frame_equal(known_by(liquidity_of(mixed, mixed_dom), cut), known_by(whole, cut))


def test_without_depth_the_book_columns_are_null():
    got = liquidity_of(random_ticks(13, 2_000, W, quoted=False), NO_BOOK)
    assert_conforms("liquidity_features", got)
    for name in (*BOOK_COLUMNS, "effective_spread_ticks"):
        assert got[name].null_count() == got.height, name
    assert got["vpin"].drop_nulls().len() > 0


def test_without_sides_the_signed_columns_are_null():
    frame = random_ticks(14, 2_000, W).with_columns(side=pl.lit(0, dtype=pl.Int8))
    got = liquidity_of(frame, NO_BOOK)
    for name in ("delta", "cvd", "trade_imbalance", "vpin", "kyle_lambda", "effective_spread_ticks"):
        assert got[name].null_count() == got.height, name
    assert got["signed_share"].drop_nulls().unique().to_list() == [0.0]
    assert got["amihud"].drop_nulls().len() > 0


def test_cumulative_delta_starts_afresh_at_the_open():
    frame = ticks([OPEN - MINUTE, OPEN, OPEN + MINUTE], [1, 1, 1], [7, 5, 2], [1, 1, -1])
    got = liquidity_of(frame, NO_BOOK)
    assert got["cvd"].to_list() == [7, 5, 3]
    assert got["delta"].to_list() == [7, 5, -2]


def test_stacked_imbalances_are_counted_per_bar():
    # bar 1: 6 lots bought at 100, 101, 102 with nothing sold: one stack; bar 2: the same sold
    stamps = [OPEN, OPEN + 1, OPEN + 2, OPEN + MINUTE, OPEN + MINUTE + 1, OPEN + MINUTE + 2]
    frame = ticks(stamps, [100, 101, 102] * 2, [6] * 6, [1, 1, 1, -1, -1, -1])
    got = liquidity_of(frame, NO_BOOK)
    assert got["stacked_buy"].to_list() == [1, 0]
    assert got["stacked_sell"].to_list() == [0, 1]


def test_bar_records_use_their_own_volumes_and_have_no_footprint():
    records = random_records(15, 300, W)
    got = liquidity_of(records, NO_BOOK, instrument=BTC_BARS)
    assert_conforms("liquidity_features", got)
    assert got["stacked_buy"].null_count() == got.height
    expected = records["ask_volume"] - records["bid_volume"]
    assert np.allclose(got["delta"].to_numpy(), expected.to_numpy())
    assert got["kyle_lambda"].drop_nulls().len() > 0


@pytest.mark.parametrize("trades", [1, 2, 6])
def test_tiny_sessions(trades):
    frame = ticks(OPEN + np.arange(trades) * MINUTE, [100] * trades, [1] * trades, [1] * trades)
    for dom in (NO_BOOK, random_book(16, 3, W)):
        got = liquidity_of(frame, dom)
        assert got.height == trades
        assert_conforms("liquidity_features", got)


def test_empty_in_typed_empty_out():
    expected = empty("liquidity_features")
    assert_frame_equal(liquidity_of(empty("clean_ticks"), random_book(17, 50, W)), expected)
    assert_frame_equal(liquidity_of(empty("clean_ticks"), NO_BOOK), expected)
