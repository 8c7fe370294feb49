"""Hayashi-Yoshida covariance of two series that tick at different times, as of any time.

The estimator adds r_a * r_b over all pairs of returns whose time intervals overlap; no grid, no
previous-tick filling. A pair counts from the time at which both returns are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints


@dataclass(frozen=True, slots=True)
class Returns:
    """Log returns of one series over (start, end], all in time order."""

    start_us: Ints
    end_us: Ints
    value: Floats


def covariance_as_of(a: Returns, b: Returns, at_us: Ints, lag_us: int = 0) -> Floats:
    """Covariance of ``a`` now with ``b`` ``lag_us`` later, of what is known at each time.

    Intervals of ``b`` are moved back by the lag for the overlap; what is known is judged by the true
    times. Cost is linear in the number of overlapping pairs.
    """
    start_b, end_b = b.start_us - lag_us, b.end_us - lag_us
    first = np.searchsorted(end_b, a.start_us, side="right")
    after = np.searchsorted(start_b, a.end_us, side="left")
    count = np.maximum(after - first, 0)
    rows_a = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(rows_a)) - np.repeat(np.cumsum(count) - count, count)
    rows_b = np.repeat(first, count) + within
    known = np.maximum(a.end_us[rows_a], b.end_us[rows_b])
    return _sum_known(a.value[rows_a] * b.value[rows_b], known, at_us)


def variance_as_of(a: Returns, at_us: Ints) -> Floats:
    """Sum of squared returns known at each time."""
    return _sum_known(a.value**2, a.end_us, at_us)


def _sum_known(values: Floats, known_us: Ints, at_us: Ints) -> Floats:
    order = np.argsort(known_us, kind="stable")
    total = np.concatenate(([0.0], np.cumsum(values[order])))
    found: Floats = total[np.searchsorted(known_us[order], at_us, side="right")]
    return found
