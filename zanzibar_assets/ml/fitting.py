"""One fit as cross-validation and the final model do it: trees stopped early, probabilities calibrated.

Both need predictions of unseen rows, and those come from inner folds of the rows passed in, purged and
embargoed like the outer ones; no row from outside is looked at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.config import ModelConfig
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.calibration import NONE, Calibrator, fit_calibrator, load_calibrator
from zanzibar_assets.ml.cross_validation import Fold, cpcv_folds
from zanzibar_assets.ml.dataset import Dataset
from zanzibar_assets.ml.estimators import LIGHTGBM, Candidate, FittedModel, fit, load, tree_parameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PATIENCE = 20
"""Trees without a gain on unseen rows after which no more are tried."""


@dataclass(frozen=True, slots=True)
class CalibratedModel:
    """A fitted model whose probabilities went through a calibrator; contributions are before it."""

    model: FittedModel
    calibrator: Calibrator
    trees: int | None = None

    @property
    def payload(self) -> str:
        """Text of the model without its calibration."""
        return self.model.payload

    @property
    def calibration(self) -> str:
        """JSON of the calibration and of the number of trees that early stopping kept."""
        return json.dumps({**json.loads(self.calibrator.text), "trees": self.trees}, sort_keys=True)

    def log_odds(self, x: Floats) -> Floats:
        """Log-odds before calibration."""
        return self.model.log_odds(x)

    def predict(self, x: Floats) -> Floats:
        """Calibrated P(up)."""
        if self.calibrator.method == NONE:
            return self.model.predict(x)
        return self.calibrator.apply(self.model.log_odds(x))

    def contributions(self, x: Floats) -> Floats:
        """Additive contributions to the log-odds before calibration."""
        return self.model.contributions(x)

    def base(self) -> float:
        """Log-odds before calibration that contributions are added to."""
        return self.model.base()

    def gains(self) -> Floats | None:
        """Total split gain of each feature, None for a model without splits."""
        return self.model.gains()


def load_calibrated(algorithm: str, payload: str, calibration: str) -> CalibratedModel:
    """Restore a model and its calibration from their texts; ModelError when they are not such."""
    trees = json.loads(calibration).get("trees")
    return CalibratedModel(load(algorithm, payload), load_calibrator(calibration), trees)


def fit_calibrated(candidate: Candidate, data: Dataset, rows: Ints, config: ModelConfig) -> CalibratedModel:
    """Fit a candidate on ``rows`` of the data (ascending indices), calibrated within them.

    Raises ModelError when an inner fold has labels of one side only, or the algorithm is unknown.
    """
    if config.calibration == NONE:
        model = fit(candidate, data.x[rows], data.up[rows], data.weight[rows], config, data.features)
        return CalibratedModel(model, Calibrator(NONE))
    if not calibratable(data, rows, config):
        raise ModelError("an inner fold has labels of one side only", action="use longer history")
    folds = inner_folds(data, rows, config)
    if candidate.algorithm == LIGHTGBM:
        candidate, seen, scores = _stopped_trees(candidate, data, rows, folds, config)
    else:
        seen, scores = _unseen(candidate, data, rows, folds, config)
    model = fit(candidate, data.x[rows], data.up[rows], data.weight[rows], config, data.features)
    calibrator = fit_calibrator(config.calibration, scores, data.up[seen], data.weight[seen])
    trees = int(candidate.parameters["num_trees"]) if candidate.algorithm == LIGHTGBM else None
    return CalibratedModel(model, calibrator, trees)


def inner_folds(data: Dataset, rows: Ints, config: ModelConfig) -> list[Fold]:
    """Contiguous folds of the rows, purged and embargoed, as positions within ``rows``."""
    return cpcv_folds(data.start_us[rows], data.end_us[rows], config.inner_folds, 1, config.embargo_bars)


def calibratable(data: Dataset, rows: Ints, config: ModelConfig) -> bool:
    """True when every inner fold of the rows has outcomes of both sides to learn from."""
    if len(rows) < config.inner_folds:
        return False
    trains = [rows[fold.train] for fold in inner_folds(data, rows, config)]
    return all(0 < data.up[train].sum() < len(train) for train in trains)


def _unseen(
    candidate: Candidate, data: Dataset, rows: Ints, folds: list[Fold], config: ModelConfig
) -> tuple[Ints, Floats]:
    """Rows and their log-odds by models that did not see them."""
    tests, scores = [], []
    for fold in folds:
        train, test = rows[fold.train], rows[fold.test]
        model = fit(candidate, data.x[train], data.up[train], data.weight[train], config, data.features)
        tests.append(test)
        scores.append(model.log_odds(data.x[test]))
    return np.concatenate(tests), np.concatenate(scores)


def _stopped_trees(
    candidate: Candidate, data: Dataset, rows: Ints, folds: list[Fold], config: ModelConfig
) -> tuple[Candidate, Ints, Floats]:
    """The candidate with the number of trees at which the unseen rows' loss was least, and their log-odds.

    Bins are those of all ``rows``; they know no outcome.
    """
    import lightgbm

    least = min(len(fold.train) for fold in folds)
    parameters = {
        **tree_parameters(candidate, (least, data.x.shape[1]), config),
        "metric": "binary_logloss",
    }
    rounds = int(candidate.parameters["num_trees"])
    whole = lightgbm.Dataset(
        data.x[rows], data.up[rows], weight=data.weight[rows], params=parameters, free_raw_data=False
    ).construct()
    boosters = [_booster(parameters, whole, fold) for fold in folds]
    shares = [float(data.weight[rows[fold.test]].sum()) for fold in folds]
    kept = best_round(boosters, shares, rounds)
    tests = [rows[fold.test] for fold in folds]
    scores = [
        np.asarray(
            booster.predict(data.x[test], raw_score=True, num_iteration=kept, num_threads=1), dtype=np.float64
        )
        for booster, test in zip(boosters, tests, strict=True)
    ]
    chosen = replace(candidate, parameters={**candidate.parameters, "num_trees": kept})
    return chosen, np.concatenate(tests), np.concatenate(scores)


def _booster(parameters: dict[str, Any], whole: Any, fold: Fold) -> Any:
    """A booster without trees on a fold's training rows that measures itself on its test rows."""
    import lightgbm

    train = whole.subset(fold.train.tolist())
    try:
        booster = lightgbm.Booster(parameters, train)
        booster.add_valid(whole.subset(fold.test.tolist()), "unseen")
    except lightgbm.basic.LightGBMError as error:
        raise ModelError("LightGBM cannot fit these rows", got=str(error)) from error
    return booster


def best_round(boosters: list[Any], shares: list[float], rounds: int) -> int:
    """Trees at which the boosters' weighted loss on unseen rows was least; all grow tree by tree.

    They stop once it has not fallen for ``PATIENCE`` trees, or one of them finds no split any more.
    """
    least, kept = np.inf, 1
    for trees in range(1, rounds + 1):
        finished = [booster.update() for booster in boosters]
        if trees > 1 and any(finished):
            break
        losses = [booster.eval_valid()[0][2] for booster in boosters]
        loss = sum(share * each for share, each in zip(shares, losses, strict=True))
        if loss < least:
            least, kept = loss, trees
        elif trees - kept >= PATIENCE:
            break
    return kept
