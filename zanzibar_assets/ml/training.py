"""Training: a declared list of candidates under purged cross-validation, every one a recorded trial.

The champion is the candidate with the best out-of-sample log-loss gain; it is fitted again on all rows.
Its cross-validated predictions (``model_oos``) are what validation judges.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.cross_validation import Fold, cpcv_folds, path_count
from zanzibar_assets.ml.dataset import Dataset, assemble
from zanzibar_assets.ml.estimators import CANDIDATES, Candidate, fit
from zanzibar_assets.ml.ic import rank_ic
from zanzibar_assets.ml.strategy import all_paths, median_path
from zanzibar_assets.ml.trials import Trial, TrialLog, TrialScores

Floats = NDArray[np.float64]
LOSS_CLIP = 1e-6
TRAINING_SETTINGS = {
    "horizon_bars",
    "barrier_sigma",
    "cv_groups",
    "cv_test_groups",
    "embargo_bars",
    "trade_threshold",
}
"""Settings that make a trial another trial; gates and thread counts do not."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Result of a training: the TrainedModel row and the champion's ModelOos frame."""

    model: pl.DataFrame
    oos: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Evaluated:
    candidate: Candidate
    paths: Floats
    scores: TrialScores


def train_model(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    instrument: Instrument,
    config: Config,
    trials: TrialLog,
    through: str | None = None,
    candidates: Sequence[Candidate] = CANDIDATES,
) -> Trained:
    """Train on FeatureMatrix and Labels frames with a ``session`` column, up to session ``through``.

    Every candidate is registered in ``trials`` before it is fitted. Too little data gives one row of
    status ``insufficient_history`` whose reason names the numbers, and no trial. Deterministic to the
    bit for the configured seed.
    """
    data = assemble(features, labels, through)
    reason = _shortage(data, config)
    folds = [] if reason else _folds(data, config)
    reason = reason or _thin_fold(data, folds)
    if reason:
        return Trained(_untrained(data, instrument, config, reason), empty("model_oos"))
    evaluated = [_evaluate(candidate, data, folds, instrument, config, trials) for candidate in candidates]
    champion = max(evaluated, key=lambda result: result.scores.score)
    model = _model_row(champion, data, instrument, config, len(evaluated))
    return Trained(model, _oos_frame(data, champion.paths))


def _shortage(data: Dataset, config: Config) -> str:
    wanted, found = config.model, len(data.sessions)
    if found < wanted.min_sessions:
        return f"{wanted.min_sessions} sessions with labels are needed, {found} there"
    if data.rows < wanted.min_rows:
        return f"{wanted.min_rows} labelled bars are needed, {data.rows} there"
    return ""


def _folds(data: Dataset, config: Config) -> list[Fold]:
    settings = config.model
    return cpcv_folds(
        data.start_us, data.end_us, settings.cv_groups, settings.cv_test_groups, settings.embargo_bars
    )


def _thin_fold(data: Dataset, folds: list[Fold]) -> str:
    for number, fold in enumerate(folds, start=1):
        rising = int(data.up[fold.train].sum())
        if not 0 < rising < len(fold.train):
            return f"fold {number} of {len(folds)} has {rising} rising of {len(fold.train)} training bars"
    return ""


def _evaluate(
    candidate: Candidate,
    data: Dataset,
    folds: list[Fold],
    instrument: Instrument,
    config: Config,
    trials: TrialLog,
) -> _Evaluated:
    trial = Trial(
        instrument=instrument.id,
        algorithm=candidate.algorithm,
        parameters=_parameters(candidate, instrument, config),
        features=data.features,
        seed=config.model.seed,
        data_fingerprint=data.fingerprint,
        trained_through=data.sessions[-1],
    )
    trial_id = trials.register(trial)
    try:
        paths = _out_of_sample(candidate, data, folds, config)
    except ModelError as error:
        trials.fail(trial_id, str(error))  # a failed try is still a try
        raise
    scores = _scores(data, paths, config)
    trials.score(trial_id, scores)
    return _Evaluated(candidate, paths, scores)


def _out_of_sample(candidate: Candidate, data: Dataset, folds: list[Fold], config: Config) -> Floats:
    """P(up) of every row on every path, shape ``(paths, rows)``."""
    paths = np.full((path_count(config.model.cv_groups, config.model.cv_test_groups), data.rows), np.nan)
    for fold in folds:
        rows = fold.train
        model = fit(candidate, data.x[rows], data.up[rows], data.weight[rows], config.model, data.features)
        for block, path in zip(fold.tests, fold.paths, strict=True):
            paths[path, block] = model.predict(data.x[block])
    return paths


def _scores(data: Dataset, paths: Floats, config: Config) -> TrialScores:
    weight = data.weight / data.weight.sum()
    base = float(np.clip(weight @ data.up, LOSS_CLIP, 1.0 - LOSS_CLIP))
    chance = np.clip(paths, LOSS_CLIP, 1.0 - LOSS_CLIP)
    loss = -(data.up * np.log(chance) + (1.0 - data.up) * np.log(1.0 - chance)) @ weight
    entropy = -(base * math.log(base) + (1.0 - base) * math.log(1.0 - base))
    gross = data.frame["gross_return"].to_numpy()
    middle = median_path(all_paths(_oos_frame(data, paths), config.model.trade_threshold))
    return TrialScores(
        score=entropy - float(loss.mean()),
        sharpe=middle.sharpe,
        periods=len(middle.periods),
        rank_ic=float(np.mean([rank_ic(path, gross) for path in paths])),
    )


def _oos_frame(data: Dataset, paths: Floats) -> pl.DataFrame:
    base = data.frame.rename({"entry": "event_ts", "exit": "known_at"})
    parts = [
        base.with_columns(pl.lit(number, dtype=pl.Int32).alias("path"), pl.Series("prediction", path))
        for number, path in enumerate(paths)
    ]
    return conform("model_oos", pl.concat(parts).sort("known_at", "event_ts", "path"))


def _parameters(candidate: Candidate, instrument: Instrument, config: Config) -> str:
    settings = {
        "instrument": instrument.id,
        "candidate": asdict(candidate),
        "model": config.model.model_dump(mode="json", include=TRAINING_SETTINGS),
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def _model_row(
    champion: _Evaluated, data: Dataset, instrument: Instrument, config: Config, trials: int
) -> pl.DataFrame:
    final = fit(champion.candidate, data.x, data.up, data.weight, config.model, data.features)
    parameters = _parameters(champion.candidate, instrument, config)
    identity = stable_hash([instrument.id, parameters, data.fingerprint, final.payload])
    row = {
        "model_id": f"{instrument.id}-{identity}",
        "status": "trained",
        "reason": None,
        "algorithm": champion.candidate.algorithm,
        "trained_through": data.sessions[-1],
        "parameters": parameters,
        "payload": final.payload,
        "trials": trials,
    }
    return _conformed(row, data, instrument, config)


def _untrained(data: Dataset, instrument: Instrument, config: Config, reason: str) -> pl.DataFrame:
    row = {
        "model_id": f"{instrument.id}-untrained",
        "status": "insufficient_history",
        "reason": reason,
        "algorithm": "none",
        "trained_through": data.sessions[-1] if data.rows else None,
        "parameters": json.dumps({"instrument": instrument.id}),
        "payload": "",
        "trials": 0,
    }
    return _conformed(row, data, instrument, config)


def _conformed(
    row: Mapping[str, object], data: Dataset, instrument: Instrument, config: Config
) -> pl.DataFrame:
    shared = {
        "sessions": len(data.sessions),
        "rows": data.rows,
        "seed": config.model.seed,
        "features": json.dumps(data.features),
        "data_fingerprint": data.fingerprint,
        "simulated": instrument.simulated,
    }
    return conform("trained_model", pl.DataFrame([{**row, **shared}]))
