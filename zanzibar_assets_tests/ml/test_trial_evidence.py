import math

import numpy as np
import pytest

from zanzibar_assets.config import GateConfig
from zanzibar_assets.ml.overfitting import probability_of_overfitting
from zanzibar_assets.ml.sharpe import expected_max_sharpe
from zanzibar_assets.ml.trial_evidence import field_of, overfitting_gate
from zanzibar_assets.ml.trials import RecordedTrial, Trial, TrialScores

GATE = GateConfig()


def recorded(matrix, data="d", first=0):
    rows = []
    for number, column in enumerate(np.asarray(matrix).T):
        starts = tuple(range(first, first + len(column)))
        sharpe = float(column.mean() / column.std(ddof=1))
        scores = TrialScores(0.0, sharpe, len(column), 0.0, starts_us=starts, returns=tuple(column.tolist()))
        trial = Trial("X", "logistic", f"{data}{number}", (), 7, data, "2024-03-08")
        rows.append(RecordedTrial(trial.trial_id, trial, "scored", scores))
    return rows


def test_overfitting_is_that_of_the_trials_on_the_same_data():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(64, 12))
    others = recorded(rng.normal(size=(80, 15)), data="other")
    gate, loss = overfitting_gate([*others, *recorded(matrix)], "d", GATE)
    assert gate.value == probability_of_overfitting(matrix, 16).pbo
    assert gate.passed is (gate.value <= 0.5)
    assert loss.passed is None


def test_few_trials_or_spans_are_not_judged_and_say_so():
    rng = np.random.default_rng(2)
    for shape in ((64, 9), (7, 12)):
        (gate,) = overfitting_gate(recorded(rng.normal(size=shape)), "d", GATE)
        assert (gate.value, gate.passed) == (None, None)
        assert f"{shape[1]} trials left returns of {shape[0]} spans" in gate.detail
    (gate,) = overfitting_gate([], "d", GATE)
    assert gate.passed is None


def test_more_trials_than_spans_are_judged_as_they_stand():
    gate, _ = overfitting_gate(recorded(np.random.default_rng(3).normal(size=(16, 40))), "d", GATE)
    assert 0.0 <= gate.value <= 1.0


def test_the_hurdle_knows_duplicates_from_trials():
    rng = np.random.default_rng(4)
    kinds = rng.normal(size=(500, 5))
    alone, often = field_of(recorded(kinds), 7), field_of(recorded(np.repeat(kinds, 8, axis=1)), 7)
    assert often.trials.count == 40
    assert often.trials.effective == pytest.approx(alone.trials.effective, abs=0.3)
    assert "40 trials that amount to" in often.words
    assert often.hurdle(500) < expected_max_sharpe(40, 1 / 499)


def test_without_scores_the_hurdle_is_that_of_the_count():
    trial = Trial("X", "logistic", "p", (), 7, "d", "2024-03-08")
    field = field_of([RecordedTrial(str(n), trial) for n in range(20)], 7)
    assert field.hurdle(401) == pytest.approx(expected_max_sharpe(20, 1 / 400))
    assert field.words == "20 trials"


def test_an_empty_registry_is_one_trial():
    assert field_of([], 7).hurdle(100) == pytest.approx(0.0)
    assert math.isfinite(field_of([], 7).trials.effective)
