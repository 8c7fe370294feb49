"""How many independent trials the trials ever made amount to.

Trials resemble each other, so fifty of them are not fifty draws. Under the hypothesis that none has
skill their Sharpe ratios are jointly normal with the correlation of their returns, and what the hurdle
needs is the expected best of *those*. It is estimated by the Gaussian multiplier bootstrap of the
maximum (Chernozhukov, Chetverikov & Kato 2013, Annals of Statistics 41): draw one standard normal a
period, weigh each trial's standardised returns with it, take the largest sum. The effective number N is
that of independent trials with the same expected best, by the formula of Bailey & Lopez de Prado (2014).
Duplicates count once, equally correlated trials as little as they deserve; a trial that left no returns
counts in full.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.sharpe import EULER_GAMMA, NORMAL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DRAWS = 2_000
BLOCK_DRAWS = 500
CLOSE_TO_ONE = 0.999


@dataclass(frozen=True, slots=True)
class TrialSeries:
    """Net returns of one trial and when their periods start (microseconds, rising)."""

    starts_us: Ints
    returns: Floats


@dataclass(frozen=True, slots=True)
class TrialField:
    """``effective`` trials out of ``count``; ``correlation`` is the mean over pairs of those with returns."""

    count: int
    effective: float
    correlation: float


def trial_field(series: Sequence[TrialSeries], count: int, seed: int) -> TrialField:
    """Effective number of ``count`` trials, of which ``series`` are those that left returns.

    Raises ModelError when there are more series than trials.
    """
    if len(series) > count:
        raise ModelError("more series than trials", expected=f"<= {count}", got=str(len(series)))
    matrix = standardised(series)
    if matrix.shape[1] < 2:
        return TrialField(count, float(max(count, 1)), 0.0)
    best = expected_best(matrix, seed)
    known = min(trials_with_best(best), float(matrix.shape[1]))
    unknown = count - matrix.shape[1]
    return TrialField(count, known + unknown, mean_correlation(matrix))


def standardised(series: Sequence[TrialSeries]) -> Floats:
    """Trials' returns on the union of their periods, shape ``(periods, trials)``.

    Columns have mean 0 over the trial's own periods and length 1; periods of others are 0, so that the
    product of two columns is their correlation, the less the fewer periods they share. Constant series
    have no correlation and are left out.
    """
    kept = [one for one in series if len(one.returns) > 1 and float(np.ptp(one.returns)) > 0]
    if not kept:
        return np.zeros((0, 0))
    times = np.unique(np.concatenate([one.starts_us for one in kept]))
    matrix = np.zeros((len(times), len(kept)))
    for column, one in enumerate(kept):
        centred = one.returns - one.returns.mean()
        matrix[np.searchsorted(times, one.starts_us), column] = centred / math.sqrt(float(centred @ centred))
    return matrix


def mean_correlation(matrix: Floats) -> float:
    """Mean correlation over all pairs of columns of ``standardised``."""
    trials = matrix.shape[1]
    total = float(np.square(matrix.sum(axis=1)).sum()) - float(np.square(matrix).sum())
    return float(total / (trials * (trials - 1)))


def expected_best(matrix: Floats, seed: int) -> float:
    """Expected largest of jointly normal scores of unit variance with the columns' correlation.

    Draws are used with both signs; the standard error is about 0.01.
    """
    rng = np.random.default_rng(seed)
    total = 0.0
    for _ in range(DRAWS // BLOCK_DRAWS):
        scores = rng.standard_normal((BLOCK_DRAWS, len(matrix))) @ matrix
        total += float(scores.max(axis=1).sum() - scores.min(axis=1).sum())
    return float(total / (2.0 * DRAWS))


def expected_best_of(trials: float) -> float:
    """Expected best of ``trials`` (>= 1, not necessarily whole) independent scores of unit variance.

    Bailey & Lopez de Prado (2014); below two trials, where the formula is none, linear from 0 at one.
    """
    if trials < 2.0:
        return (trials - 1.0) * expected_best_of(2.0)
    first = NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return (1.0 - EULER_GAMMA) * first + EULER_GAMMA * second


def trials_with_best(best: float) -> float:
    """Inverse of ``expected_best_of``; 1 for a best of 0 or less."""
    low, high = 1.0, 2.0
    while expected_best_of(high) < best:
        low, high = high, 2.0 * high
    while high - low > 1e-6 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if expected_best_of(middle) < best else (low, middle)
    return 0.5 * (low + high) if best > 0 else 1.0


def trial_variance(sharpes: Sequence[float], periods: Sequence[int], correlation: float) -> float:
    """Variance of a single trial's Sharpe ratio, what its trials share included.

    Correlated trials scatter less about their mean than each varies: their observed variance is
    (1 - correlation) of it. Never below the mean sampling variance 1 / (n - 1): an estimate does not
    vary less than its own error.
    """
    if not sharpes or len(sharpes) != len(periods):
        raise ModelError("no variance without trials", expected="one period count a Sharpe ratio")
    floor = float(np.mean([1.0 / max(count - 1, 1) for count in periods]))
    if len(sharpes) < 2:
        return floor
    shared = min(max(correlation, 0.0), CLOSE_TO_ONE)
    return max(float(np.var(sharpes, ddof=1)) / (1.0 - shared), floor)
