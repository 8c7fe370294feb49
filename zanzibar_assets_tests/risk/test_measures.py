import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.risk.measures import (
    expected_shortfall,
    growth_share,
    historical_var,
    kelly_binary,
    kelly_continuous,
    normal_expected_shortfall,
    normal_var,
    qlike,
)

LAWS = settings(deadline=None, max_examples=60, derandomize=True)
RETURNS = st.lists(st.floats(-0.5, 0.5, allow_nan=False), min_size=1, max_size=60).map(np.array)
LEVELS = st.sampled_from([0.5, 0.9, 0.95, 0.99])


def test_kelly_of_a_biased_coin():
    fraction, growth = kelly_binary(0.6, 1.0)
    assert fraction == pytest.approx(0.2, abs=1e-12)
    assert growth == pytest.approx(0.0201355, abs=1e-6)


def test_a_bet_without_an_edge_is_not_taken():
    assert kelly_binary(0.5, 1.0) == (0.0, 0.0)
    assert kelly_binary(0.2, 3.0) == (0.0, 0.0)


def test_a_sure_bet_takes_everything():
    assert kelly_binary(1.0, 2.0) == (1.0, pytest.approx(math.log(3.0)))


@pytest.mark.parametrize(("probability", "odds"), [(-0.1, 1.0), (1.1, 1.0), (0.5, 0.0), (0.5, float("nan"))])
def test_what_is_no_bet_is_refused(probability, odds):
    with pytest.raises(ValueError, match="no bet"):
        kelly_binary(probability, odds)


@LAWS
@given(st.floats(0.01, 0.99), st.floats(0.1, 10.0))
def test_kelly_fraction_grows_fastest(probability, odds):
    fraction, growth = kelly_binary(probability, odds)

    def growth_at(f):
        return probability * math.log1p(f * odds) + (1 - probability) * math.log1p(-f)

    for other in np.linspace(0.0, 0.99, 34):
        assert growth_at(float(other)) <= growth + 1e-12
    assert 0.0 <= fraction < 1.0


def test_continuous_kelly_of_thorp():
    leverage, growth = kelly_continuous(0.11, 0.15, 0.06)
    assert leverage == pytest.approx(2.2222, abs=1e-4)
    assert growth == pytest.approx(0.1156, abs=1e-4)


def test_continuous_kelly_needs_spread():
    with pytest.raises(ValueError, match="positive"):
        kelly_continuous(0.1, 0.0)


@pytest.mark.parametrize(("multiple", "share"), [(0.5, 0.75), (1.0, 1.0), (2.0, 0.0)])
def test_growth_share_of_fractional_kelly(multiple, share):
    assert growth_share(multiple) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    ("level", "var", "shortfall"),
    [
        (0.9, 162.1, 222.0),
        (0.95, 208.1, 260.9),
        (0.975, 247.9, 295.7),
        (0.99, 294.3, 337.1),
        (0.995, 325.8, 365.8),
    ],
)
def test_normal_tail_of_a_portfolio_of_ten_thousand(level, var, shortfall):
    """McNeil, Frey and Embrechts, table 2.1: 20 % a year, 250 days."""
    sigma = 10_000 * 0.2 / math.sqrt(250)
    assert normal_var(sigma, level) == pytest.approx(var, abs=0.06)
    assert normal_expected_shortfall(sigma, level) == pytest.approx(shortfall, abs=0.06)


@pytest.mark.parametrize(
    ("level", "var", "shortfall"),
    [(0.95, 1.644854, 2.062713), (0.975, 1.959964, 2.337803), (0.99, 2.326348, 2.665214)],
)
def test_standard_normal_tail(level, var, shortfall):
    assert normal_var(1.0, level) == pytest.approx(var, abs=1e-6)
    assert normal_expected_shortfall(1.0, level) == pytest.approx(shortfall, abs=1e-6)


def test_historical_tail_counted_on_fingers():
    returns = np.array([-0.10, -0.05, 0.0] + [0.01] * 7)
    assert historical_var(returns, 0.8) == 0.0  # 8 of 10 lose nothing
    assert historical_var(returns, 0.9) == 0.05
    assert expected_shortfall(returns, 0.9) == pytest.approx(0.10)
    assert expected_shortfall(returns, 0.8) == pytest.approx(0.075)
    assert expected_shortfall(returns, 0.85) == pytest.approx((0.10 + 0.5 * 0.05) / 1.5)


def test_historical_tail_of_normal_draws_comes_near_the_closed_form():
    returns = np.random.default_rng(3).standard_normal(200_000)
    assert historical_var(returns, 0.95) == pytest.approx(1.644854, abs=0.02)
    assert expected_shortfall(returns, 0.95) == pytest.approx(2.062713, abs=0.02)


@LAWS
@given(RETURNS, LEVELS)
def test_shortfall_is_never_below_var(returns, level):
    assert expected_shortfall(returns, level) >= historical_var(returns, level) - 1e-12


@LAWS
@given(RETURNS, LEVELS, st.floats(0.01, 100.0), st.floats(-0.2, 0.2))
def test_tail_scales_and_shifts_with_the_returns(returns, level, factor, shift):
    for measure in (historical_var, expected_shortfall):
        moved = measure(factor * returns + shift, level)
        assert moved == pytest.approx(factor * measure(returns, level) - shift, rel=1e-9, abs=1e-9)


@LAWS
@given(RETURNS)
def test_tail_grows_with_the_level(returns):
    for measure in (historical_var, expected_shortfall):
        figures = [measure(returns, level) for level in (0.5, 0.9, 0.95, 0.99)]
        assert all(a <= b + 1e-12 for a, b in pairwise(figures))


@pytest.mark.parametrize("returns", [np.array([]), np.array([0.1, np.nan])])
def test_missing_returns_are_refused(returns):
    with pytest.raises(ValueError, match="finite returns"):
        historical_var(returns, 0.95)


def test_qlike_is_zero_for_a_perfect_forecast_only():
    realised = np.array([1.0, 4.0, 2.0])
    assert qlike(realised, realised) == 0.0
    assert qlike(realised, realised * 2) == pytest.approx(0.5 - math.log(0.5) - 1)
    with pytest.raises(ValueError, match="positive"):
        qlike(realised, np.array([1.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="as many"):
        qlike(realised, realised[:2])
