"""Two model families behind one small interface: fit, payload, predict, contributions.

Payloads are text (LightGBM's own format, or JSON coefficients), never pickles. Whatever is learnt from
data (imputation, scaling, histogram bins) is learnt from the rows passed to ``fit`` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.config import ModelConfig
from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]
LIGHTGBM, LOGISTIC = "lightgbm", "logistic"
SCORE_LIMIT = 6.0
"""Standard deviations at which a linear model stops believing a feature."""
ONE_THREAD_VALUES = 2_000_000
"""Matrices up to this size are fitted on one thread: threads waiting for each other cost more."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A declared configuration: algorithm and its parameters."""

    algorithm: str
    parameters: Mapping[str, float | int] = field(default_factory=dict)


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(LIGHTGBM, {"num_trees": 40, "num_leaves": 4, "learning_rate": 0.05}),
    Candidate(LIGHTGBM, {"num_trees": 80, "num_leaves": 15, "learning_rate": 0.03}),
    Candidate(LOGISTIC, {"C": 0.02}),
)


class FittedModel(Protocol):
    """A fitted classifier of P(up)."""

    @property
    def payload(self) -> str:
        """Text that ``load`` restores the model from, bit for bit."""
        ...

    def predict(self, x: Floats) -> Floats:
        """P(up) of each row, shape ``(rows,)``."""
        ...

    def contributions(self, x: Floats) -> Floats:
        """Additive contributions in log-odds, shape ``(rows, features)``."""
        ...

    def gains(self) -> Floats | None:
        """Total split gain of each feature, None for a model without splits."""
        ...


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """LightGBM binary classifier, kept as LightGBM model text."""

    payload: str
    booster: Any

    def predict(self, x: Floats) -> Floats:
        """P(up) of each row."""
        return np.asarray(self.booster.predict(x, num_threads=1), dtype=np.float64)

    def contributions(self, x: Floats) -> Floats:
        """Exact SHAP values by LightGBM itself (the last column, the base value, is dropped)."""
        values: Any = self.booster.predict(x, pred_contrib=True, num_threads=1)
        return np.asarray(values[:, :-1], dtype=np.float64)

    def gains(self) -> Floats:
        """Total gain of each feature's splits."""
        return np.asarray(self.booster.feature_importance(importance_type="gain"), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Ridge logistic regression on standardised, clipped features; missing values stand at the mean."""

    payload: str
    mean: Floats
    scale: Floats
    coefficients: Floats
    intercept: float

    def predict(self, x: Floats) -> Floats:
        """P(up) of each row."""
        score = self.contributions(x).sum(axis=1) + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-score)), dtype=np.float64)

    def contributions(self, x: Floats) -> Floats:
        """Coefficient times the standardised (and clipped) deviation from the training mean."""
        return _standardise(x, self.mean, self.scale) * self.coefficients

    def gains(self) -> None:
        """A linear model has no splits."""
        return


def fit(
    candidate: Candidate,
    x: Floats,
    up: Floats,
    weight: Floats,
    config: ModelConfig,
    features: tuple[str, ...],
) -> FittedModel:
    """Fit a candidate; deterministic to the bit for a seed. ModelError for an unknown algorithm."""
    if candidate.algorithm == LIGHTGBM:
        return _fit_trees(candidate, x, up, weight, config, features)
    if candidate.algorithm == LOGISTIC:
        return _fit_logistic(candidate, x, up, weight)
    raise ModelError(f"unknown algorithm {candidate.algorithm!r}", expected=f"{LIGHTGBM} or {LOGISTIC}")


def load(algorithm: str, payload: str) -> FittedModel:
    """Restore a fitted model from its payload; ModelError when the text is not one."""
    if algorithm == LIGHTGBM:
        import lightgbm

        try:
            return BoostedTrees(payload, lightgbm.Booster(model_str=payload))
        except lightgbm.basic.LightGBMError as error:
            raise ModelError("payload is no LightGBM model", got=str(error)) from error
    if algorithm == LOGISTIC:
        return _load_logistic(payload)
    raise ModelError(f"unknown algorithm {algorithm!r}", expected=f"{LIGHTGBM} or {LOGISTIC}")


def _fit_trees(
    candidate: Candidate,
    x: Floats,
    up: Floats,
    weight: Floats,
    config: ModelConfig,
    features: tuple[str, ...],
) -> BoostedTrees:
    import lightgbm

    parameters = {
        "objective": "binary",
        "num_leaves": candidate.parameters["num_leaves"],
        "learning_rate": candidate.parameters["learning_rate"],
        "min_data_in_leaf": 200,
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "max_bin": 63,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": config.threads if x.size > ONE_THREAD_VALUES else 1,
        "seed": config.seed,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(x, up, weight=weight, feature_name=list(features), params=parameters)
    try:
        booster = lightgbm.train(parameters, data, num_boost_round=int(candidate.parameters["num_trees"]))
    except lightgbm.basic.LightGBMError as error:
        raise ModelError("LightGBM cannot fit these rows", got=str(error)) from error
    return BoostedTrees(booster.model_to_string(), booster)


def _fit_logistic(candidate: Candidate, x: Floats, up: Floats, weight: Floats) -> LogisticModel:
    from sklearn.linear_model import LogisticRegression

    mean, scale = _location(x)
    solver = LogisticRegression(C=float(candidate.parameters["C"]), solver="lbfgs", max_iter=2_000, tol=1e-6)
    try:
        solver.fit(_standardise(x, mean, scale), up, sample_weight=weight)
    except ValueError as error:
        raise ModelError("logistic regression cannot fit these rows", got=str(error)) from error
    numbers = {
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "coefficients": solver.coef_[0].tolist(),
        "intercept": float(solver.intercept_[0]),
    }
    return _load_logistic(json.dumps(numbers, sort_keys=True, separators=(",", ":")))


def _load_logistic(payload: str) -> LogisticModel:
    try:
        read = json.loads(payload)
        arrays = [np.asarray(read[key], dtype=np.float64) for key in ("mean", "scale", "coefficients")]
        return LogisticModel(payload, arrays[0], arrays[1], arrays[2], float(read["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("payload is no logistic model", got=repr(error)) from error


def _location(x: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column over its known values; a constant column scales by 1."""
    known = ~np.isnan(x)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, x, 0.0)
    mean = filled.sum(axis=0) / count
    spread = np.sqrt((np.where(known, x - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(spread > 1e-12 * np.maximum(np.abs(mean), 1.0), spread, 1.0)


def _standardise(x: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.where(np.isnan(x), 0.0, ((x - mean) / scale).clip(-SCORE_LIMIT, SCORE_LIMIT))
