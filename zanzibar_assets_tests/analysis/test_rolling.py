import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis.rolling import (
    divide,
    past_zscore,
    rolling_mean,
    rolling_slope,
    rolling_sum,
    shifted,
)
from zanzibar_assets_tests.reference import order_flow as slow

VALUES = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=60).map(np.array)
LAWS = settings(deadline=None, max_examples=60, derandomize=True)


@LAWS
@given(VALUES, st.integers(1, 8))
def test_sums_and_means_look_back_over_the_window(values, window):
    sums, means = rolling_sum(values, window), rolling_mean(values, window, window)
    for t in range(len(values)):
        last = values[max(0, t + 1 - window) : t + 1]
        assert sums[t] == last.sum()
        assert means[t] == pytest.approx(last.mean() if len(last) == window else np.nan, nan_ok=True)


@LAWS
@given(VALUES, st.integers(2, 8))
def test_zscore_leaves_the_current_row_out(values, window):
    got = past_zscore(values, window)
    for t in range(len(values)):
        past = values[max(0, t - window) : t]
        defined = len(past) == window and past.std() > 0
        expected = (values[t] - past.mean()) / past.std() if defined else np.nan
        assert got[t] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@LAWS
@given(VALUES, st.integers(2, 8), st.randoms(use_true_random=False))
def test_slope_equals_exact_least_squares(x, window, random):
    y = np.array([float(random.randint(-9, 9)) for _ in x])
    got = rolling_slope(x, y, window, 2)
    for t in range(len(x)):
        first = max(0, t + 1 - window)
        expected = (
            slow.slope(x[first : t + 1].tolist(), y[first : t + 1].tolist()) if t - first >= 1 else None
        )
        assert got[t] == pytest.approx(np.nan if expected is None else expected, abs=1e-9, nan_ok=True)


@LAWS
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60).map(np.array), st.integers(1, 9), st.data())
def test_a_prefix_gives_the_same_bits(values, window, data):
    cut = data.draw(st.integers(1, len(values)))
    for function in (
        lambda v: rolling_sum(v, window),
        lambda v: rolling_mean(v, window, 1),
        lambda v: past_zscore(v, window + 1),
        lambda v: rolling_slope(v, v[::1] ** 2, window + 1, 2),
    ):
        assert np.array_equal(function(values[:cut]), function(values)[:cut], equal_nan=True)


def test_means_skip_what_is_missing():
    values = np.array([1.0, np.nan, 3.0])
    assert rolling_mean(values, 3, 2)[2] == 2.0
    assert np.isnan(rolling_mean(values, 3, 3)[2])


def test_shift_and_quotient():
    assert np.array_equal(shifted(np.array([1.0, 2.0]), 1), [np.nan, 1.0], equal_nan=True)
    assert np.isnan(shifted(np.array([1.0, 2.0]), 5)).all()
    assert np.array_equal(
        divide(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, np.nan])), [0.5, np.nan, np.nan], equal_nan=True
    )
    assert len(past_zscore(np.empty(0), 3)) == 0
