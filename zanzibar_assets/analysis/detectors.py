"""Online change-point detectors over one series: two-sided CUSUM and Bayesian online detection.

Both go forward once, estimate when the change happened and name it when they are sure enough. Their
state is JSON-able: a series fed in any chunks gives the alarms of the whole, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lgamma, log, pi
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats
from zanzibar_assets.analysis.kinds import whole

FIELDS = 6


@dataclass(frozen=True, slots=True)
class CusumParams:
    """Rows that only form the baseline, slack and limit, both in standard deviations."""

    baseline: int = 30
    slack: float = 0.5
    limit: float = 10.0


@dataclass(frozen=True, slots=True)
class BocpdParams:
    """Baseline rows, mean rows between changes, longest run kept, youngest run told, its probability."""

    baseline: int = 30
    mean_run: float = 500.0
    longest: int = 300
    least: int = 5
    probability: float = 0.95


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level: first row after it, row of the alarm, means before and after, the statistic.

    ``statistic`` is the cumulative sum in deviations (CUSUM) or the posterior probability (BOCPD).
    """

    dir: int
    row: int
    alarm: int
    before: float
    after: float
    statistic: float


class Cusum:
    """Page's (1954) two-sided CUSUM of values standardised by mean and deviation since the last alarm."""

    name = "cusum"

    def __init__(self, params: CusumParams) -> None:
        self.params = params
        self._sums, self._counts = np.zeros(7), np.zeros(3, dtype=np.int64)

    def feed(self, values: Floats) -> list[Change]:
        """Alarms of the next rows (finite values), numbered from the first row that was ever fed."""
        from zanzibar_assets.analysis._filter_kernels import cusum

        found, params = np.empty((len(values), FIELDS)), self.params
        numbers = (whole(params.baseline), float(params.slack), float(params.limit))
        return _changes(found[: cusum(values, self._sums, self._counts, *numbers, found)])

    def state(self) -> dict[str, Any]:
        """JSON-able state."""
        return {"sums": self._sums.tolist(), "counts": self._counts.tolist()}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._sums = np.array(state["sums"], dtype=np.float64)
        self._counts = np.array(state["counts"], dtype=np.int64)


class Bocpd:
    """Adams and MacKay (2007), arXiv 0710.3742: posterior of the run length, mean and variance unknown.

    Runs of ``longest`` rows or more are one. The prior of a run is normal-inverse-gamma about the
    baseline (kappa 0.1, alpha 1, beta 1 in the baseline's deviations).
    """

    name = "bocpd"

    def __init__(self, params: BocpdParams) -> None:
        self.params = params
        self._runs = np.zeros((3, params.longest + 1))
        self._runs[0, 0] = self._runs[2, 0] = 1.0
        self._sums, self._counts = np.zeros(2), np.zeros(3, dtype=np.int64)
        self._table = _run_table(params.longest)

    def feed(self, values: Floats) -> list[Change]:
        """Alarms of the next rows (finite values), numbered from the first row that was ever fed."""
        from zanzibar_assets.analysis._filter_kernels import bocpd

        found, params = np.empty((len(values), FIELDS)), self.params
        alarms = bocpd(
            values,
            self._runs,
            self._sums,
            self._counts,
            self._table,
            whole(params.baseline),
            1.0 / params.mean_run,
            whole(params.least),
            float(params.probability),
            found,
        )
        return _changes(found[:alarms])

    def run_lengths(self) -> Floats:
        """Posterior of the run length after the last row."""
        posterior: Floats = self._runs[0].copy()
        return posterior

    def state(self) -> dict[str, Any]:
        """JSON-able state."""
        arrays = {"runs": self._runs, "sums": self._sums, "counts": self._counts}
        return {name: array.tolist() for name, array in arrays.items()}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._runs = np.array(state["runs"], dtype=np.float64)
        self._sums = np.array(state["sums"], dtype=np.float64)
        self._counts = np.array(state["counts"], dtype=np.int64)


def _run_table(longest: int) -> Floats:
    """Per run length kappa, alpha, and the logarithm of the Student density's constant."""
    kappa = 0.1 + np.arange(longest + 1)
    alpha = 1.0 + np.arange(longest + 1) / 2.0
    constant = [lgamma(x + 0.5) - lgamma(x) - 0.5 * log(2.0 * pi) for x in alpha.tolist()]
    return np.array([kappa, alpha, constant])


def _changes(found: Floats) -> list[Change]:
    return [
        Change(int(side), int(row) - int(rows) + 1, int(row), before, after, statistic)
        for side, row, rows, statistic, before, after in found.tolist()
    ]
