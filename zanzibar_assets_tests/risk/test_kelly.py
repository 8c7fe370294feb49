import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.risk.kelly import estimate_kelly


def draws(count, mean, seed=1):
    values = np.random.default_rng(seed).standard_normal(count)
    values = (values - values.mean()) / values.std(ddof=1)
    return 0.01 * (values + mean)


def test_full_kelly_is_mean_over_variance():
    estimate = estimate_kelly(draws(400, 0.2), per_year=100)
    assert estimate.full == pytest.approx(0.2 / 0.01)


def test_shrinkage_vanishes_with_evidence():
    shares = [
        estimate.shrunk / estimate.full
        for estimate in (
            estimate_kelly(draws(count, 0.2), per_year=100) for count in (20, 200, 2_000, 200_000)
        )
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.06
    assert shares[-1] == pytest.approx(1.0, abs=0.01)


def test_posterior_mean_is_weighted_against_the_prior():
    # 100 trades a year and tau .5 a year: the prior counts as 400 trades
    estimate = estimate_kelly(draws(400, 0.2), per_year=100)
    variance = 1e-4
    spread = 399 * variance / 2 + 400 * 400 * (0.002**2) / 1600
    predictive = 2 * spread / 400 * (1 + 1 / 800)
    assert estimate.shrunk == pytest.approx(0.001 / predictive)


def test_noise_has_no_certain_mean():
    assert estimate_kelly(draws(30, 0.0), per_year=250).lower_mean < 0
    assert estimate_kelly(draws(5_000, 0.2), per_year=250).lower_mean > 0


def test_equal_returns_have_no_kelly():
    assert estimate_kelly(np.full(10, 0.01), per_year=10) is None


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.floats(0.1, 10.0), st.integers(0, 50))
def test_leverage_falls_as_the_unit_of_return_grows(factor, seed):
    returns = draws(60, 0.1, seed)
    plain, scaled = estimate_kelly(returns, 50), estimate_kelly(factor * returns, 50)
    assert scaled.full * factor == pytest.approx(plain.full, rel=1e-9)
    assert scaled.shrunk * factor == pytest.approx(plain.shrunk, rel=1e-9)
