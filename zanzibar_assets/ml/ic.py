"""Information coefficient: rank correlation of predictions with what followed, with honest errors.

Overlapping labels make neighbouring bars repeat each other. The t-statistic is therefore Newey-West
(Bartlett) with at least twice the horizon as lags, judged by a t distribution with n / horizon - 1
degrees of freedom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HacMean:
    """A mean with its Newey-West standard error, t, degrees of freedom and one-sided p-value."""

    mean: float
    error: float
    t: float
    degrees: float
    p_value: float


def rank_scores(prediction: Floats, outcome: Floats) -> Floats:
    """Per-observation products of standardised ranks; their mean is Spearman's rank correlation.

    Constant predictions or outcomes have no rank order: all scores are 0.
    """
    if len(prediction) != len(outcome):
        raise ModelError(
            "predictions and outcomes differ in length", got=f"{len(prediction)}, {len(outcome)}"
        )
    return _standard_ranks(prediction) * _standard_ranks(outcome)


def rank_ic(prediction: Floats, outcome: Floats) -> float:
    """Spearman's rank correlation, ties by average rank; 0 without variation or observations."""
    return float(rank_scores(prediction, outcome).mean()) if len(prediction) else 0.0


def hac_mean(scores: Floats, horizon: int, lags: int | None = None) -> HacMean:
    """Newey-West inference on the mean of overlapping scores.

    ``horizon`` is the overlap in observations; ``lags`` defaults to, and may not be below, 2 horizon.
    With less than two horizons of data, or no variance, t is 0 and the p-value 1.
    """
    lags = 2 * horizon if lags is None else lags
    if horizon < 1 or lags < 2 * horizon:
        raise ModelError("too few lags for overlapping labels", expected=f">= {2 * horizon}", got=str(lags))
    n = len(scores)
    degrees = n / horizon - 1.0
    if degrees < 1.0:
        return HacMean(float(np.mean(scores)) if n else 0.0, math.inf, 0.0, max(degrees, 0.0), 1.0)
    centred = scores - scores.mean()
    variance = float(centred @ centred)
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag])
    if variance <= 0:
        return HacMean(float(scores.mean()), math.inf, 0.0, degrees, 1.0)
    error = math.sqrt(variance) / n
    t = float(scores.mean()) / error
    return HacMean(float(scores.mean()), error, t, degrees, _upper_tail(t, degrees))


def icir(session_ics: Floats) -> float:
    """Mean over standard deviation of the sessions' ICs; 0 with less than two sessions or no spread."""
    if len(session_ics) < 2:
        return 0.0
    spread = float(np.std(session_ics, ddof=1))
    return float(np.mean(session_ics)) / spread if spread > 0 else 0.0


def _standard_ranks(values: Floats) -> Floats:
    ranks = pl.Series(values).rank("average").to_numpy().astype(np.float64)
    if not len(ranks):
        return ranks
    ranks -= ranks.mean()
    spread = math.sqrt(float(np.mean(ranks**2)))
    return ranks / spread if spread > 0 else np.zeros_like(ranks)


def _upper_tail(t: float, degrees: float) -> float:
    from scipy import stats

    return float(stats.t.sf(t, degrees))
