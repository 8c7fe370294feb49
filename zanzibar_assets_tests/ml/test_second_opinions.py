"""Two libraries of others agree with ours: skfolio and vetted, used here alone."""

import math

import numpy as np
import pytest

from zanzibar_assets.ml.overfitting import probability_of_overfitting
from zanzibar_assets.ml.sharpe import dsr, expected_max_sharpe, min_trl, moments, psr
from zanzibar_assets.risk.var_backtests import proportion_of_failures

SEEDS = (1, 2, 3)


def returns(seed, size=600):
    rng = np.random.default_rng(seed)
    return rng.standard_t(5, size) * 0.01 + 0.0008


def shape(seen):
    return seen.sharpe, seen.n, seen.skew, seen.kurtosis


@pytest.mark.parametrize("seed", SEEDS)
def test_probabilistic_sharpe(seed):
    from skfolio.measures import probabilistic_sharpe_ratio
    from vetted.overfitting import probabilistic_sharpe

    values = returns(seed)
    for level in (0.0, 0.05):
        ours = psr(*shape(moments(values)), level)
        assert float(probabilistic_sharpe_ratio(values, level)) == pytest.approx(ours, abs=1e-12)
        assert probabilistic_sharpe(values, level, periods=1) == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_deflated_sharpe(seed):
    from skfolio.measures import deflated_sharpe_ratio
    from vetted.overfitting import deflated_sharpe

    values = returns(seed)
    trials = np.random.default_rng(seed + 50).normal(0, 0.03, 40)
    variance = float(np.var(trials, ddof=1))
    ours = dsr(*shape(moments(values)), 40, variance)
    assert float(deflated_sharpe_ratio(values, trials)) == pytest.approx(ours, abs=1e-12)
    theirs = deflated_sharpe(values, 40, sharpe_variance=variance, periods=1)
    assert theirs.p_value == pytest.approx(1.0 - ours, abs=1e-12)


def test_expected_best():
    from skfolio.measures import expected_max_sharpe_ratio
    from vetted.overfitting import expected_max_sharpe as expected

    for trials in (2, 10, 46, 1_000):
        ours = expected_max_sharpe(trials, 0.25)
        assert float(expected_max_sharpe_ratio(trials, 0.5)) == pytest.approx(ours, abs=1e-12)
        assert expected(trials, 0.25) == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_track_record(seed):
    from vetted.overfitting import min_track_record

    values = returns(seed)
    seen = moments(values)
    ours = min_trl(seen.sharpe, seen.skew, seen.kurtosis)
    if math.isfinite(ours):
        assert min_track_record(values, periods=1) == pytest.approx(ours, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_overfitting(seed):
    from vetted.overfitting import pbo

    matrix = np.random.default_rng(seed).normal(size=(240, 15))
    theirs = pbo(matrix, n_blocks=8)
    assert theirs.statistic == pytest.approx(probability_of_overfitting(matrix, 8).pbo, abs=1e-12)


def test_kupiec():
    from vetted.var import kupiec

    rng = np.random.default_rng(4)
    losses = rng.normal(size=1_000)
    theirs = kupiec(losses, np.full(1_000, 1.7), 0.05)
    exceeded = int((losses < -1.7).sum())
    assert theirs.p_value == pytest.approx(proportion_of_failures(1_000, exceeded, 0.05).p_value, abs=1e-9)
