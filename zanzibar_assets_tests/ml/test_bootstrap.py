import math

import numpy as np
import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.bootstrap import block_length, sharpe_interval, stationary_indices


def autoregressive(rng, size, rho):
    shocks = rng.normal(size=size)
    for i in range(1, size):
        shocks[i] += rho * shocks[i - 1]
    return shocks


@pytest.mark.parametrize(("rho", "seed"), [(0.0, 1), (0.3, 2), (0.6, 3), (0.9, 4)])
def test_block_length_is_close_to_that_of_arch(rho, seed):  # arch takes one lag more than the paper
    from arch.bootstrap import optimal_block_length

    values = autoregressive(np.random.default_rng(seed), 1_500, rho)
    theirs = max(float(optimal_block_length(values)["stationary"].iloc[0]), 1.0)
    assert block_length(values) == pytest.approx(theirs, rel=0.25)


def test_blocks_have_the_length_asked_for_and_wrap():
    rows = stationary_indices(50, 4_000, 5.0, np.random.default_rng(1))
    assert rows.min() == 0
    assert rows.max() == 49
    assert np.bincount(rows.ravel(), minlength=50) == pytest.approx(4_000, rel=0.1)
    broken = (np.diff(rows, axis=1) % 50 != 1).mean()
    assert broken == pytest.approx(0.2 * 49 / 50, abs=0.01)


def test_interval_of_independent_returns_is_that_of_theory():
    values = np.random.default_rng(2).normal(0.1, 1.0, 2_000)
    found = sharpe_interval(values, seed=7, block=1.0)
    centre, error = values.mean() / values.std(ddof=1), math.sqrt(1.005 / 2_000)
    assert found.low == pytest.approx(centre - 1.96 * error, abs=0.006)
    assert found.high == pytest.approx(centre + 1.96 * error, abs=0.006)


def test_dependence_widens_the_interval():
    values = autoregressive(np.random.default_rng(3), 2_000, 0.6)
    alone, blocks = sharpe_interval(values, seed=7, block=1.0), sharpe_interval(values, seed=7)
    assert blocks.block > 5
    assert blocks.high - blocks.low > 1.5 * (alone.high - alone.low)


def test_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(4)
    inside = 0
    for run in range(200):
        found = sharpe_interval(rng.normal(0.05, 1.0, 300), seed=run, draws=400)
        inside += found.low <= 0.05 <= found.high
    assert 178 <= inside <= 199


def test_the_seed_decides():
    values = np.random.default_rng(5).normal(size=100)
    assert sharpe_interval(values, seed=1) == sharpe_interval(values, seed=1)
    assert sharpe_interval(values, seed=1) != sharpe_interval(values, seed=2)


@pytest.mark.parametrize("values", [np.ones(3), np.full(20, np.nan), np.ones((10, 2))])
def test_series_that_cannot_be_resampled_are_refused(values):
    with pytest.raises(ModelError, match="finite returns"):
        sharpe_interval(values, seed=1)


def test_constant_returns_have_block_one_and_no_sharpe():
    found = sharpe_interval(np.ones(20), seed=1, draws=10)
    assert (found.low, found.high, found.block) == (0.0, 0.0, 1.0)
