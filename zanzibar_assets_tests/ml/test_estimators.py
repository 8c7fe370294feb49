import numpy as np
import pytest

from zanzibar_assets.config import ModelConfig
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml import estimators
from zanzibar_assets.ml.estimators import (
    CANDIDATES,
    ELASTIC_NET,
    LIGHTGBM,
    LOGISTIC,
    RIDGE,
    Candidate,
    fit,
    load,
)
from zanzibar_assets.ml.linear_models import SCORE_LIMIT

NAMES = ("a", "b", "c", "d")
SETTINGS = ModelConfig()


def sample(rows=1_500, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    x[rng.random((rows, 4)) < 0.05] = np.nan
    up = (np.nan_to_num(x[:, 0]) - 0.5 * np.nan_to_num(x[:, 1]) + rng.normal(size=rows) > 0).astype(float)
    return x, up, rng.uniform(0.2, 1.0, rows)


@pytest.fixture(params=CANDIDATES, ids=lambda c: f"{c.algorithm}-{c.parameters.get('num_trees', '')}")
def candidate(request):
    return request.param


def test_the_stored_text_predicts_the_same_bits(candidate):
    x, up, weight = sample()
    model = fit(candidate, x, up, weight, SETTINGS, NAMES)
    again = load(candidate.algorithm, model.payload)
    assert again.payload == model.payload
    fresh = sample(400, seed=2)[0]
    assert np.array_equal(again.predict(fresh), model.predict(fresh))


def test_contributions_add_up_to_the_log_odds(candidate):
    x, up, weight = sample()
    model = fit(candidate, x, up, weight, SETTINGS, NAMES)
    chance = model.predict(x)
    base = np.log(chance / (1 - chance)) - model.contributions(x).sum(axis=1)
    np.testing.assert_allclose(base, base[0], atol=1e-6)
    assert model.contributions(x).shape == x.shape


def test_two_fits_are_the_same_bits_and_learn_something(candidate):
    x, up, weight = sample()
    one, two = (fit(candidate, x, up, weight, SETTINGS, NAMES) for _ in range(2))
    assert one.payload == two.payload
    importance = np.abs(one.contributions(x)).mean(axis=0)
    assert importance[0] > importance[1] > max(importance[2], importance[3])


# shap makes its colour maps on import in a way that matplotlib is going to retire
@pytest.mark.filterwarnings("ignore:The set_.* function will be deprecated:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:LightGBM binary classifier with TreeExplainer:UserWarning")
def test_tree_contributions_are_shap_values():
    import shap

    x, up, weight = sample(600)
    model = fit(CANDIDATES[0], x, up, weight, SETTINGS, NAMES)
    explained = np.asarray(shap.TreeExplainer(model.booster).shap_values(x[:100]))
    explained = explained[-1] if explained.ndim == 3 else explained
    np.testing.assert_allclose(model.contributions(x[:100]), explained, atol=1e-9)


def test_scaling_is_learnt_from_the_training_rows():
    model = fit(Candidate(LOGISTIC, {"C": 1.0}), *sample(), SETTINGS, NAMES)
    x = sample()[0]
    np.testing.assert_allclose(model.mean, np.nanmean(x, axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.scale, np.nanstd(x, axis=0), rtol=1e-12)


def test_a_wild_value_moves_a_linear_model_no_further_than_its_limit():
    model = fit(Candidate(LOGISTIC, {"C": 1.0}), *sample(), SETTINGS, NAMES)
    wild, limit = np.full((1, 4), np.nan), np.full((1, 4), np.nan)
    wild[0, 0], limit[0, 0] = 1e9, model.mean[0] + SCORE_LIMIT * model.scale[0]
    np.testing.assert_allclose(model.predict(wild), model.predict(limit), rtol=1e-12)


def test_columns_without_information_are_harmless(candidate):
    x, up, weight = sample()
    x[:, 2], x[:, 3] = np.nan, 5.0
    model = fit(candidate, x, up, weight, SETTINGS, NAMES)
    assert np.isfinite(model.predict(x)).all()
    assert np.abs(model.contributions(x)[:, 2:]).max() < 1e-12


def test_unknown_algorithms_and_broken_texts_are_refused():
    with pytest.raises(ModelError, match="unknown algorithm"):
        fit(Candidate("oracle"), *sample(), SETTINGS, NAMES)
    with pytest.raises(ModelError, match="unknown algorithm"):
        load("oracle", "")
    with pytest.raises(ModelError, match="no linear model"):
        load(LOGISTIC, '{"mean": []}')
    with pytest.raises(ModelError, match="no LightGBM model"):
        load(LIGHTGBM, "tree of knowledge")


@pytest.mark.parametrize("linear", CANDIDATES[2:], ids=lambda c: c.algorithm)
def test_one_sided_labels_cannot_be_fitted_by_regression(linear):
    x, up, weight = sample()
    with pytest.raises(ModelError, match="cannot fit"):
        fit(linear, x, np.ones_like(up), weight, SETTINGS, NAMES)


def test_one_thread_and_two_fit_the_same_bits(monkeypatch):
    monkeypatch.setattr(estimators, "ONE_THREAD_VALUES", 0)
    x, up, weight = sample(6_000)
    one, two = (
        fit(CANDIDATES[1], x, up, weight, ModelConfig(threads=threads), NAMES).payload for threads in (1, 2)
    )
    trees = [text[text.index("Tree=0") : text.index("end of trees")] for text in (one, two)]
    assert trees[0] == trees[1]


def test_logistic_is_the_minimum_that_sklearn_finds():
    from sklearn.linear_model import LogisticRegression

    x, up, weight = sample(800)
    model = fit(Candidate(LOGISTIC, {"C": 0.02}), x, up, weight, SETTINGS, NAMES)
    solver = LogisticRegression(C=0.02, tol=1e-10, max_iter=5_000)
    solver.fit(np.where(np.isnan(x), 0.0, (x - model.mean) / model.scale), up, sample_weight=weight)
    np.testing.assert_allclose(model.coefficients, solver.coef_[0], atol=1e-6)
    assert model.intercept == pytest.approx(solver.intercept_[0], abs=1e-6)


def test_ridge_is_weighted_least_squares_with_a_penalty():
    from sklearn.linear_model import Ridge

    x, up, weight = sample()
    model = fit(Candidate(RIDGE, {"alpha": 0.3}), x, up, weight, SETTINGS, NAMES)
    solver = Ridge(alpha=0.3 * weight.sum())
    z = np.where(np.isnan(x), 0.0, (x - model.mean) / model.scale)
    solver.fit(z, 4 * up - 2, sample_weight=weight)
    np.testing.assert_allclose(model.coefficients, solver.coef_, rtol=1e-9, atol=1e-12)
    assert model.intercept == pytest.approx(solver.intercept_)


@pytest.mark.parametrize(("alpha", "ratio"), [(0.02, 0.5), (0.002, 0.9), (0.1, 0.1)])
def test_elastic_net_is_the_minimum_that_sklearn_finds(alpha, ratio):
    from sklearn.linear_model import LogisticRegression

    x, up, weight = sample(800)
    model = fit(Candidate(ELASTIC_NET, {"alpha": alpha, "l1_ratio": ratio}), x, up, weight, SETTINGS, NAMES)
    z = np.where(np.isnan(x), 0.0, (x - model.mean) / model.scale)
    solver = LogisticRegression(
        l1_ratio=ratio, C=1 / (alpha * weight.sum()), solver="saga", max_iter=20_000, tol=1e-9
    )
    solver.fit(z, up, sample_weight=weight)
    np.testing.assert_allclose(model.coefficients, solver.coef_[0], atol=2e-5)
    assert model.intercept == pytest.approx(solver.intercept_[0], abs=2e-5)


def test_elastic_net_drops_what_does_not_earn_its_penalty():
    x, up, weight = sample()
    model = fit(Candidate(ELASTIC_NET, {"alpha": 0.05, "l1_ratio": 0.9}), x, up, weight, SETTINGS, NAMES)
    assert model.coefficients[0] != 0
    assert model.coefficients[2] == model.coefficients[3] == 0
