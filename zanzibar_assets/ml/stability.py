"""Does a model lean on the same features whatever it is trained on, and whenever it is asked?"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ml.cross_validation import cpcv_folds
from zanzibar_assets.ml.dataset import Dataset, assemble
from zanzibar_assets.ml.estimators import LIGHTGBM, Candidate, fit
from zanzibar_assets.ml.explanation import sampled
from zanzibar_assets.ml.ic import rank_ic
from zanzibar_assets.ml.prediction import fitted_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PERIODS = 3
STABILITY_ROWS = 600
TOP = 10


def importance_stability(
    model: pl.DataFrame, features: pl.DataFrame, labels: pl.DataFrame, config: Config
) -> pl.DataFrame:
    """ImportanceStability of a TrainedModel over FeatureMatrix and Labels frames with ``session``.

    Folds: the model's configuration (the trees that it kept, uncalibrated) fitted again on each
    cross-validation fold's training rows and asked for the same rows. Periods: the model itself, asked for
    each third of its training rows. At most ``STABILITY_ROWS`` rows are explained each time, drawn by
    ``model.seed``. An untrained model gives the typed empty frame.
    """
    fitted = fitted_model(model)
    if fitted is None:
        return empty("importance_stability")
    row = model.row(0, named=True)
    data = assemble(features, labels, row["trained_through"])
    everything = np.arange(data.rows, dtype=np.int64)
    whole = _importance(fitted.contributions(data.x[_drawn(everything, config)]))
    thirds = np.array_split(everything, PERIODS)
    periods = [_importance(fitted.contributions(data.x[_drawn(part, config)])) for part in thirds]
    trained_on, folds = _fold_importances(data, _candidate(row), config)
    frame = pl.DataFrame(
        _rows("fold", folds, trained_on, whole, data) + _rows("period", periods, thirds, whole, data)
    )
    return conform("importance_stability", frame.with_columns(pl.lit(row["model_id"]).alias("model_id")))


def _candidate(row: dict[str, object]) -> Candidate:
    """The configuration of a TrainedModel row, with the number of trees that early stopping kept."""
    chosen = json.loads(str(row["parameters"]))["candidate"]
    given, trees = dict(chosen["parameters"]), json.loads(str(row["calibration"])).get("trees")
    if chosen["algorithm"] == LIGHTGBM and trees is not None:
        given["num_trees"] = trees
    return Candidate(chosen["algorithm"], given)


def _fold_importances(
    data: Dataset, candidate: Candidate, config: Config
) -> tuple[list[Ints], list[Floats]]:
    settings = config.model
    folds = cpcv_folds(
        data.start_us, data.end_us, settings.cv_groups, settings.cv_test_groups, settings.embargo_bars
    )
    asked = data.x[_drawn(np.arange(data.rows, dtype=np.int64), config)]
    found = []
    for fold in folds:
        rows = fold.train
        model = fit(candidate, data.x[rows], data.up[rows], data.weight[rows], settings, data.features)
        found.append(_importance(model.contributions(asked)))
    return [fold.train for fold in folds], found


def _drawn(rows: Ints, config: Config) -> Ints:
    return rows[sampled(len(rows), STABILITY_ROWS, config.model.seed)]


def _importance(contributions: Floats) -> Floats:
    return np.asarray(np.abs(contributions).mean(axis=0), dtype=np.float64)


def _rows(
    kind: str, parts: list[Floats], rows: list[Ints], whole: Floats, data: Dataset
) -> list[dict[str, object]]:
    sessions = data.frame["session"]
    leading = _top(whole)
    found: list[dict[str, object]] = []
    for number, (part, own) in enumerate(zip(parts, rows, strict=True)):
        others = [_agreement(part, other) for at, other in enumerate(parts) if at != number]
        known = [value for value in others if value is not None]
        complete = bool(known) and len(known) == len(others)
        found.append(
            {
                "kind": kind,
                "part": number + 1,
                "rows": len(own),
                "first_session": sessions[int(own[0])],
                "last_session": sessions[int(own[-1])],
                "rank_correlation": float(np.mean(known)) if complete else None,
                "lowest": min(known) if complete else None,
                "overlap": float(np.mean([_overlap(part, o) for at, o in enumerate(parts) if at != number])),
                "shared_top": len(leading & _top(part)) / max(len(leading), 1),
            }
        )
    return found


def _top(importance: Floats) -> set[int]:
    """The ten most important features, without those of no importance."""
    order = np.argsort(-importance, kind="stable")[:TOP]
    return {int(at) for at in order if importance[at] > 0}


def _agreement(one: Floats, other: Floats) -> float | None:
    """Spearman's correlation over all features; None where either leans on nothing."""
    if one.max() <= 0 or other.max() <= 0:
        return None
    return float(np.clip(rank_ic(one, other), -1.0, 1.0))


def _overlap(one: Floats, other: Floats) -> float:
    """Importance that two parts have in common, each summing to 1; 0 where either leans on nothing."""
    if one.sum() <= 0 or other.sum() <= 0:
        return 0.0
    return float(min(np.minimum(one / one.sum(), other / other.sum()).sum(), 1.0))
