"""Elastic-net logistic regression by proximal Newton steps with coordinate descent on the Gram matrix.

Minimises mean weighted log-loss + alpha x (l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|^2), the intercept
free (Friedman, Hastie, Tibshirani 2010). The features are few, so that after one product a Newton
step each sweep costs only features squared, however many rows there are; no random numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]
NEWTON_STEPS = 60
SWEEPS = np.int64(400)
TOLERANCE = 1e-8
SWEEP_TOLERANCE = np.float64(1e-10)


def fit_elastic_net(
    z: Floats, up: Floats, weight: Floats, alpha: float, l1_ratio: float
) -> tuple[Floats, float]:
    """Coefficients ``(features,)`` and intercept of P(up) on standardised ``z`` (rows, features).

    Raises ModelError for labels of one side only and when the steps do not settle.
    """
    from zanzibar_assets.ml._elastic_net_kernels import coordinate_descent

    if not 0 < up.sum() < len(up):
        raise ModelError("elastic net cannot fit these rows", got="labels of one side only")
    share = weight / weight.sum()
    rows = np.column_stack([z, np.ones(len(z))])
    lasso = np.append(np.full(z.shape[1], alpha * l1_ratio), 0.0)
    ridge = np.append(np.full(z.shape[1], alpha * (1.0 - l1_ratio)), 0.0)
    beta = np.zeros(rows.shape[1])
    loss = _objective(rows, up, share, beta, lasso, ridge)
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-(rows @ beta)))
        slope = rows.T @ (share * (up - chance))
        curvature = (rows * (share * np.maximum(chance * (1.0 - chance), 1e-9))[:, None]).T @ rows
        step = coordinate_descent(beta, slope, curvature, lasso, ridge, SWEEPS, SWEEP_TOLERANCE) - beta
        size, reached = 1.0, np.inf
        while size > 1e-10:
            reached = _objective(rows, up, share, beta + size * step, lasso, ridge)
            if reached <= loss:
                break
            size /= 2.0
        if size <= 1e-10 or np.abs(size * step).max() < TOLERANCE:
            return beta[:-1], float(beta[-1])
        beta, loss = beta + size * step, reached
    raise ModelError("elastic net did not settle", got=f"{NEWTON_STEPS} steps", action="raise alpha")


def _objective(rows: Floats, up: Floats, share: Floats, beta: Floats, lasso: Floats, ridge: Floats) -> float:
    score = rows @ beta
    loss = float(share @ (np.logaddexp(0.0, score) - up * score))
    return loss + float(lasso @ np.abs(beta)) + 0.5 * float(ridge @ beta**2)
