import math

import numpy as np
import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.sharpe import dsr, expected_max_sharpe, min_trl, moments, psr

YEAR = 250


def test_psr_of_the_2012_paper():
    # Bailey & Lopez de Prado (2012), section 3: annual 1.59 over 24 months, normal returns
    assert psr(1.59 / math.sqrt(12), 24) == pytest.approx(0.982, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(252, 2.73), (12, 3.24)])
def test_minimum_track_record_of_the_2012_paper(periods, years):
    # section 5: annual Sharpe 2 against 1 at 95 %, daily and monthly
    root = math.sqrt(periods)
    assert min_trl(2 / root, benchmark=1 / root) / periods == pytest.approx(years, abs=5e-3)


def test_deflated_sharpe_of_the_2014_paper():
    # A Numerical Example: 100 trials, variance 1/2 a year, 1250 days, skew -3, kurtosis 10, annual 2.5
    assert expected_max_sharpe(100, 0.5 / YEAR) == pytest.approx(0.1132, abs=5e-5)
    best = 2.5 / math.sqrt(YEAR)
    assert dsr(best, 1250, -3, 10, 100, 0.5 / YEAR) == pytest.approx(0.9004, abs=5e-5)
    assert dsr(best, 1250, -3, 10, 46, 0.5 / YEAR) == pytest.approx(0.9505, abs=5e-5)
    assert dsr(best, 1250, 0, 3, 89, 0.5 / YEAR) == pytest.approx(0.94984, abs=5e-5)


def test_expected_maximum_of_ten_draws():
    assert expected_max_sharpe(10, 1.0) == pytest.approx(1.57, abs=5e-3)
    assert expected_max_sharpe(1, 1.0) == 0.0


def test_backtest_length_that_45_trials_use_up():
    # Pseudo-mathematics (2014): 45 trials reach an annual Sharpe of 1 by luck in 5 years
    assert expected_max_sharpe(45, 1.0) ** 2 == pytest.approx(5.0, abs=5e-3)


def test_track_record_length_is_where_psr_reaches_its_confidence():
    needed = min_trl(0.11, -1.2, 7.0, 0.02, 0.97)
    low, high = psr(0.11, math.floor(needed), -1.2, 7.0, 0.02), psr(0.11, math.ceil(needed), -1.2, 7.0, 0.02)
    assert low < 0.97 <= high


def test_no_edge_needs_for_ever():
    assert min_trl(0.05, benchmark=0.05) == math.inf


def test_moments_by_hand():
    seen = moments(np.array([1.0, 2.0, 3.0, 6.0]))  # mean 3, deviations -2 -1 0 3
    assert (seen.n, seen.mean) == (4, 3.0)
    assert seen.sd == pytest.approx(math.sqrt(14 / 3))
    assert seen.skew == pytest.approx((-8 - 1 + 27) / 4 / 3.5**1.5)
    assert seen.kurtosis == pytest.approx((16 + 1 + 81) / 4 / 3.5**2)


def test_returns_that_never_vary_have_no_sharpe():
    assert moments(np.full(10, 0.01)).sharpe == 0.0
    assert moments(np.zeros(10)).sharpe == 0.0


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, math.nan], [0.1, math.inf]])
def test_series_without_a_sharpe_are_refused(returns):
    with pytest.raises(ModelError, match="finite returns"):
        moments(np.array(returns))


def test_more_trials_raise_the_hurdle():
    hurdles = [expected_max_sharpe(n, 0.01) for n in (1, 2, 3, 10, 100, 1_000)]
    assert hurdles == sorted(hurdles)
    assert len(set(hurdles)) == len(hurdles)


def test_best_of_fifty_nulls_passes_psr_and_not_dsr():
    rng = np.random.default_rng(3)
    fooled = honest = 0
    for _ in range(60):
        samples = [moments(row) for row in rng.normal(size=(50, 500))]
        best = max(samples, key=lambda seen: seen.sharpe)
        spread = float(np.var([seen.sharpe for seen in samples], ddof=1))
        shape = (best.sharpe, best.n, best.skew, best.kurtosis)
        fooled += psr(*shape) > 0.95
        honest += dsr(*shape, 50, spread) > 0.95
    assert fooled >= 50
    assert honest <= 2


def test_impossible_moments_are_refused():
    with pytest.raises(ModelError, match="no sample"):
        psr(5.0, 100, skew=10.0, kurtosis=1.0)
