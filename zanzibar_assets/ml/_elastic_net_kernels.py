"""Compiled coordinate descent of the elastic net (imports numba: import it where it is used)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def coordinate_descent(
    start: Floats,
    slope: Floats,
    curvature: Floats,
    lasso: Floats,
    ridge: Floats,
    sweeps: np.int64,
    tolerance: np.float64,
) -> Floats:
    """Minimum of ``-slope d + d curvature d / 2`` plus penalties of ``start + d``, as coefficients.

    Arrays ``(features,)`` and ``(features, features)``; ends when no coefficient moves further than
    ``tolerance`` in a sweep.
    """
    beta, residual = start.copy(), slope.copy()
    for _ in range(sweeps):
        moved = 0.0
        for j in range(len(beta)):
            scale = max(curvature[j, j], 1e-12)
            pull = residual[j] + scale * beta[j]
            size = max(abs(pull) - lasso[j], 0.0) / (scale + ridge[j])
            new = size if pull > 0.0 else -size
            change = new - beta[j]
            if change != 0.0:
                for k in range(len(beta)):
                    residual[k] -= change * curvature[j, k]
                beta[j] = new
                moved = max(moved, abs(change))
        if moved < tolerance:
            break
    return beta
