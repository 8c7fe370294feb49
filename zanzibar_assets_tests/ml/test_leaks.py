"""No way for the future into training: purge, embargo, selection, predictions, shuffled folds."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.cross_validation import cpcv_folds
from zanzibar_assets.ml.estimators import Candidate
from zanzibar_assets.ml.ic import rank_ic
from zanzibar_assets.ml.prediction import predict
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets_tests.ml import worlds

CANDIDATES = (
    Candidate("logistic", {"C": 0.02}),
    Candidate("lightgbm", {"num_trees": 12, "num_leaves": 4, "learning_rate": 0.1}),
)
FUTURE = "2024-03-08"


def allowed(starts, ends, fold, embargo):
    """Training rows by the definition, one after another: no touch, and the embargo after each block."""
    barred = set()
    for block in fold.tests:
        first, last = min(starts[block]), max(ends[block])
        barred |= {r for r in range(len(starts)) if starts[r] <= last and ends[r] >= first}
        behind = [r for r in range(len(starts)) if starts[r] > last and r > block[-1]]
        barred |= set(behind[:embargo])
    return [r for r in range(len(starts)) if r not in barred]


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([8, 12, 25]), st.sampled_from([5, 20, 40]), st.integers(0, 12)
)
@settings(deadline=None, max_examples=25, derandomize=True)
def test_short_folds_keep_just_the_rows_that_touch_no_test_label(seed, length, horizon, embargo):
    """Folds shorter than the labels: where a missing purge shows most."""
    rng = np.random.default_rng(seed)
    rows = 6 * length
    starts = np.cumsum(rng.integers(0, 3, rows))
    ends = starts + rng.integers(1, horizon + 1, rows)
    for fold in cpcv_folds(starts, ends, 6, 2, embargo):
        assert fold.train.tolist() == allowed(starts, ends, fold, embargo)


def walk(rows, horizon, seed):
    """Features that wander, labels that overlap, and nothing that one says of the other."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(rows, 6)), axis=0)
    steps = np.concatenate(([0.0], np.cumsum(rng.normal(size=rows + horizon))))
    return x, steps[horizon : horizon + rows] - steps[:rows]


def nearest(x, y, train, test):
    """What the nearest training row was worth: the model that profits most from a neighbour."""
    distance = np.square(x[test][:, None, :] - x[train][None, :, :]).sum(axis=2)
    return y[train[distance.argmin(axis=1)]]


def test_a_shuffled_split_would_find_what_is_not_there_and_the_purged_one_does_not():
    rows, horizon = 900, 20
    shuffled, purged = [], []
    for seed in range(4):
        x, y = walk(rows, horizon, seed)
        order = np.random.default_rng(seed).permutation(rows)
        told = np.empty(rows)
        for test in np.array_split(order, 6):
            told[test] = nearest(x, y, np.setdiff1d(order, test), test)
        shuffled.append(rank_ic(told, y))
        starts = np.arange(rows, dtype=np.int64)
        for fold in cpcv_folds(starts, starts + horizon, 6, 1, 5):
            told[fold.test] = nearest(x, y, fold.train, fold.test)
        purged.append(rank_ic(told, y))
    assert np.mean(shuffled) > 0.7
    assert abs(np.mean(purged)) < 0.25


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_rows_are_refused_with_what_to_do(seed):
    starts = np.arange(200, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(200)
    with pytest.raises(ModelError, match=r"not in time order.*never shuffle"):
        cpcv_folds(starts[order], starts[order] + 20, 5, 1, 0)


@pytest.fixture(scope="module")
def world():
    return worlds.market_with_signal(0.4, seed=5, count=90)


def perturbed(frame, seed):
    """The same table, every number of its last session another one."""
    rng = np.random.default_rng(seed)
    numbers = [name for name, kind in frame.schema.items() if kind == pl.Float64 and name != "weight"]
    later = pl.col("session") == FUTURE
    return frame.with_columns(
        pl.when(later).then(pl.Series(rng.normal(0, 5, frame.height))).otherwise(pl.col(name)).alias(name)
        for name in numbers
    )


@pytest.fixture(scope="module")
def trained(world):
    settings_ = worlds.config(min_rows=100, cv_groups=4, search_trials=2, embargo_bars=5)

    def train(features, labels):
        log = MemoryTrialLog()
        found = train_model(
            features, labels, worlds.instrument(), settings_, log, through="2024-03-07", candidates=CANDIDATES
        )
        return found, log.recorded("SIM_ES")

    return [train(*(perturbed(frame, seed) if seed else frame for frame in world)) for seed in (0, 1, 2)]


def test_a_perturbed_future_moves_no_bit_of_trials_selection_model_or_scores(trained):
    (first, trials), *others = trained
    assert first.model["status"][0] == "trained"
    for other, others_trials in others:
        assert other.model.equals(first.model)  # scaler, bins, coefficients, calibration: all in the row
        assert other.oos.equals(first.oos)
        assert others_trials == trials


def test_a_perturbed_future_moves_no_bit_of_a_prediction(world, trained):
    model = trained[0][0].model
    features = world[0].filter(pl.col("session") != FUTURE).drop("session")
    whole = predict(model, features)
    rng = np.random.default_rng(3)
    for cut in rng.integers(1, features.height, 40):
        known = features["known_at"][int(cut)]
        before = predict(model, features.filter(pl.col("known_at") <= known))
        assert before.equals(whole.filter(pl.col("known_at") <= known))
