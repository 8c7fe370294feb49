import warnings

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml import stability
from zanzibar_assets.ml.dataset import assemble, feature_array
from zanzibar_assets.ml.estimators import CANDIDATES, LIGHTGBM, Candidate, fit
from zanzibar_assets.ml.explanation import MOST_PAIRS, explain_interactions, explain_model, sampled
from zanzibar_assets.ml.prediction import feature_names, fitted_model, predict
from zanzibar_assets.ml.reasons import NAMED_REASONS, OTHERS, prediction_reasons
from zanzibar_assets.ml.stability import importance_stability
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.tree_interactions import goes_left, tree_interactions
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets_tests.ml import worlds

SMALL = worlds.config(min_rows=300, cv_groups=4, trade_threshold=0.6)


@pytest.fixture(scope="module")
def market():
    return worlds.market_with_signal(0.6, seed=9, count=200)


@pytest.fixture(scope="module", params=[CANDIDATES[0], CANDIDATES[2]], ids=["lightgbm", "logistic"])
def model(request, market):
    log = MemoryTrialLog()
    return train_model(*market, worlds.instrument(), SMALL, log, candidates=[request.param]).model


def test_parts_that_lean_on_other_features_have_nothing_in_common():
    one, other = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, 3.0, 1.0])
    assert stability._overlap(one, other) == 0.0
    assert stability._overlap(one, 7.0 * one) == 1.0
    assert stability._overlap(one, np.array([1.0, 0.0, 0.0, 1.0])) == 0.5
    assert stability._agreement(one, other) < 0
    assert stability._agreement(one, 2.0 * one) == 1.0
    assert stability._agreement(one, np.zeros(4)) is None


@pytest.fixture
def untrained(market):
    few = [frame.filter(pl.col("session") == worlds.SESSIONS[0]) for frame in market]
    return train_model(*few, worlds.instrument(), SMALL, MemoryTrialLog()).model


@pytest.fixture(scope="module")
def trees():
    """Deep trees over few features, some values missing, one feature never."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1_500, 6))
    x[:, :4][rng.random((1_500, 4)) < 0.1] = np.nan
    sign = np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + 0.5 * x[:, 5]
    up = (sign + rng.normal(size=1_500) > 0).astype(np.float64)
    candidate = Candidate(LIGHTGBM, {"num_trees": 12, "num_leaves": 15, "learning_rate": 0.1,
                                     "min_data_in_leaf": 20, "feature_fraction": 1.0})  # fmt: skip
    names = tuple("abcdef")
    return fit(candidate, x, up, np.ones(1_500), SMALL.model, names), x[:80]


def shap_explainer(booster):
    # shap makes its colour maps on import in a way that matplotlib is going to retire
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap

    return shap.TreeExplainer(booster)


def test_interactions_and_contributions_are_those_of_shap(trees):
    model, x = trees
    mine = tree_interactions(model.booster, x)
    theirs = np.asarray(shap_explainer(model.booster).shap_interaction_values(x))
    np.testing.assert_allclose(mine, theirs, atol=1e-9)
    # shap computes interactions in code of its own: their row sums check LightGBM's contributions
    np.testing.assert_allclose(model.contributions(x), theirs.sum(axis=2), atol=1e-9)


def test_interactions_are_symmetric_and_sum_to_contributions_also_for_values_missing_first_now(trees):
    model, x = trees
    unseen = x.copy()
    unseen[::3, 4:] = np.nan  # never missing in training
    found = tree_interactions(model.booster, unseen)
    np.testing.assert_allclose(found, found.transpose(0, 2, 1), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=2), model.contributions(unseen), atol=1e-9)


def test_splits_that_are_not_numeric_are_refused():
    node = {"decision_type": "==", "missing_type": "None", "threshold": 1.0, "default_left": True}
    with pytest.raises(ModelError, match="numeric splits"):
        goes_left(node, np.zeros(2))


def test_contributions_and_base_sum_to_the_score(market, model):
    fitted = fitted_model(model)
    x = feature_array(market[0], feature_names(model))
    np.testing.assert_allclose(
        fitted.contributions(x).sum(axis=1) + fitted.base(), fitted.log_odds(x), atol=1e-9
    )


def test_the_sample_is_seeded_and_without_repetition():
    drawn = sampled(10_000, 500, 7)
    assert len(np.unique(drawn)) == 500
    assert (np.diff(drawn) > 0).all()
    assert (drawn == sampled(10_000, 500, 7)).all()
    assert not (drawn == sampled(10_000, 500, 8)).all()
    assert sampled(3, 500, 7).tolist() == [0, 1, 2]


def test_pairs_of_a_tree_model_are_ranked_and_a_linear_model_has_none(market, model):
    found = explain_interactions(model, market[0].drop("session"), SMALL)
    assert breaches("model_interactions", found) == []
    if model["algorithm"].item() != LIGHTGBM:
        assert found.is_empty()
        return
    assert 0 < found.height <= MOST_PAIRS
    assert found["mean_abs_interaction"].is_sorted(descending=True)
    assert "ret_5" in found.row(0)
    assert (found["feature_a"] != found["feature_b"]).all()


def test_a_planted_feature_stays_important_over_folds_and_time(market, model):
    found = importance_stability(model, *market, SMALL)
    assert breaches("importance_stability", found) == []
    assert found.group_by("kind").len().sort("kind").rows() == [("fold", 6), ("period", 3)]
    assert found["shared_top"].min() > 0
    assert found["overlap"].min() > 0
    assert found.filter(pl.col("kind") == "period")["overlap"].min() > 0.5
    assert found["rank_correlation"].min() > 0
    assert (found["lowest"] <= found["rank_correlation"] + 1e-12).all()
    assert found.equals(importance_stability(model, *market, SMALL))
    periods = found.filter(pl.col("kind") == "period").sort("part")
    assert periods["first_session"][0] == worlds.SESSIONS[0]
    assert periods["last_session"][-1] == worlds.SESSIONS[-1]
    assert periods["rows"].sum() == assemble(*market, None).rows


def test_the_reasons_of_a_prediction_sum_to_its_score(market, model):
    features = market[0].filter(pl.col("session") == worlds.SESSIONS[4]).drop("session")
    predicted = predict(model, features)
    found = prediction_reasons(model, features, predicted, SMALL)
    assert breaches("prediction_reasons", found) == []
    spoken = predicted.filter((pl.col("prediction") - 0.5).abs() >= 0.1)
    assert 0 < spoken.height < predicted.height
    assert found["known_at"].unique(maintain_order=True).equals(spoken["known_at"])
    by_bar = found.group_by("known_at", maintain_order=True)
    sums = by_bar.agg(pl.col("contribution").sum() + pl.col("base").first(), pl.col("log_odds").first())
    np.testing.assert_allclose(sums["contribution"], sums["log_odds"], atol=1e-9)
    assert set(by_bar.len()["len"]) == {NAMED_REASONS + 1}
    one = found.head(NAMED_REASONS + 1)
    assert one["feature"][-1] == OTHERS
    assert one["contribution"].head(NAMED_REASONS).abs().is_sorted(descending=True)
    own = features.filter(pl.col("known_at") == one["known_at"][0])
    assert one["value"][0] == own[one["feature"][0]].item()


def test_reasons_know_their_own_bar_alone(market, model):
    features = market[0].filter(pl.col("session") == worlds.SESSIONS[4]).drop("session")
    whole = prediction_reasons(model, features, predict(model, features), SMALL)
    for cut in np.random.default_rng(3).integers(1, features.height, 12):
        part = features.head(int(cut))
        known = whole.filter(pl.col("known_at") <= part["known_at"].max())
        assert prediction_reasons(model, part, predict(model, part), SMALL).equals(known)


def test_an_untrained_model_has_no_explanation(market, untrained):
    features, labels = market
    assert explain_model(untrained, features, SMALL).equals(empty("model_explanation"))
    assert explain_interactions(untrained, features, SMALL).equals(empty("model_interactions"))
    assert importance_stability(untrained, features, labels, SMALL).equals(empty("importance_stability"))
    for nothing in (untrained, untrained.clear()):
        found = prediction_reasons(nothing, features, empty("predictions"), SMALL)
        assert found.equals(empty("prediction_reasons"))
