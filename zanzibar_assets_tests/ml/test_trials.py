from dataclasses import replace

import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.trials import MemoryTrialLog, Trial, TrialScores

TRIAL = Trial("ES", "lightgbm", '{"num_leaves":7}', ("ret_1", "ret_5"), 7, "abc", "2024-03-05")
SCORES = TrialScores(score=0.01, sharpe=0.05, periods=200, rank_ic=0.02)


def test_a_trial_stands_in_the_log_before_it_has_scores():
    log = MemoryTrialLog()
    log.register(TRIAL)
    (row,) = log.recorded("ES")
    assert (row.status, row.scores, row.trial) == ("registered", None, TRIAL)


def test_the_same_trial_again_is_one_trial_and_any_change_is_another():
    log = MemoryTrialLog()
    first = log.register(TRIAL)
    assert log.register(replace(TRIAL)) == first
    changes = [
        {"instrument": "NQ"}, {"algorithm": "logistic"}, {"parameters": "{}"}, {"features": ("ret_1",)},
        {"seed": 8}, {"data_fingerprint": "abd"}, {"trained_through": "2024-03-06"},
    ]  # fmt: skip
    ids = {log.register(replace(TRIAL, **change)) for change in changes}
    assert len(ids | {first}) == len(changes) + 1
    assert len(log.recorded("ES")) == len(changes)  # one of them is NQ's


def test_registering_again_keeps_the_scores():
    log = MemoryTrialLog()
    log.score(log.register(TRIAL), SCORES)
    log.register(TRIAL)
    assert log.recorded("ES")[0].scores == SCORES


def test_a_failed_trial_still_counts():
    log = MemoryTrialLog()
    log.fail(log.register(TRIAL), "no rows")
    (row,) = log.recorded("ES")
    assert (row.status, row.reason) == ("failed", "no rows")


def test_scores_of_a_trial_that_was_never_registered_are_refused():
    with pytest.raises(ModelError, match="never registered"):
        MemoryTrialLog().score("feedface", SCORES)
    with pytest.raises(ModelError, match="never registered"):
        MemoryTrialLog().fail("feedface", "why")
