import numpy as np
import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.calibration import (
    ISOTONIC,
    LEAST_SLOPE,
    NONE,
    PLATT,
    brier,
    fit_calibrator,
    load_calibrator,
    reliability,
)


def overconfident(rows=20_000, seed=3, slope=0.4):
    """Log-odds that are right in order but too large: the truth is ``slope`` times as sure."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 2, rows)
    up = (rng.random(rows) < 1 / (1 + np.exp(-(slope * score + 0.2)))).astype(float)
    return score, up, rng.uniform(0.5, 1.0, rows)


@pytest.mark.parametrize("method", [NONE, PLATT, ISOTONIC])
def test_the_stored_text_gives_the_same_bits(method):
    score, up, weight = overconfident(2_000)
    found = fit_calibrator(method, score, up, weight)
    again = load_calibrator(found.text)
    assert again == found
    assert np.array_equal(again.apply(score), found.apply(score))


def test_platt_recovers_slope_and_intercept():
    found = fit_calibrator(PLATT, *overconfident())
    assert found.first[0] == pytest.approx(0.4, abs=0.03)
    assert found.second[0] == pytest.approx(0.2, abs=0.05)


def test_platt_is_the_logistic_fit_that_sklearn_finds():
    from sklearn.linear_model import LogisticRegression

    score, up, weight = overconfident(20_000)
    solver = LogisticRegression(C=np.inf, tol=1e-10).fit(score[:, None], up, sample_weight=weight)
    found = fit_calibrator(PLATT, score, up, weight)
    # Platt's targets, 1/(n+2) from the edges, move the slope by about that much
    assert found.first[0] == pytest.approx(solver.coef_[0, 0], abs=1e-3)
    assert found.second[0] == pytest.approx(solver.intercept_[0], abs=1e-3)


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
def test_calibration_lowers_the_brier_score_and_bends_the_reliability_curve(method):
    found = fit_calibrator(method, *overconfident())
    score, up, weight = overconfident(seed=4)
    before, after = fit_calibrator(NONE, score, up, weight).apply(score), found.apply(score)
    assert brier(after, up, weight) < brier(before, up, weight) - 0.01
    gaps = [abs(one.predicted - one.observed) for one in reliability(after, up)]
    assert max(gaps) < 0.05
    assert max(abs(one.predicted - one.observed) for one in reliability(before, up)) > 0.1


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
def test_order_is_kept_and_probabilities_stay_inside(method):
    found = fit_calibrator(method, *overconfident(3_000))
    chance = found.apply(np.linspace(-50, 50, 400))
    assert (np.diff(chance) >= 0).all()
    assert 0 < chance.min() < chance.max() < 1


def test_a_model_that_is_wrong_is_not_turned_around():
    score, up, weight = overconfident(4_000)
    found = fit_calibrator(PLATT, -score, up, weight)
    assert found.first == (LEAST_SLOPE,)
    assert found.apply(-score).mean() == pytest.approx(up.mean(), abs=0.02)
    assert np.ptp(found.apply(-score)) < 0.1


def test_brier_by_hand():
    assert brier(np.array([1.0, 0.5]), np.array([1.0, 0.0]), np.array([1.0, 3.0])) == pytest.approx(0.1875)


def test_refusals():
    score, up, weight = overconfident(100)
    with pytest.raises(ModelError, match="one side"):
        fit_calibrator(PLATT, score, np.ones(100), weight)
    with pytest.raises(ModelError, match="unknown calibration"):
        fit_calibrator("magic", score, up, weight)
    for text in ("{}", "[]", "no", '{"method": "magic"}', '{"method": "platt"}'):
        with pytest.raises(ModelError, match="no calibration"):
            load_calibrator(text)
