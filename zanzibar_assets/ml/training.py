"""Training: declared and searched candidates under purged cross-validation, each a recorded trial.

The best candidate is the one with the best out-of-sample log-loss gain; it is fitted again on all rows.
Its cross-validated predictions (``model_oos``) are what validation judges; beside them stands what it
would have said had it been retrained through time (``model_walk_forward``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.calibration import NONE
from zanzibar_assets.ml.cross_validation import Fold, cpcv_folds, path_count
from zanzibar_assets.ml.dataset import Dataset, assemble
from zanzibar_assets.ml.estimators import CANDIDATES, Candidate
from zanzibar_assets.ml.fitting import CalibratedModel, calibratable, fit_calibrated
from zanzibar_assets.ml.scoring import oos_frame, score_paths
from zanzibar_assets.ml.search import search
from zanzibar_assets.ml.threads import one_blas_thread
from zanzibar_assets.ml.trials import Trial, TrialLog, TrialScores
from zanzibar_assets.ml.walk_forward import walk_forward

Floats = NDArray[np.float64]
TRAINING_SETTINGS = {
    "horizon_bars",
    "barrier_sigma",
    "cv_groups",
    "cv_test_groups",
    "embargo_bars",
    "trade_threshold",
    "calibration",
    "inner_folds",
}
"""Settings that make a trial another trial; gates and thread counts do not."""
UNTRAINED_CALIBRATION = json.dumps({"method": "none"})


@dataclass(frozen=True, slots=True)
class Trained:
    """Result of a training: the TrainedModel row, the winner's ModelOos and ModelWalkForward frames."""

    model: pl.DataFrame
    oos: pl.DataFrame
    walk: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Evaluated:
    candidate: Candidate
    paths: Floats
    scores: TrialScores


class _Contest:
    """Evaluates candidates on one dataset, keeping the best of them."""

    def __init__(
        self,
        data: Dataset,
        folds: list[Fold],
        instrument: Instrument,
        config: Config,
        trials: TrialLog,
        code_version: str,
    ) -> None:
        self.data, self.folds, self.instrument, self.config = data, folds, instrument, config
        self.trials, self.code_version = trials, code_version
        self.tried = 0
        self.best: _Evaluated | None = None

    def evaluate(self, candidate: Candidate) -> float:
        """Score of a candidate; its trial is registered first and stays, whatever comes of it."""
        trial = Trial(
            instrument=self.instrument.id,
            algorithm=candidate.algorithm,
            parameters=_parameters(candidate, self.instrument, self.config),
            features=self.data.features,
            seed=self.config.model.seed,
            data_fingerprint=self.data.fingerprint,
            trained_through=self.data.sessions[-1],
            code_version=self.code_version,
        )
        trial_id = self.trials.register(trial)
        self.tried += 1
        try:
            paths = out_of_sample(candidate, self.data, self.folds, self.config)
        except ModelError as error:
            self.trials.fail(trial_id, str(error))  # a failed try is still a try
            raise
        scores = score_paths(self.data, paths, self.config.model)
        self.trials.score(trial_id, scores)
        if self.best is None or scores.score > self.best.scores.score:
            self.best = _Evaluated(candidate, paths, scores)
        return scores.score


def train_model(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    instrument: Instrument,
    config: Config,
    trials: TrialLog,
    through: str | None = None,
    candidates: Sequence[Candidate] = CANDIDATES,
    code_version: str = "",
) -> Trained:
    """Train on FeatureMatrix and Labels frames with a ``session`` column, up to session ``through``.

    The declared candidates are tried, then ``model.search_trials`` searched ones; each is registered
    in ``trials`` before it is fitted. A declared one that cannot be fitted raises ModelError, a
    searched one is a failed trial. Too little data gives one row of status ``insufficient_history``
    whose reason names the numbers, and no trial. Deterministic to the bit for the configured seed.
    """
    data = assemble(features, labels, through)
    reason = _shortage(data, config)
    folds = [] if reason else _folds(data, config)
    reason = reason or _thin_fold(data, folds, config)
    if reason:
        nothing = _untrained(data, instrument, config, reason)
        return Trained(nothing, empty("model_oos"), empty("model_walk_forward"))
    contest = _Contest(data, folds, instrument, config, trials, code_version)
    with one_blas_thread():
        for candidate in candidates:
            contest.evaluate(candidate)
        search(config.model.search_trials, config.model.seed, contest.evaluate)
        if contest.best is None:
            raise ModelError("no candidate could be fitted", got=f"{contest.tried} failed trials")
        model = _model_row(contest.best, data, instrument, config, contest.tried)
        walk = walk_forward(contest.best.candidate, data, config.model)
    return Trained(model, oos_frame(data, contest.best.paths), walk)


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


def _thin_fold(data: Dataset, folds: list[Fold], config: Config) -> str:
    for number, fold in enumerate(folds, start=1):
        rising = int(data.up[fold.train].sum())
        if not 0 < rising < len(fold.train):
            return f"fold {number} of {len(folds)} has {rising} rising of {len(fold.train)} training bars"
        if config.model.calibration != NONE and not calibratable(data, fold.train, config.model):
            return (
                f"fold {number} of {len(folds)} has {len(fold.train)} training bars, too few to calibrate on"
            )
    return ""


def out_of_sample(candidate: Candidate, data: Dataset, folds: list[Fold], config: Config) -> Floats:
    """P(up) of every row on every path, shape ``(paths, rows)``."""
    paths = np.full((path_count(config.model.cv_groups, config.model.cv_test_groups), data.rows), np.nan)
    for fold in folds:
        model = fit_calibrated(candidate, data, fold.train, config.model)
        for block, path in zip(fold.tests, fold.paths, strict=True):
            paths[path, block] = model.predict(data.x[block])
    return paths


def _parameters(candidate: Candidate, instrument: Instrument, config: Config) -> str:
    settings = {
        "instrument": instrument.id,
        "candidate": asdict(candidate),
        "model": config.model.model_dump(mode="json", include=TRAINING_SETTINGS),
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def _model_row(
    best: _Evaluated, data: Dataset, instrument: Instrument, config: Config, trials: int
) -> pl.DataFrame:
    everything = np.arange(data.rows, dtype=np.int64)
    final: CalibratedModel = fit_calibrated(best.candidate, data, everything, config.model)
    parameters = _parameters(best.candidate, instrument, config)
    identity = stable_hash([instrument.id, parameters, data.fingerprint, final.payload, final.calibration])
    row = {
        "model_id": f"{instrument.id}-{identity}",
        "status": "trained",
        "reason": None,
        "algorithm": best.candidate.algorithm,
        "trained_through": data.sessions[-1],
        "parameters": parameters,
        "payload": final.payload,
        "calibration": final.calibration,
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
        "calibration": UNTRAINED_CALIBRATION,
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
