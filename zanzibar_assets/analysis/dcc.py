"""Dynamic conditional correlations, DCC(1,1), of several instruments' grid returns.

Engle (2002), J. Business & Economic Statistics 20(3): Q_t = (1 - a - b) Qbar + a e e' + b Q_t-1, the
correlation is Q normalised. e are returns over the root of an exponentially weighted variance of those
before them: it has no parameter of its own to fit, its half-life is that of ``corr_ewma``, so the two
differ in the correlation alone. (a, b) and Qbar come from the past; the filter runs on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats
from zanzibar_assets.analysis.kinds import whole

LEAST_RETURNS = 12
"""Returns of a series before its next one can be standardised."""
MIN_COMMON = 250
"""Grid times of the past at which two series must both have a return."""
SHOCKS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
MEMORIES = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
ROUNDS = 24
LEAST_EIGENVALUE = 1e-4


@dataclass(frozen=True, slots=True)
class DccModel:
    """Parameters, the unconditional correlation of the series, and the fit's log-likelihood."""

    a: float
    b: float
    qbar: Floats
    log_likelihood: float


class Standardiser:
    """Returns over the root of the exponentially weighted mean square of those before them."""

    def __init__(self, series: int, halflife: float) -> None:
        self.keep = 0.5 ** (1.0 / halflife)
        self._sums, self._counts = np.zeros((2, series)), np.zeros(series, dtype=np.int64)

    def feed(self, returns: Floats) -> Floats:
        """Standardised returns (rows, series); NaN where one is missing or none stands before it."""
        from zanzibar_assets.analysis._dcc_kernels import standardise

        rows = np.ascontiguousarray(returns, dtype=np.float64)
        found = np.empty_like(rows)
        standardise(rows, self._sums, self._counts, self.keep, whole(LEAST_RETURNS), found)
        return found

    def state(self) -> dict[str, Any]:
        """JSON-able state."""
        return {"sums": self._sums.tolist(), "counts": self._counts.tolist()}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._sums = np.array(state["sums"], dtype=np.float64)
        self._counts = np.array(state["counts"], dtype=np.int64)


class DccFilter:
    """The correlation matrix after each row of standardised returns; it stays positive definite."""

    def __init__(self, model: DccModel) -> None:
        self.model = model
        self._q = model.qbar.copy()

    def feed(self, e: Floats) -> Floats:
        """Correlation matrices, shape (rows, series, series)."""
        from zanzibar_assets.analysis._dcc_kernels import dcc

        model, size = self.model, len(self.model.qbar)
        found = np.empty((len(e), size, size))
        dcc(np.ascontiguousarray(e), self._q, model.qbar, model.a, model.b, found)
        return found

    def state(self) -> dict[str, Any]:
        """JSON-able state."""
        return {"q": self._q.tolist()}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._q = np.array(state["q"], dtype=np.float64)


def common_rows(e: Floats) -> np.ndarray:
    """Number of rows in which each two series are both observed."""
    seen = np.isfinite(e).astype(np.int64)
    counts: np.ndarray = seen.T @ seen
    return counts


def eligible(e: Floats) -> list[int]:
    """Series that can be fitted together, the longest first taken: each two share enough rows."""
    common = common_rows(e)
    chosen: list[int] = []
    for i in sorted(range(e.shape[1]), key=lambda k: (-common[k, k], k)):
        if common[i, i] >= MIN_COMMON and all(common[i, j] >= MIN_COMMON for j in chosen):
            chosen.append(i)
    return sorted(chosen)


def fit_dcc(e: Floats) -> DccModel:
    """Model of standardised past returns (rows, series; two series or more), by quasi-likelihood.

    Qbar is the mean of e e' over the rows two series share. (a, b) is the best of a fixed grid, bettered by
    a pattern search of halving steps: the same input gives the same bits.
    """
    qbar = target(e)
    tried: dict[tuple[float, float], float] = {}

    def value(a: float, memory: float) -> float:
        if (a, memory) not in tried:
            tried[a, memory] = log_likelihood(e, qbar, a, memory - a)
        return tried[a, memory]

    a, memory = max(((x, y) for x in SHOCKS for y in MEMORIES), key=lambda pair: value(*pair))
    stretch = 2.0
    for _ in range(ROUNDS):
        odds = memory / (1.0 - memory)
        near = [(a * stretch, memory), (a / stretch, memory)]
        near += [(a, odds * s / (1.0 + odds * s)) for s in (stretch, 1.0 / stretch)]
        allowed = [(x, y) for x, y in near if 1e-4 <= x < min(0.5, y) and 0.5 <= y <= 0.9995]
        best = max(allowed, key=lambda pair: value(*pair), default=(a, memory))
        if value(*best) > value(a, memory):
            a, memory = best
        else:
            stretch = stretch**0.5
    return DccModel(a, memory - a, qbar, value(a, memory))


def log_likelihood(e: Floats, qbar: Floats, a: float, b: float) -> float:
    """Gaussian quasi-log-likelihood of standardised returns, up to a constant."""
    from zanzibar_assets.analysis._dcc_kernels import dcc

    size = len(qbar)
    return float(dcc(np.ascontiguousarray(e), qbar.copy(), qbar, a, b, np.empty((0, size, size))))


def target(e: Floats) -> Floats:
    """Unconditional correlation: pairwise, then made positive definite where the pairs disagree."""
    filled, common = np.nan_to_num(e, nan=0.0), common_rows(e)
    seen = np.isfinite(e).astype(np.float64)
    squares = filled**2
    scale = np.sqrt((squares.T @ seen) * (seen.T @ squares))
    raw = np.where(common > 0, filled.T @ filled, 0.0) / np.where(scale > 0.0, scale, 1.0)
    values, vectors = np.linalg.eigh((raw + raw.T) / 2.0)
    if values[0] < LEAST_EIGENVALUE:
        raw = (vectors * np.maximum(values, LEAST_EIGENVALUE)) @ vectors.T
    deviation = np.sqrt(np.diag(raw))
    found: Floats = raw / np.outer(deviation, deviation)
    return np.ascontiguousarray((found + found.T) / 2.0)
