import math

import numpy as np
import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.effective_trials import (
    TrialSeries,
    expected_best_of,
    trial_field,
    trial_variance,
    trials_with_best,
)
from zanzibar_assets.ml.sharpe import expected_max_sharpe


def series(matrix, first=0):
    return [TrialSeries(np.arange(first, first + len(column)), column) for column in matrix.T]


def test_independent_trials_count_in_full():
    found = trial_field(series(np.random.default_rng(1).normal(size=(2_000, 30))), 30, seed=7)
    assert found.effective == pytest.approx(28, abs=1.5)  # the formula is 1 % above the exact best of 30
    assert found.correlation == pytest.approx(0.0, abs=0.01)


def test_duplicates_count_once():
    rng = np.random.default_rng(2)
    kinds = rng.normal(size=(1_500, 6))
    found = trial_field(series(np.repeat(kinds, [40, 1, 1, 1, 1, 1], axis=1)), 45, seed=7)
    assert found.effective == pytest.approx(6, abs=0.7)
    assert trial_field(series(np.repeat(kinds[:, :1], 50, axis=1)), 50, seed=7).effective == pytest.approx(1)


@pytest.mark.parametrize("rho", [0.3, 0.7, 0.9])
def test_the_hurdle_of_equally_correlated_trials_is_exact(rho):
    """sqrt(1 - rho) E[max of N] is what the best of N equicorrelated normals is expected to be."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=(1_500, 1))
    matrix = math.sqrt(rho) * common + math.sqrt(1 - rho) * rng.normal(size=(1_500, 40))
    found = trial_field(series(matrix), 40, seed=7)
    assert found.correlation == pytest.approx(rho, abs=0.06)
    exact = math.sqrt(1 - rho) * 2.1608  # E[max] of 40 standard normals
    assert expected_best_of(found.effective) == pytest.approx(exact, abs=0.08)


def test_the_hurdle_covers_the_best_of_correlated_nulls():
    """DSR with the effective number errs less than its nominal share of the time."""
    rng = np.random.default_rng(4)
    passed = 0
    for _ in range(100):
        base = rng.normal(size=(300, 8))
        matrix = np.repeat(base, 5, axis=1) * 0.9 + rng.normal(size=(300, 40)) * 0.45
        sharpes = matrix.mean(axis=0) / matrix.std(axis=0, ddof=1)
        found = trial_field(series(matrix), 40, seed=7)
        spread = math.sqrt(trial_variance(sharpes.tolist(), [300] * 40, found.correlation))
        hurdle = spread * expected_best_of(found.effective)
        passed += (sharpes.max() - hurdle) * math.sqrt(299) > 1.645
    assert passed <= 5


def test_a_trial_without_returns_counts_in_full():
    one = series(np.random.default_rng(5).normal(size=(500, 1)))
    assert trial_field(one, 9, seed=7).effective == 9
    twins = trial_field([*one, *one], 9, seed=7)
    assert twins.effective == pytest.approx(8, abs=0.01)
    assert trial_field([], 3, seed=7).effective == 3
    with pytest.raises(ModelError, match="more series"):
        trial_field([*one, *one], 1, seed=7)


def test_trials_of_other_periods_are_strangers_and_of_the_same_are_not():
    rng = np.random.default_rng(6)
    returns = rng.normal(size=(800, 1))
    apart = trial_field([*series(returns), *series(returns, first=800)], 2, seed=7)
    longer = trial_field([*series(returns), *series(returns[:760])], 2, seed=7)
    assert apart.effective == pytest.approx(2, abs=0.1)
    assert longer.effective == pytest.approx(1.2, abs=0.2)


def test_one_seed_one_number():
    rows = series(np.random.default_rng(8).normal(size=(400, 12)))
    assert trial_field(rows, 12, seed=7) == trial_field(rows, 12, seed=7)


def test_number_and_expected_best_are_inverse():
    for trials in (1.0, 1.4, 2.0, 3.7, 50.0, 4_000.0):
        assert trials_with_best(expected_best_of(trials)) == pytest.approx(trials, rel=1e-4)
    for trials in (2, 10, 100):
        assert expected_best_of(float(trials)) == pytest.approx(expected_max_sharpe(trials, 1.0))


def test_variance_of_a_single_trial():
    sharpes, periods = [0.1, -0.1, 0.3], [500] * 3
    plain = float(np.var(sharpes, ddof=1))
    assert trial_variance(sharpes, periods, 0.0) == pytest.approx(plain)
    assert trial_variance(sharpes, periods, 0.5) == pytest.approx(2 * plain)
    assert trial_variance([0.1, 0.1], [500, 500], 0.0) == pytest.approx(1 / 499)  # never below its error
    assert trial_variance([0.1], [101], 0.0) == pytest.approx(0.01)
    with pytest.raises(ModelError, match="without trials"):
        trial_variance([], [], 0.0)
