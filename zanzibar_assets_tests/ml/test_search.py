"""The search, and what a killed one leaves in the registry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.estimators import ALGORITHMS
from zanzibar_assets.ml.search import search
from zanzibar_assets.ml.stored_trials import StoredTrials
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets_tests.house.repository import ROOT
from zanzibar_assets_tests.ml import worlds

KILLED = """
import os, signal, sys
from pathlib import Path
from zanzibar_assets.ml.stored_trials import StoredTrials
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets_tests.ml import worlds
import zanzibar_assets.ml.training as training

fits = 0
fit = training.fit_calibrated
def killing(*arguments):
    global fits
    fits += 1
    if fits == 17:  # the second fold of the second trial
        os.kill(os.getpid(), signal.SIGKILL)
    return fit(*arguments)
training.fit_calibrated = killing
log = StoredTrials(TrialRows(Database(Path(sys.argv[1])), lambda: 5))
settings = worlds.config(min_rows=300, search_trials=3, calibration="platt", inner_folds=2)
market = worlds.market_with_signal(0.5, seed=6, count=160)
train_model(*market, worlds.instrument(), settings, log, candidates=(), code_version="abc")
"""


def proposals(seed, score, count=14):
    seen = []

    def evaluate(candidate):
        seen.append(candidate)
        return score(candidate)

    return search(count, seed, evaluate), seen


def by_algorithm(candidate):
    return 1.0 if candidate.algorithm == "ridge" else 0.0


def test_one_seed_gives_the_same_proposals_and_another_gives_others():
    one, two = proposals(3, by_algorithm), proposals(3, by_algorithm)
    assert one == two
    assert proposals(4, by_algorithm) != one


def test_the_search_learns_what_scores():
    _, seen = proposals(3, by_algorithm, 60)
    late = [candidate.algorithm for candidate in seen[-30:]]
    assert late.count("ridge") > 2 * 30 / len(ALGORITHMS) - 3  # by chance a quarter of them
    assert {candidate.algorithm for candidate in seen} == set(ALGORITHMS)


def test_what_fails_is_counted_and_the_search_goes_on():
    def moody(candidate):
        if candidate.algorithm != "ridge":
            raise ModelError("cannot fit")
        return 1.0

    failed, seen = proposals(3, moody)
    assert failed == sum(candidate.algorithm != "ridge" for candidate in seen)
    assert 0 < failed < len(seen) == 14


def test_every_searched_trial_is_in_the_registry_with_its_scores():
    log = MemoryTrialLog()
    settings = worlds.config(min_rows=300, search_trials=3, calibration="platt", inner_folds=2)
    market = worlds.market_with_signal(0.5, seed=6, count=160)
    options = {"candidates": (), "code_version": "abc"}
    result = train_model(*market, worlds.instrument(), settings, log, **options)
    rows = log.recorded("SIM_ES")
    assert result.model["trials"].item() == len(rows) == 3
    assert {row.trial.code_version for row in rows} == {"abc"}
    assert all(row.scores.returns and 0 < row.scores.brier < 1 for row in rows)
    assert all(len(row.scores.starts_us) == len(row.scores.returns) == 20 for row in rows)
    again = train_model(*market, worlds.instrument(), settings, MemoryTrialLog(), **options)
    assert again.model.equals(result.model)
    assert again.oos.equals(result.oos)


def test_a_search_killed_in_the_middle_leaves_its_trials_and_goes_on(tmp_path: Path):
    place = tmp_path / "metadata.sqlite"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(place)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    log = StoredTrials(TrialRows(Database(place), lambda: 6))
    left = log.recorded("SIM_ES")
    assert [row.status for row in left] == ["scored", "registered"]
    assert left[1].trial.seed == 7
    assert left[1].trial.data_fingerprint == left[0].trial.data_fingerprint

    settings = worlds.config(min_rows=300, search_trials=3, calibration="platt", inner_folds=2)
    market = worlds.market_with_signal(0.5, seed=6, count=160)
    train_model(*market, worlds.instrument(), settings, log, candidates=(), code_version="abc")
    whole = log.recorded("SIM_ES")
    assert [row.trial_id for row in whole[:2]] == [row.trial_id for row in left]
    assert [row.status for row in whole] == ["scored"] * 3
    assert whole[0].scores == left[0].scores


@pytest.mark.parametrize("count", [0])
def test_no_trials_no_search(count):
    assert proposals(1, by_algorithm, count) == (0, [])
