"""Calibration of probabilities: log-odds that a model gives to the frequencies that follow them.

Fitted on predictions of rows that the model did not see. Platt's two numbers (Platt 1999, with his
prior-corrected targets) or isotonic knots; kept as JSON. Neither turns a model around: a slope that
wants to be negative is held at a small positive one, so that a worthless model says the base rate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]
NONE, PLATT, ISOTONIC = "none", "platt", "isotonic"
LEAST_SLOPE = 0.01
NEWTON_STEPS = 50


@dataclass(frozen=True, slots=True)
class Calibrator:
    """``first``/``second``: slope and intercept of Platt, or the knots' log-odds and probabilities."""

    method: str
    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()

    def apply(self, log_odds: Floats) -> Floats:
        """P(up) of log-odds."""
        if self.method == ISOTONIC:
            return np.asarray(np.interp(log_odds, self.first, self.second), dtype=np.float64)
        score = log_odds if self.method == NONE else self.first[0] * log_odds + self.second[0]
        return np.asarray(1.0 / (1.0 + np.exp(-score)), dtype=np.float64)

    @property
    def text(self) -> str:
        """JSON that ``load_calibrator`` restores it from, bit for bit."""
        if self.method == NONE:
            return json.dumps({"method": NONE})
        names = ("slope", "intercept") if self.method == PLATT else ("log_odds", "probability")
        values: list[float | list[float]] = (
            [self.first[0], self.second[0]] if self.method == PLATT else [list(self.first), list(self.second)]
        )
        return json.dumps({"method": self.method, **dict(zip(names, values, strict=True))}, sort_keys=True)


def load_calibrator(text: str) -> Calibrator:
    """A calibrator from its JSON; ModelError when the text is not one."""
    try:
        read = json.loads(text)
        method = read["method"]
        if method == NONE:
            return Calibrator(NONE)
        if method == PLATT:
            return Calibrator(PLATT, (float(read["slope"]),), (float(read["intercept"]),))
        if method == ISOTONIC:
            knots = [tuple(float(v) for v in read[name]) for name in ("log_odds", "probability")]
            return Calibrator(ISOTONIC, knots[0], knots[1])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("text is no calibration", got=repr(error)) from error
    raise ModelError("text is no calibration", expected="none, platt or isotonic", got=str(method))


def fit_calibrator(method: str, log_odds: Floats, up: Floats, weight: Floats) -> Calibrator:
    """Calibrator from out-of-fold log-odds and outcomes; ModelError for outcomes of one side only."""
    if method == NONE:
        return Calibrator(NONE)
    if not 0 < up.sum() < len(up):
        raise ModelError("probabilities cannot be calibrated", got="outcomes of one side only")
    if method == PLATT:
        return _platt(log_odds, up, weight)
    if method == ISOTONIC:
        return _isotonic(log_odds, up, weight)
    raise ModelError(f"unknown calibration {method!r}", expected="none, platt or isotonic")


def _platt(log_odds: Floats, up: Floats, weight: Floats) -> Calibrator:
    rising, falling = float(up.sum()), float(len(up) - up.sum())
    target = np.where(up > 0, (rising + 1.0) / (rising + 2.0), 1.0 / (falling + 2.0))
    share = weight / weight.sum()
    slope, intercept = _newton(np.column_stack([log_odds, np.ones(len(log_odds))]), target, share)
    if slope < LEAST_SLOPE:
        base = float(share @ target) / (1.0 - float(share @ target))
        slope, intercept = LEAST_SLOPE, float(np.log(base)) - LEAST_SLOPE * float(share @ log_odds)
    return Calibrator(PLATT, (slope,), (intercept,))


def _newton(rows: Floats, target: Floats, share: Floats) -> tuple[float, float]:
    """Two coefficients of a logistic fit, with steps halved while the loss would rise."""

    def loss(beta: Floats) -> float:
        score = rows @ beta
        return float(share @ (np.logaddexp(0.0, score) - target * score))

    beta = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-(rows @ beta)))
        slope = rows.T @ (share * (target - chance))
        curvature = (rows * (share * chance * (1.0 - chance))[:, None]).T @ rows
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), slope)
        size = 1.0
        while size > 1e-8 and loss(beta + size * step) > loss(beta):
            size /= 2.0
        beta = beta + size * step
        if np.abs(size * step).max() < 1e-12:
            break
    return float(beta[0]), float(beta[1])


def _isotonic(log_odds: Floats, up: Floats, weight: Floats) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    edge = 1.0 / (len(up) + 2.0)
    found = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip")
    found.fit(log_odds, up, sample_weight=weight)
    return Calibrator(ISOTONIC, tuple(found.X_thresholds_.tolist()), tuple(found.y_thresholds_.tolist()))


def brier(chance: Floats, up: Floats, weight: Floats) -> float:
    """Weighted mean squared error of probabilities."""
    return float(weight @ (chance - up) ** 2 / weight.sum())


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions of one tenth of the rows: their mean, the share that rose, rows."""

    predicted: float
    observed: float
    rows: int


def reliability(chance: Floats, up: Floats, bins: int = 10) -> list[ReliabilityBin]:
    """Reliability curve over ``bins`` equally filled groups in order of the prediction."""
    order = np.argsort(chance, kind="stable")
    return [
        ReliabilityBin(float(chance[part].mean()), float(up[part].mean()), len(part))
        for part in np.array_split(order, min(bins, len(order)))
        if len(part)
    ]
