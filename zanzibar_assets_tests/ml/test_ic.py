import numpy as np
import pytest
from scipy import stats

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.ic import hac_mean, icir, rank_ic, rank_scores


def test_rank_ic_is_spearman_with_ties():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.integers(0, 9, 80).astype(float), rng.normal(size=80)
        assert rank_ic(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_rank_ic_by_hand():
    assert rank_ic(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])) == pytest.approx(0.5)
    assert rank_ic(np.ones(5), np.arange(5.0)) == 0.0
    assert rank_ic(np.empty(0), np.empty(0)) == 0.0


def test_lengths_that_differ_are_refused():
    with pytest.raises(ModelError, match="differ in length"):
        rank_scores(np.ones(3), np.ones(4))


def test_newey_west_by_hand():
    # deviations -1 1 -1 1: gamma0 = 4, gamma1 = -3, gamma2 = 2; lags 2: weights 2/3, 1/3
    # long-run sum = 4 + 2 (2/3 * -3 + 1/3 * 2) = 4/3; error = sqrt(4/3) / 4
    found = hac_mean(np.array([1.0, 3.0, 1.0, 3.0]), horizon=1)
    assert found.mean == 2.0
    assert found.error == pytest.approx(np.sqrt(4 / 3) / 4)
    assert found.t == pytest.approx(2.0 / (np.sqrt(4 / 3) / 4))
    assert found.degrees == 3.0
    assert found.p_value == pytest.approx(stats.t.sf(found.t, 3))


def test_equals_the_regression_on_a_constant():
    import statsmodels.api as regression  # heavy: only this test needs it

    rng = np.random.default_rng(4)
    scores = np.convolve(rng.normal(0.1, 1, 500), np.ones(10), mode="valid")
    fitted = regression.OLS(scores, np.ones(len(scores))).fit(cov_type="HAC", cov_kwds={"maxlags": 20})
    found = hac_mean(scores, horizon=10)
    assert found.error == pytest.approx(float(fitted.bse[0]), rel=1e-12)
    assert found.t == pytest.approx(float(fitted.tvalues[0]), rel=1e-12)


def test_overlapping_noise_is_rarely_called_signal():
    rng = np.random.default_rng(9)
    horizon, honest, naive = 20, 0, 0
    for _ in range(150):
        signal = np.zeros(1_500)
        shocks = rng.normal(size=1_500)
        for i in range(1, 1_500):
            signal[i] = 0.98 * signal[i - 1] + shocks[i]
        steps = np.concatenate(([0.0], np.cumsum(rng.normal(size=1_500 + horizon))))
        outcome = steps[horizon : horizon + 1_500] - steps[:1_500]
        scores = rank_scores(signal, outcome)
        honest += hac_mean(scores, horizon).p_value < 0.05
        naive += scores.mean() / scores.std() * np.sqrt(len(scores)) > 1.645
    assert honest <= 20  # 5 % one-sided would be 7.5
    assert naive >= 35


def test_too_few_lags_are_refused():
    with pytest.raises(ModelError, match="too few lags"):
        hac_mean(np.ones(100), horizon=20, lags=30)


def test_less_than_two_horizons_prove_nothing():
    found = hac_mean(np.random.default_rng(0).normal(5, 1, 30), horizon=20)
    assert (found.t, found.p_value) == (0.0, 1.0)


def test_icir_by_hand():
    assert icir(np.array([0.1, 0.3])) == pytest.approx(0.2 / np.sqrt(0.02))
    assert icir(np.array([0.1])) == 0.0
    assert icir(np.array([0.2, 0.2])) == 0.0
