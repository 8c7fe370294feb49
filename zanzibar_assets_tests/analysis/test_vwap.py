import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.profile import build_volume_profile
from zanzibar_assets.analysis.vwap import build_vwap, merged, segment_moments
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    CONFIG,
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
from zanzibar_assets_tests.reference.order_flow_cases import VWAP_BANDS, VWAP_ZERO_SIZE

W = window()
OPEN = W.open_us
MINUTE = 60 * SECOND


def vwap_of(frame, within=W):
    return build_vwap(frame, bars_of(frame, within), ES, CONFIG)


@pytest.mark.parametrize("case", [VWAP_BANDS, VWAP_ZERO_SIZE])
def test_worked_cases_one_trade_a_bar(case):
    trades, expected = case
    frame = ticks(
        OPEN + np.arange(len(trades)) * MINUTE, [4 * p for p, _ in trades], [v for _, v in trades]
    )  # four ticks a point: prices in points as in the case
    got = vwap_of(frame)
    for row, (mean, sd) in zip(got.to_dicts(), expected, strict=True):
        assert row["vwap"] == pytest.approx(mean, abs=1e-9)
        assert row["sd"] == pytest.approx(sd, abs=1e-9)
        for k in (1, 2):
            assert row[f"upper_{k}"] == pytest.approx(mean + k * sd, abs=1e-9)
            assert row[f"lower_{k}"] == pytest.approx(mean - k * sd, abs=1e-9)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), min_size=1, max_size=80),
    st.sampled_from([0, 100_000_000, 400_000_000_000]),
    st.integers(1, 12),
)
def test_moments_equal_welford_at_any_price_level(trades, level, per_segment):
    traded = [(p + level, v) for p, v in trades if v > 0]
    if not traded:
        return
    index = np.arange(len(traded)) // per_segment
    price, size = (np.array(part, dtype=float) for part in zip(*traded, strict=True))
    count = int(index[-1]) + 1
    running = merged(segment_moments(price, size, index, count, price[0] if len(price) else 0.0))
    reference = slow.welford([(p - level, v) for p, v in traded])  # exact: no offset to lose digits to
    for k in range(count):
        mean, sd = reference[min((k + 1) * per_segment, len(traded)) - 1]
        assert running.mean[k] - level == pytest.approx(mean, abs=1e-12 * level + 1e-9)
        found = math.sqrt(running.squares[k] / running.weight[k])
        assert found == pytest.approx(sd, rel=1e-6, abs=1e-5 if level > 1e9 else 1e-7)


def test_a_sum_of_squares_would_fail_where_the_merge_holds():
    price = 1e8 + np.array([0.0, 1.0, 2.0, 1.0])
    size = np.ones(4)
    naive = (size @ price**2) / 4 - (size @ price / 4) ** 2
    exact = 0.5
    running = merged(segment_moments(price, size, np.array([0, 1, 1, 2]), 3, price[0]))
    assert running.squares[-1] / 4 == pytest.approx(exact, rel=1e-9)
    assert abs(naive - exact) > 0.1


def test_rolling_vwap_is_the_average_of_the_last_sixty_bars():
    frame = random_ticks(5, 6_000, W)
    bars = bars_of(frame, W)
    got = build_vwap(frame, bars, ES, CONFIG)
    moment = (bars["vwap"].fill_null(0) * bars["volume"]).to_numpy()
    volume = bars["volume"].to_numpy()
    for k in (0, 30, 59, 60, 700, bars.height - 1):
        first = max(0, k - 59)
        expected = moment[first : k + 1].sum() / volume[first : k + 1].sum()
        assert got["rolling_vwap"][k] == pytest.approx(expected, rel=1e-12)


def test_the_session_starts_afresh_at_the_open():
    frame = ticks([OPEN - MINUTE, OPEN, OPEN + MINUTE], [400, 800, 804], [5, 1, 1])
    got = vwap_of(frame)
    assert got["vwap"].to_list() == [100.0, 200.0, 200.5]
    assert got["poc_ticks"].to_list() == [400, 800, 800]


def test_the_last_developing_profile_is_the_final_one():
    frame = random_ticks(6, 2_000, W)
    got, final = vwap_of(frame), build_volume_profile(frame, ES, CONFIG)
    area = final.filter("in_value_area")["price_ticks"]
    assert got["poc_ticks"][-1] == final.filter("is_poc")["price_ticks"][0]
    assert (got["val_ticks"][-1], got["vah_ticks"][-1]) == (area.min(), area.max())


def test_developing_values_equal_the_slow_reference():
    within = window(hours=1)
    frame = random_ticks(7, 400, within)
    got = build_vwap(frame, bars_of(frame, within), ES, CONFIG)
    since_open = frame.filter(pl.col("session_state") == "open", pl.col("size") > 0)
    for row in got.filter(pl.col("known_at").dt.timestamp("us") > within.open_us).to_dicts():
        trades = since_open.filter(pl.col("event_ts") < row["known_at"]).select("price_ticks", "size").rows()
        assert (row["poc_ticks"], row["vah_ticks"], row["val_ticks"]) == slow.profile(trades)
        mean, sd = slow.welford(trades)[-1]
        assert row["vwap"] == pytest.approx(mean * 0.25)
        assert row["sd"] == pytest.approx(sd * 0.25)


def test_prefix_invariance():
    frame = random_ticks(8, 2_000, W)
    whole = vwap_of(frame)
    assert_conforms("vwap", whole)
    assert_prefix(whole, lambda cut: vwap_of(known_by(frame, cut)), random_cuts(9, W, 60))


def test_bar_records_are_labelled_typical():
    records = random_records(4, 120, W)
    got = build_vwap(records, bars_of(records, W, BTC_BARS), BTC_BARS, CONFIG)
    assert_conforms("vwap", got)
    assert got["price_basis"].unique().to_list() == ["typical"]
    typical = (records["high_ticks"] + records["low_ticks"] + records["price_ticks"]) / 3
    expected = (typical * records["size"]).sum() / records["size"].sum() * BTC_BARS.tick_size
    assert got["vwap"][-1] == pytest.approx(expected)


def test_null_before_anything_has_traded():
    frame = ticks([OPEN, OPEN + MINUTE], [100, 104], [0, 2])
    first, second = vwap_of(frame).to_dicts()
    assert [first[n] for n in ("vwap", "sd", "rolling_vwap", "poc_ticks")] == [None] * 4
    assert (second["vwap"], second["sd"], second["poc_ticks"]) == (26.0, 0.0, 104)


def test_empty_and_foreign_input():
    assert_frame_equal(build_vwap(empty("clean_ticks"), empty("bars"), ES, CONFIG), empty("vwap"))
    bars = bars_of(ticks([OPEN], [100], [1]), W)
    with pytest.raises(ContractError, match="do not belong together"):
        build_vwap(ticks([OPEN + 5 * MINUTE], [100], [1]), bars, ES, CONFIG)
