import math

import numpy as np
import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.bayesian_sharpe import (
    bayesian_sharpe,
    empirical_prior_sd,
    posterior,
    variance_inflation,
)
from zanzibar_assets.ml.sharpe import Moments, moments

PER_PERIOD = 0.4556962025
FLAT_24 = Moments(24, PER_PERIOD, 1.0, PER_PERIOD, 0.0, 3.0)


def test_flat_prior_is_the_lambda_prime_distribution():
    # Lecoutre: P(SR > s) = F_nct(t; n - 1, sqrt(n) s) with t = sqrt(n) SR. A normal sample's shape factor
    # (1 + SR^2 / 2) / (1 + SR^2 / 2) is 1, so n_e = n = 24.
    found = posterior(FLAT_24, inflation=1.0, prior_sd=None)
    assert found.effective_n == pytest.approx(24)
    assert found.probability_above(0.0) == pytest.approx(0.98219477, abs=5e-4)
    assert found.probability_above(0.1) == pytest.approx(0.94891571, abs=5e-4)


def test_a_wide_prior_approaches_the_flat_one():
    wide, flat = posterior(FLAT_24, 1.0, 1e4), posterior(FLAT_24, 1.0, None)
    assert wide.probability_above(0.1) == pytest.approx(flat.probability_above(0.1), abs=5e-3)
    assert wide.shrinkage == pytest.approx(1.0)


def test_posterior_equals_draws_from_it():
    sample = Moments(200, 0.002, 0.02, 0.1, 0.0, 3.0)
    tau = 0.08
    rng = np.random.default_rng(11)
    n, prior = 200.0, tau**-2
    kn = n + prior
    squares = 0.02**2 * 199
    rate = squares / 2 + prior * n * 0.002**2 / (2 * kn)
    variance = rate / rng.gamma(n / 2, size=400_000)
    mean = rng.normal(n * 0.002 / kn, np.sqrt(variance / kn))
    ratio = mean / np.sqrt(variance)
    found = posterior(sample, 1.0, tau)
    # inside `posterior` n_e = n only for a shape factor of one; kurtosis 3, skew 0 make it so
    assert found.mean == pytest.approx(float(ratio.mean()), abs=3e-4)
    assert found.sd == pytest.approx(float(ratio.std()), abs=3e-4)
    for level in (0.0, 0.05, 0.1):
        assert found.probability_above(level) == pytest.approx(float((ratio > level).mean()), abs=3e-3)
    for share in (0.025, 0.5, 0.975):
        assert found.quantile(share) == pytest.approx(float(np.quantile(ratio, share)), abs=1e-3)


def test_quantile_inverts_the_probability():
    found = posterior(FLAT_24, 1.0, 0.3)
    assert found.probability_above(found.quantile(0.2)) == pytest.approx(0.8, abs=1e-8)


def test_autocorrelation_and_tails_cost_observations():
    rng = np.random.default_rng(5)
    noise = rng.normal(0.02, 1.0, 2_000)
    smooth = np.convolve(noise, np.ones(5) / 5, mode="valid")
    assert variance_inflation(noise) < 1.3
    assert variance_inflation(smooth) > 2.5
    assert bayesian_sharpe(smooth, 0.1).effective_n < len(smooth) / 2.5
    crashes = Moments(500, 0.1, 1.0, 0.1, -3.0, 15.0)
    assert posterior(crashes, 1.0, 0.1).effective_n < 400


def test_empirical_prior_shrinks_luck_and_trusts_a_spread_of_skill():
    rng = np.random.default_rng(8)
    periods = [500] * 50
    luck = (rng.normal(size=50) / math.sqrt(500)).tolist()
    skill = (rng.normal(0, 0.3, 50) + rng.normal(size=50) / math.sqrt(500)).tolist()
    assert empirical_prior_sd(luck, periods, floor=0.005) < 0.025
    assert empirical_prior_sd(skill, periods, floor=0.005) == pytest.approx(0.3, rel=0.3)
    assert empirical_prior_sd([0.0], [500], floor=0.005) == 0.005


def test_best_of_fifty_nulls_is_rarely_believed_under_the_empirical_prior():
    rng = np.random.default_rng(21)
    believed = believed_flat = 0
    for _ in range(60):
        rows = rng.normal(size=(50, 500))
        sharpes = [moments(row).sharpe for row in rows]
        best = rows[int(np.argmax(sharpes))]
        tau = empirical_prior_sd(sharpes, [500] * 50, floor=0.1 / math.sqrt(252))
        believed += bayesian_sharpe(best, tau).probability_above(0.0) > 0.95
        believed_flat += bayesian_sharpe(best, None).probability_above(0.0) > 0.95
    assert believed <= 4
    assert believed_flat >= 50


@pytest.mark.parametrize("returns", [np.zeros(50), np.array([0.1, 0.2])])
def test_series_that_say_nothing_are_refused(returns):
    with pytest.raises(ModelError):
        bayesian_sharpe(returns, None)


def test_prior_needs_trials():
    with pytest.raises(ModelError, match="without trials"):
        empirical_prior_sd([], [], 0.01)


@pytest.mark.parametrize("n", [6, 24, 200, 2_000, 50_000])
@pytest.mark.parametrize("tau", [None, 0.02, 0.5])
def test_probability_is_that_of_the_noncentral_t(n, tau):
    from scipy import stats

    for sharpe in (-0.2, 0.0, 0.05, 0.4):
        found = posterior(Moments(n, sharpe, 1.0, sharpe, 0.0, 3.0), 1.0, tau)
        for level in (-0.3, -0.02, 0.0, 0.03, 0.2):
            theirs = stats.nct.cdf(found.location, found.degrees, math.sqrt(found.precision) * level)
            if math.isfinite(theirs):
                assert found.probability_above(level) == pytest.approx(float(theirs), abs=2e-8)


def test_tails_are_certain_not_unknown():
    found = posterior(Moments(2_000, 0.089, 1.0, 0.089, 0.0, 3.0), 1.0, 0.02)
    assert found.probability_above(-5.0) == pytest.approx(1.0)
    assert found.probability_above(5.0) == pytest.approx(0.0, abs=1e-12)
    assert found.quantile(0.025) < found.quantile(0.5) < found.quantile(0.975)
