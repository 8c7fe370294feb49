import json
from dataclasses import replace

import numpy as np
import pytest

from zanzibar_assets.ml.cross_validation import cpcv_folds
from zanzibar_assets.ml.dataset import assemble
from zanzibar_assets.ml.estimators import CANDIDATES, Candidate
from zanzibar_assets.ml.fitting import PATIENCE, best_round, fit_calibrated, inner_folds, load_calibrated
from zanzibar_assets_tests.ml import worlds

ONE_EACH = CANDIDATES[1:]


@pytest.fixture(scope="module")
def data():
    return assemble(*worlds.market_with_signal(0.6, seed=11, count=250), None)


@pytest.fixture(scope="module")
def outer(data):
    return cpcv_folds(data.start_us, data.end_us, 6, 2, 30)[4]


@pytest.mark.parametrize("candidate", ONE_EACH, ids=lambda c: c.algorithm)
@pytest.mark.parametrize("method", ["platt", "isotonic", "none"])
def test_nothing_outside_the_fold_moves_a_bit(data, outer, candidate, method):
    """Scaler, bins, number of trees, calibration and coefficients know the training rows alone."""
    settings = worlds.config(calibration=method, inner_folds=2).model
    rng = np.random.default_rng(5)
    x, up = data.x.copy(), data.up.copy()
    outside = np.setdiff1d(np.arange(data.rows), outer.train)
    x[outside] = rng.normal(50, 10, x[outside].shape)
    up[outside] = rng.integers(0, 2, len(outside))
    one = fit_calibrated(candidate, data, outer.train, settings)
    two = fit_calibrated(candidate, replace(data, x=x, up=up), outer.train, settings)
    assert one.payload == two.payload
    assert one.calibration == two.calibration


def test_inner_folds_are_purged(data, outer):
    settings = worlds.config(calibration="platt").model
    for fold in inner_folds(data, outer.train, settings):
        start, end = data.start_us[outer.train], data.end_us[outer.train]
        low, high = start[fold.test].min(), end[fold.test].max()
        assert not ((end[fold.train] >= low) & (start[fold.train] <= high)).any()


def test_useless_trees_are_stopped_early_and_useful_ones_are_not(data):
    rows = np.arange(data.rows)
    candidate = Candidate("lightgbm", {"num_trees": 60, "num_leaves": 8, "learning_rate": 0.3})
    noise = replace(data, up=np.random.default_rng(2).integers(0, 2, data.rows).astype(float))
    settings = worlds.config(calibration="platt").model
    kept = [fit_calibrated(candidate, one, rows, settings).trees for one in (noise, data)]
    assert kept[0] <= 3
    assert kept[0] < kept[1] < 60


class Curve:
    """A booster whose loss on unseen rows is given, tree by tree."""

    def __init__(self, losses, splits=10**9):
        self.losses, self.splits, self.trees = losses, splits, 0

    def update(self):
        self.trees += 1
        return self.trees > self.splits

    def eval_valid(self):
        return [("unseen", "binary_logloss", self.losses[self.trees - 1], False)]


def test_the_number_of_trees_by_hand():
    falling = [1.0 - tree / 100 for tree in range(60)]
    assert best_round([Curve(falling)], [1.0], 60) == 60
    dip = [0.9, 0.8, *[0.85] * PATIENCE, 0.1]
    booster = Curve(dip)
    assert best_round([booster], [1.0], 60) == 2
    assert booster.trees == 2 + PATIENCE, "the later dip is out of sight"
    late = [0.9, 0.8, *[0.85] * (PATIENCE - 1), 0.1]
    assert best_round([Curve(late)], [1.0], len(late)) == len(late)
    assert best_round([Curve(falling), Curve(falling[::-1])], [1.0, 3.0], 60) == 1, "by weight"
    assert best_round([Curve(falling), Curve(falling, splits=7)], [1.0, 1.0], 60) == 7


@pytest.mark.parametrize("candidate", ONE_EACH, ids=lambda c: c.algorithm)
def test_the_stored_texts_predict_the_same_bits(data, candidate):
    model = fit_calibrated(candidate, data, np.arange(data.rows), worlds.config(calibration="platt").model)
    again = load_calibrated(candidate.algorithm, model.payload, model.calibration)
    assert np.array_equal(again.predict(data.x), model.predict(data.x))
    assert again.calibration == model.calibration
    assert json.loads(model.calibration)["method"] == "platt"
