"""A handful of the null experiments: real registry, checks and verdict; the benchmark has the rest."""

import math

import numpy as np
import pytest

from zanzibar_assets.ml.strategy import path_result
from zanzibar_assets.vocabulary import MODEL_GATES
from zanzibar_assets_tests.benchmarks import null_experiments as experiments


def test_fifty_trials_of_luck_are_not_promoted_and_fool_who_does_not_count_them(tmp_path):
    runs = [experiments.one_run(tmp_path, seed, None, sessions=300) for seed in range(3)]
    assert not [run for run in runs if run.verdict == "promote"]
    assert sum(run.passed["psr"] for run in runs) >= 2
    assert set(runs[0].passed) == set(MODEL_GATES)


def test_a_great_skill_among_fifty_is_promoted(tmp_path):
    run = experiments.one_run(tmp_path, 5, 7.0, sessions=500)
    assert run.skilled
    assert run.verdict == "promote"


@pytest.mark.parametrize("edge", [0.0, 0.1])
def test_a_planted_ic_is_recovered_within_its_bound(edge):
    found = experiments.planted(edge, seed=3, sessions=600)
    assert abs(found["reported"] - found["true"]) <= found["bound"]


def test_planted_skill_has_the_sharpe_ratio_it_is_said_to_have():
    world = experiments.World(np.random.default_rng(1), 40_000)
    result = path_result(world.oos(experiments.edge_of(3.0)), experiments.THRESHOLD)
    annual = result.sharpe * math.sqrt(experiments.YEAR * experiments.SPANS)
    assert annual == pytest.approx(3.0, abs=0.3)


def test_a_seed_gives_the_same_run(tmp_path):
    one, two = (experiments.one_run(tmp_path, 9, None, sessions=100) for _ in range(2))
    assert one == two
