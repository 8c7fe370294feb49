"""Linear models of P(up) on standardised, clipped features: logistic, elastic net and ridge.

All three are kept as the same JSON numbers. The scaler is learnt from the rows that are fitted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]
SCORE_LIMIT = 6.0
"""Standard deviations at which a linear model stops believing a feature."""
NEWTON_STEPS = 60
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Log-odds linear in standardised, clipped features; missing values stand at the mean."""

    payload: str
    mean: Floats
    scale: Floats
    coefficients: Floats
    intercept: float

    def log_odds(self, x: Floats) -> Floats:
        """Log-odds of a rise, shape ``(rows,)``."""
        return np.asarray(self.contributions(x).sum(axis=1) + self.intercept, dtype=np.float64)

    def predict(self, x: Floats) -> Floats:
        """P(up) of each row."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds(x))), dtype=np.float64)

    def contributions(self, x: Floats) -> Floats:
        """Coefficient times the standardised (and clipped) deviation from the training mean."""
        return standardise(x, self.mean, self.scale) * self.coefficients

    def base(self) -> float:
        """The intercept: log-odds at the training means."""
        return self.intercept

    def gains(self) -> None:
        """A linear model has no splits."""
        return


def fit_logistic(x: Floats, up: Floats, weight: Floats, inverse_penalty: float) -> LinearModel:
    """Logistic regression with a squared penalty, |b|^2 / 2 beside ``inverse_penalty`` x the summed loss.

    Newton's steps, halved while they would raise the objective. ModelError for labels of one side only.
    """
    if not 0 < up.sum() < len(up):
        raise ModelError("logistic regression cannot fit these rows", got="labels of one side only")
    mean, scale = location(x)
    rows = np.column_stack([standardise(x, mean, scale), np.ones(len(x))])
    penalty = np.append(np.full(x.shape[1], 1.0 / inverse_penalty), 0.0)
    beta = np.zeros(rows.shape[1])
    loss = _penalised(rows, up, weight, beta, penalty)
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-(rows @ beta)))
        slope = rows.T @ (weight * (up - chance)) - penalty * beta
        curvature = (rows * (weight * chance * (1.0 - chance))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curvature + np.diag(np.full(len(beta), 1e-12)), slope)
        size, reached = 1.0, _penalised(rows, up, weight, beta + step, penalty)
        while reached > loss and size > 1e-10:
            size /= 2.0
            reached = _penalised(rows, up, weight, beta + size * step, penalty)
        if size <= 1e-10 or np.abs(size * step).max() < TOLERANCE:
            break
        beta, loss = beta + size * step, reached
    else:
        raise ModelError("logistic regression did not settle", got=f"{NEWTON_STEPS} steps")
    return _model(mean, scale, beta[:-1], float(beta[-1]))


def _penalised(rows: Floats, up: Floats, weight: Floats, beta: Floats, penalty: Floats) -> float:
    score = rows @ beta
    return float(weight @ (np.logaddexp(0.0, score) - up * score)) + 0.5 * float(penalty @ beta**2)


def fit_elastic(x: Floats, up: Floats, weight: Floats, alpha: float, l1_ratio: float) -> LinearModel:
    """Elastic-net logistic regression: drops the features that do not earn their penalty."""
    from zanzibar_assets.ml.elastic_net import fit_elastic_net

    mean, scale = location(x)
    coefficients, intercept = fit_elastic_net(standardise(x, mean, scale), up, weight, alpha, l1_ratio)
    return _model(mean, scale, coefficients, intercept)


def fit_ridge(x: Floats, up: Floats, weight: Floats, alpha: float) -> LinearModel:
    """Ridge regression of the outcome, +2 or -2: its fit is the log-odds to first order around one half.

    ``alpha`` is the penalty beside a mean squared error.
    """
    if not 0 < up.sum() < len(up):
        raise ModelError("ridge regression cannot fit these rows", got="labels of one side only")
    mean, scale = location(x)
    share = weight / weight.sum()
    rows = np.column_stack([standardise(x, mean, scale), np.ones(len(x))])
    penalty = np.append(np.full(x.shape[1], alpha), 0.0)
    weighted = rows * share[:, None]
    solved = np.linalg.solve(weighted.T @ rows + np.diag(penalty), weighted.T @ (4.0 * up - 2.0))
    return _model(mean, scale, solved[:-1], float(solved[-1]))


def load_linear(payload: str) -> LinearModel:
    """A linear model from its JSON text; ModelError when the text is not one."""
    try:
        read = json.loads(payload)
        arrays = [np.asarray(read[key], dtype=np.float64) for key in ("mean", "scale", "coefficients")]
        return LinearModel(payload, arrays[0], arrays[1], arrays[2], float(read["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("payload is no linear model", got=repr(error)) from error


def _model(mean: Floats, scale: Floats, coefficients: Floats, intercept: float) -> LinearModel:
    numbers = {
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "coefficients": coefficients.tolist(),
        "intercept": intercept,
    }
    return load_linear(json.dumps(numbers, sort_keys=True, separators=(",", ":")))


def location(x: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column over its known values; a constant column scales by 1."""
    known = ~np.isnan(x)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, x, 0.0)
    mean = filled.sum(axis=0) / count
    spread = np.sqrt((np.where(known, x - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(spread > 1e-12 * np.maximum(np.abs(mean), 1.0), spread, 1.0)


def standardise(x: Floats, mean: Floats, scale: Floats) -> Floats:
    """Standard deviations from the mean, within the limit; missing values at the mean."""
    return np.where(np.isnan(x), 0.0, ((x - mean) / scale).clip(-SCORE_LIMIT, SCORE_LIMIT))
