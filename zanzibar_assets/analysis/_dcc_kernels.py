"""Compiled loops of the dynamic conditional correlation filter (imports numba). Missing is NaN.

Engle (2002), "Dynamic Conditional Correlation", Journal of Business & Economic Statistics 20(3).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def standardise(returns: Floats, sums: Floats, counts: Ints, keep: float, least: int, found: Floats) -> None:
    """Returns by the square root of the weighted mean square of those BEFORE them, shape (rows, series).

    ``sums`` holds the weighted squares and the weights per series; NaN before ``least`` returns.
    """
    for t in range(returns.shape[0]):
        for i in range(returns.shape[1]):
            x = returns[t, i]
            found[t, i] = math.nan
            if math.isnan(x):
                continue
            if counts[i] >= least and sums[0, i] > 0.0:
                found[t, i] = x / math.sqrt(sums[0, i] / sums[1, i])
            sums[0, i] = keep * sums[0, i] + x * x
            sums[1, i] = keep * sums[1, i] + 1.0
            counts[i] += 1


@njit(cache=True, nogil=True)
def normalise(q: Floats, into: Floats) -> None:
    """Correlation matrix of a covariance matrix."""
    size = len(q)
    for i in range(size):
        for j in range(size):
            into[i, j] = 1.0 if i == j else q[i, j] / math.sqrt(q[i, i] * q[j, j])


@njit(cache=True, nogil=True)
def _sweep(r: Floats, k: int) -> float:
    """Sweep operator on a pivot, in place; gives the pivot.

    After sweeping the observed series their block is minus its inverse, the rows of the others are the
    regression on them and the others' own block is what the observed leave unexplained.
    """
    pivot = float(r[k, k])
    size = len(r)
    for i in range(size):
        if i == k:
            continue
        share = r[i, k] / pivot
        for j in range(size):
            if j != k:
                r[i, j] -= share * r[k, j]
        r[i, k] = share
    for j in range(size):
        if j != k:
            r[k, j] /= pivot
    r[k, k] = -1.0 / pivot
    return pivot


@njit(cache=True, nogil=True)
def _moments(swept: Floats, e: Floats, filled: Floats, seen: Ints) -> float:
    """Fill in what the observed let expect of the others; gives the observed's quadratic form."""
    size = len(e)
    quadratic = 0.0
    for i in range(size):
        filled[i] = e[i] if seen[i] else 0.0
        for j in range(size):
            if not seen[j]:
                continue
            if seen[i]:
                quadratic -= e[i] * swept[i, j] * e[j]
            else:
                filled[i] += swept[i, j] * e[j]
    return quadratic


@njit(cache=True, nogil=True)
def dcc(e: Floats, q: Floats, qbar: Floats, a: float, b: float, found: Floats) -> float:
    """Run the filter over standardised returns (rows, series); gives the Gaussian quasi-log-likelihood.

    ``q`` is the state and moves on: Q = (1 - a - b) Qbar + a E[e e' | what is observed] + b Q, in rows
    with two observed series or more (one alone says nothing of a correlation). Each addend is
    positive semi-definite, so Q is. ``found`` takes the correlation after each row when it has rows.
    """
    size = len(q)
    swept, filled = np.empty((size, size)), np.empty(size)
    seen = np.empty(size, np.int64)
    likelihood = 0.0
    for t in range(len(e)):
        observed = 0
        for i in range(size):
            seen[i] = 0 if math.isnan(e[t, i]) else 1
            observed += seen[i]
        if observed >= 2:
            normalise(q, swept)
            for i in range(size):
                if seen[i]:
                    likelihood -= 0.5 * math.log(_sweep(swept, i))
            likelihood -= 0.5 * _moments(swept, e[t], filled, seen)
            for i in range(size):
                for j in range(size):
                    product = filled[i] * filled[j]
                    if not seen[i] and not seen[j]:
                        product += swept[i, j]
                    q[i, j] = (1.0 - a - b) * qbar[i, j] + a * product + b * q[i, j]
        if len(found):
            normalise(q, found[t])
    return likelihood
