"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Bailey, Borwein, Lopez de Prado & Zhu (2017), Journal of Computational Finance 20(4): the periods are cut
into S blocks; for each choice of S/2 of them the best trial in sample is looked up out of sample, and PBO
is the share of choices in which it is no better than the median there (logit <= 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MIN_BLOCK_PERIODS = 2
CHUNK_SPLITS = 1_024


@dataclass(frozen=True, slots=True)
class Overfitting:
    """``pbo`` over ``splits``; ``loss`` the share in which the chosen trial lost out of sample.

    ``logits`` has one value a split, shape ``(splits,)``; ``slope`` is that of out-of-sample on
    in-sample Sharpe of the chosen trial: negative when what looks best decays most.
    """

    pbo: float
    loss: float
    slope: float
    splits: int
    logits: Floats


def probability_of_overfitting(
    returns: Floats,
    blocks: int = 16,
    periods: int | None = None,
    metric: Literal["sharpe", "mean"] = "sharpe",
) -> Overfitting:
    """PBO of trials' returns, shape ``(periods, trials)``, by ``metric`` over ``blocks`` blocks.

    Periods that do not fill the last block are left out at the front. Ties out of sample rank in the
    middle. Raises ModelError for an odd number of blocks, fewer than two trials, values that are not
    finite, too few periods, or a matrix that is not ``periods`` long; where ``periods`` is not given,
    more trials than periods are taken for a transposed matrix and refused.
    """
    matrix = _checked(returns, blocks, periods)
    length = len(matrix) // blocks
    cut = matrix[len(matrix) - length * blocks :].reshape(blocks, length, matrix.shape[1])
    sums, squares = cut.sum(axis=1), np.square(cut - cut.mean(axis=(0, 1))).sum(axis=1)
    centred = (cut - cut.mean(axis=(0, 1))).sum(axis=1)
    count = length * blocks // 2
    score = _sharpes if metric == "sharpe" else _means
    ranks, inside, outside = [], [], []
    for chosen in _chunks(blocks):
        train, test = (score(sums, centred, squares, mask, count) for mask in (chosen, ~chosen))
        best = train.argmax(axis=1)
        rows = np.arange(len(best))
        found = test[rows, best]
        below = (test < found[:, None]).sum(axis=1)
        ties = (test == found[:, None]).sum(axis=1)
        ranks.append(below + (ties + 1.0) / 2.0)
        inside.append(train[rows, best])
        outside.append(found)
    omega = np.concatenate(ranks) / (matrix.shape[1] + 1.0)
    logits = np.log(omega / (1.0 - omega))
    after, before = np.concatenate(outside), np.concatenate(inside)
    return Overfitting(
        pbo=float((logits <= 1e-12).mean()),
        loss=float((after < 0).mean()),
        slope=_slope(before, after),
        splits=len(logits),
        logits=logits,
    )


def split_count(blocks: int) -> int:
    """Ways to choose half of ``blocks``."""
    return comb(blocks, blocks // 2)


def _chunks(blocks: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of the blocks in sample, some splits at a time, shape ``(splits, blocks)``."""
    every = combinations(range(blocks), blocks // 2)
    while picked := list(islice(every, CHUNK_SPLITS)):
        mask = np.zeros((len(picked), blocks), dtype=np.bool_)
        np.put_along_axis(mask, np.asarray(picked), True, axis=1)
        yield mask


def _sharpes(sums: Floats, centred: Floats, squares: Floats, mask: NDArray[np.bool_], count: int) -> Floats:
    """Sharpe ratio of each split and trial; deviations are about the whole mean, so nothing cancels."""
    weight = mask.astype(np.float64)
    mean = weight @ sums / count
    variance = np.maximum(weight @ squares - np.square(weight @ centred) / count, 0.0) / max(count - 1, 1)
    spread = np.sqrt(variance)
    limit = 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return np.divide(mean, spread, out=np.zeros_like(mean), where=spread > limit)


def _means(sums: Floats, _centred: Floats, _squares: Floats, mask: NDArray[np.bool_], count: int) -> Floats:
    found: Floats = mask.astype(np.float64) @ sums / count
    return found


def _slope(before: Floats, after: Floats) -> float:
    centred = before - before.mean()
    power = float(centred @ centred)
    return float(centred @ after) / power if power > 0 else math.nan


def _checked(returns: Floats, blocks: int, periods: int | None) -> Floats:
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise ModelError(
            "overfitting is a matter of two or more trials",
            expected="shape (periods, trials)",
            got=str(matrix.shape),
        )
    if len(matrix) != periods if periods is not None else matrix.shape[1] > len(matrix):
        raise ModelError(
            "the matrix of returns seems to be transposed",
            expected=f"shape ({periods or 'periods'}, trials), one column a trial",
            got=str(matrix.shape),
            action="pass matrix.T; for more trials than periods say how many periods there are",
        )
    if not np.isfinite(matrix).all():
        raise ModelError("returns are not finite", got=f"{int((~np.isfinite(matrix)).sum())} values")
    if blocks < 2 or blocks % 2 or len(matrix) < blocks * MIN_BLOCK_PERIODS:
        raise ModelError(
            "blocks cannot be made",
            expected=f"an even number of blocks of {MIN_BLOCK_PERIODS} or more periods",
            got=f"{blocks} blocks of {len(matrix)} periods",
        )
    return matrix
