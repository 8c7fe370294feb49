"""Model families behind one small interface: fit, payload, log-odds, predict, contributions.

Payloads are text (LightGBM's own format, or JSON coefficients), never pickles. Whatever is learnt from
data (imputation, scaling, histogram bins) is learnt from the rows passed to ``fit`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.config import ModelConfig
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.linear_models import fit_elastic, fit_logistic, fit_ridge, load_linear

Floats = NDArray[np.float64]
LIGHTGBM, LOGISTIC, ELASTIC_NET, RIDGE = "lightgbm", "logistic", "elastic_net", "ridge"
ALGORITHMS = (LIGHTGBM, LOGISTIC, ELASTIC_NET, RIDGE)
ONE_THREAD_VALUES = 2_000_000
"""Matrices up to this size are fitted on one thread: threads waiting for each other cost more."""
TREE_DEFAULTS: dict[str, float | int] = {"min_data_in_leaf": 200, "lambda_l2": 5.0, "feature_fraction": 0.7}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A declared configuration: algorithm and its parameters."""

    algorithm: str
    parameters: Mapping[str, float | int] = field(default_factory=dict)


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(LIGHTGBM, {"num_trees": 40, "num_leaves": 4, "learning_rate": 0.05}),
    Candidate(LIGHTGBM, {"num_trees": 80, "num_leaves": 15, "learning_rate": 0.03}),
    Candidate(LOGISTIC, {"C": 0.02}),
    Candidate(ELASTIC_NET, {"alpha": 0.02, "l1_ratio": 0.5}),
    Candidate(RIDGE, {"alpha": 0.1}),
)


class FittedModel(Protocol):
    """A fitted classifier of P(up)."""

    @property
    def payload(self) -> str:
        """Text that ``load`` restores the model from, bit for bit."""
        ...

    def log_odds(self, x: Floats) -> Floats:
        """Log-odds of a rise before any calibration, shape ``(rows,)``."""
        ...

    def predict(self, x: Floats) -> Floats:
        """P(up) of each row, shape ``(rows,)``."""
        ...

    def contributions(self, x: Floats) -> Floats:
        """Additive contributions in log-odds, shape ``(rows, features)``."""
        ...

    def base(self) -> float:
        """Log-odds that contributions are added to."""
        ...

    def gains(self) -> Floats | None:
        """Total split gain of each feature, None for a model without splits."""
        ...


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """LightGBM binary classifier, kept as LightGBM model text."""

    payload: str
    booster: Any

    def log_odds(self, x: Floats) -> Floats:
        """Sum of the trees' leaves."""
        return np.asarray(self.booster.predict(x, raw_score=True, num_threads=1), dtype=np.float64)

    def predict(self, x: Floats) -> Floats:
        """P(up) of each row."""
        return np.asarray(self.booster.predict(x, num_threads=1), dtype=np.float64)

    def contributions(self, x: Floats) -> Floats:
        """Exact SHAP values by LightGBM itself (the last column, the base value, is dropped)."""
        values: Any = self.booster.predict(x, pred_contrib=True, num_threads=1)
        return np.asarray(values[:, :-1], dtype=np.float64)

    def base(self) -> float:
        """Expected log-odds over the training rows: the base value of the SHAP values."""
        unknown = np.full((1, self.booster.num_feature()), np.nan)
        values: Any = self.booster.predict(unknown, pred_contrib=True, num_threads=1)
        return float(values[0, -1])

    def gains(self) -> Floats:
        """Total gain of each feature's splits."""
        return np.asarray(self.booster.feature_importance(importance_type="gain"), dtype=np.float64)


def fit(
    candidate: Candidate,
    x: Floats,
    up: Floats,
    weight: Floats,
    config: ModelConfig,
    features: tuple[str, ...],
) -> FittedModel:
    """Fit a candidate; deterministic to the bit for a seed. ModelError for an unknown algorithm."""
    given = candidate.parameters
    if candidate.algorithm == LIGHTGBM:
        return _fit_trees(candidate, x, up, weight, config, features)
    if candidate.algorithm == LOGISTIC:
        return fit_logistic(x, up, weight, float(given["C"]))
    if candidate.algorithm == ELASTIC_NET:
        return fit_elastic(x, up, weight, float(given["alpha"]), float(given["l1_ratio"]))
    if candidate.algorithm == RIDGE:
        return fit_ridge(x, up, weight, float(given["alpha"]))
    raise _unknown(candidate.algorithm)


def load(algorithm: str, payload: str) -> FittedModel:
    """Restore a fitted model from its payload; ModelError when the text is not one."""
    if algorithm == LIGHTGBM:
        import lightgbm

        try:
            return BoostedTrees(payload, lightgbm.Booster(model_str=payload))
        except lightgbm.basic.LightGBMError as error:
            raise ModelError("payload is no LightGBM model", got=str(error)) from error
    if algorithm in ALGORITHMS:
        return load_linear(payload)
    raise _unknown(algorithm)


def tree_parameters(candidate: Candidate, shape: tuple[int, ...], config: ModelConfig) -> dict[str, Any]:
    """LightGBM's parameters of a candidate for a matrix of a shape; a leaf needs at most a tenth of it."""
    chosen = {**TREE_DEFAULTS, **candidate.parameters}
    chosen["min_data_in_leaf"] = min(chosen["min_data_in_leaf"], max(shape[0] // 10, 1))
    del chosen["num_trees"]
    return {
        "objective": "binary",
        **chosen,
        "max_bin": 63,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": config.threads if shape[0] * shape[1] > ONE_THREAD_VALUES else 1,
        "seed": config.seed,
        "verbosity": -1,
    }


def _fit_trees(
    candidate: Candidate,
    x: Floats,
    up: Floats,
    weight: Floats,
    config: ModelConfig,
    features: tuple[str, ...],
) -> BoostedTrees:
    import lightgbm

    parameters = tree_parameters(candidate, x.shape, config)
    data = lightgbm.Dataset(x, up, weight=weight, feature_name=list(features), params=parameters)
    try:
        booster = lightgbm.train(parameters, data, num_boost_round=int(candidate.parameters["num_trees"]))
    except lightgbm.basic.LightGBMError as error:
        raise ModelError("LightGBM cannot fit these rows", got=str(error)) from error
    return BoostedTrees(booster.model_to_string(), booster)


def _unknown(algorithm: str) -> ModelError:
    return ModelError(f"unknown algorithm {algorithm!r}", expected=" or ".join(ALGORITHMS))
