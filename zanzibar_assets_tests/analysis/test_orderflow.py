import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis._records import load_records
from zanzibar_assets.analysis.orderflow import amihud, kyle_lambda, roll_spread, vpin
from zanzibar_assets_tests.builders.market import SECOND, ticks, window
from zanzibar_assets_tests.reference import order_flow as slow

OPEN = window().open_us


def records_of(size, side, price=None, **more):
    n = len(size)
    return load_records(ticks(OPEN + np.arange(n) * SECOND, price or [100] * n, size, side, **more))


def test_vpin_by_hand():
    # the first 2 trades of 5 lots set the bucket: 2 * 5 = 10 lots; trades then fill buckets of 10, 10
    # bucket 1: 8 bought + 2 of 4 sold = |8 - 2| / 10; mean size is then 22 / 4, so bucket 2 is 11 lots:
    # 2 sold + 9 of 9 bought = |9 - 2| / 11
    records = records_of([5, 5, 8, 4, 9], [1, 1, 1, -1, 1])
    got = vpin(records, records.known_us, 2, 1)
    assert np.isnan(got[:3]).all()
    assert got[3:] == pytest.approx([0.6, 7 / 11])


def test_one_large_trade_fills_many_buckets():
    records = records_of([1, 1, 2, 5], [1, 1, -1, 1])
    # bucket 2 lots: the third trade fills one; mean 4/3: next 8/3 lots, then mean 9/4: 4.5 does not fit
    assert vpin(records, records.known_us, 2, 2)[-1] == 1.0


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(-1, 1)), min_size=1, max_size=150),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_vpin_equals_the_slow_reference(trades, bucket, window_buckets):
    sizes = [size * 64 for size, _ in trades]
    records = records_of(sizes, [side for _, side in trades])
    got = vpin(records, records.known_us, bucket, window_buckets)
    rows = zip(records.known_us, records.size, records.buy, records.sell, strict=True)
    reference = dict(slow.vpin([tuple(map(float, row)) for row in rows], bucket, window_buckets))
    current = math.nan
    for known, found in zip(records.known_us, got, strict=True):
        current = reference.get(float(known), current)
        assert found == pytest.approx(current, rel=1e-6, abs=1e-9, nan_ok=True)


def test_vpin_of_unsigned_volume_is_missing():
    records = records_of([1] * 50, [0] * 50)
    assert np.isnan(vpin(records, records.known_us, 2, 2)).all()


def test_vpin_does_not_change_when_later_trades_are_large():
    early = records_of([3] * 100, [1, -1] * 50)
    later = records_of([3] * 100 + [1000] * 20, [1, -1] * 60)
    at = early.known_us
    assert np.array_equal(vpin(early, at, 5, 3), vpin(later, at, 5, 3), equal_nan=True)


def test_kyle_lambda_equals_exact_least_squares():
    rng = np.random.default_rng(1)
    delta, change = rng.integers(-50, 50, 200).astype(float), rng.integers(-8, 9, 200).astype(float)
    got = kyle_lambda(change, delta, 0.25)
    assert np.isnan(got[:29]).all()
    for t in (29, 45, 59, 60, 120, 199):
        first = max(0, t - 59)
        expected = slow.slope(delta[first : t + 1].tolist(), change[first : t + 1].tolist()) * 0.25
        assert got[t] == pytest.approx(expected, rel=1e-9)


def test_kyle_lambda_recovers_a_planted_impact():
    delta = np.random.default_rng(2).normal(size=300)
    assert kyle_lambda(4.0 * delta, delta, 0.25)[-1] == pytest.approx(1.0)
    assert np.isnan(kyle_lambda(delta, np.zeros(300), 0.25)).all()


def test_amihud_by_hand():
    close = np.array([100.0] + [110.0, 100.0] * 20)
    got = amihud(close, np.full(41, 2.0), 50.0)
    assert np.isnan(got[29])  # 29 returns
    up, down = 0.1 / (2 * 110 * 50 / 1e6), (10 / 110) / (2 * 100 * 50 / 1e6)
    assert got[40] == pytest.approx((up + down) / 2)


def test_roll_recovers_the_spread_of_a_pure_bounce():
    # independent prints at 100 or 102 ticks: cov(dp, dp') = -(2 / 2)^2, so the spread is 2 ticks
    rng = np.random.default_rng(3)
    price = 100 + 2 * rng.integers(0, 2, 50_000).astype(float)
    got = roll_spread(price, np.zeros(len(price), dtype=np.int64), 1, 0.25)
    assert got[0] == pytest.approx(2 * 0.25, rel=0.02)


def test_roll_is_missing_when_the_covariance_is_not_negative():
    trend = np.cumsum(np.arange(100.0))
    assert np.isnan(roll_spread(trend, np.zeros(100, dtype=np.int64), 1, 0.25)).all()
    assert np.isnan(roll_spread(np.full(100, 7.0), np.zeros(100, dtype=np.int64), 1, 0.25)).all()
    assert np.isnan(roll_spread(np.array([1.0, 2.0]), np.zeros(2, dtype=np.int64), 1, 0.25)).all()
