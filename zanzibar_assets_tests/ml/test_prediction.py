import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.estimators import CANDIDATES
from zanzibar_assets.ml.explanation import explain_model
from zanzibar_assets.ml.prediction import predict
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets_tests.ml import worlds

SMALL = worlds.config(min_rows=300)


@pytest.fixture(scope="module")
def market():
    return worlds.market_with_signal(0.6, seed=9, count=200)


@pytest.fixture(scope="module", params=[CANDIDATES[0], CANDIDATES[2]], ids=["lightgbm", "logistic"])
def model(request, market):
    log = MemoryTrialLog()
    return train_model(*market, worlds.instrument(), SMALL, log, candidates=[request.param]).model


@pytest.fixture
def untrained(market):
    few = [frame.filter(pl.col("session") == worlds.SESSIONS[0]) for frame in market]
    return train_model(*few, worlds.instrument(), SMALL, MemoryTrialLog()).model


def session_of(market, number):
    return market[0].filter(pl.col("session") == worlds.SESSIONS[number]).drop("session")


def test_one_prediction_a_bar(market, model):
    features = session_of(market, 4)
    found = predict(model, features)
    assert breaches("predictions", found) == []
    assert found["known_at"].equals(features["known_at"])
    assert set(found["model_id"]) == {model["model_id"].item()}
    assert found["prediction"].std() > 0.01


def test_each_bar_is_predicted_from_its_own_features(market, model):
    features = session_of(market, 4)
    assert predict(model, features.head(50)).equals(predict(model, features).head(50))


def test_an_untrained_model_predicts_and_explains_nothing(market, untrained):
    features = session_of(market, 0)
    assert predict(untrained, features).equals(empty("predictions"))
    assert explain_model(untrained, features, SMALL).equals(empty("model_explanation"))


def test_no_bars_no_predictions(market, model):
    assert predict(model, session_of(market, 0).clear()).equals(empty("predictions"))


def test_missing_features_and_two_models_are_refused(market, model):
    with pytest.raises(ModelError, match="no rsi_14"):
        predict(model, session_of(market, 0).drop("rsi_14"))
    with pytest.raises(ModelError, match="one model"):
        predict(pl.concat([model, model]), session_of(market, 0))


def test_explanation_ranks_the_planted_feature_first(market, model):
    found = explain_model(model, market[0].drop("session"), SMALL)
    assert breaches("model_explanation", found) == []
    assert found["feature"][0] == "ret_5"
    assert found["rank"].to_list() == list(range(1, found.height + 1))
    assert found["mean_abs_shap"].is_sorted(descending=True)
    trees = model["algorithm"].item() == "lightgbm"
    assert found["gain"].null_count() == (0 if trees else found.height)
