import json

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ml.estimators import CANDIDATES
from zanzibar_assets.ml.model_card import card_text, model_card
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets_tests.ml import worlds

ONE = CANDIDATES[-1:]


@pytest.fixture(scope="module")
def card():
    market = worlds.market_with_signal(0.6, seed=9, count=200)
    settings = worlds.config(min_rows=300, calibration="platt", inner_folds=2)
    trained = train_model(*market, worlds.instrument(), settings, MemoryTrialLog(), candidates=ONE)
    row = trained.model.row(0, named=True)
    said = dict.fromkeys(empty("validation_report").columns) | {
        "model_id": row["model_id"], "metric": "psr", "value": 0.5, "detail": "", "verdict": "reject",
        "verdict_reason": "too lucky",
    }  # fmt: skip
    return model_card(row, trained.oos, conform("validation_report", pl.DataFrame([said])))


def test_the_card_says_what_the_model_is(card):
    assert json.loads(json.dumps(card)) == card
    assert (card["instrument"], card["algorithm"], card["simulated"]) == ("SIM_ES", "ridge", True)
    assert card["data"]["first_session"] == worlds.SESSIONS[0]
    assert card["data"]["last_session"] == worlds.SESSIONS[-1]
    assert card["scores"] == {"psr": 0.5}
    calibration = card["calibration"]
    assert calibration["method"] == "platt"
    assert 0 < calibration["brier"] < 0.5
    assert sum(rows for _, _, rows in calibration["reliability"]) == 5 * card["data"]["rows"]


def test_the_text_names_what_matters(card):
    text = card_text(card)
    for word in ("SIMULATED", "ridge", "reject: too lucky", "Brier", "Limits:", card["data"]["fingerprint"]):
        assert word in text
