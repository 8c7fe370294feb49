"""Uniqueness of labels that overlap (Lopez de Prado, Advances in Financial ML, chapter 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError


def average_uniqueness(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of 1/concurrency over each label's span of bars, shape ``(labels,)``, in (0, 1].

    ``starts`` and ``ends`` are bar indices, both included. A label alone on its bars weighs 1, one
    that shares every bar with another 1/2. Raises ModelError for a span that ends before it starts.
    """
    if len(starts) != len(ends) or bool(np.any(ends < starts)) or bool(np.any(starts < 0)):
        raise ModelError("label spans must run forward", expected="0 <= start <= end for each label")
    if not len(starts):
        return np.empty(0, dtype=np.float64)
    size = int(ends.max()) + 2
    steps = np.bincount(starts, minlength=size) - np.bincount(ends + 1, minlength=size)
    concurrency = np.cumsum(steps)[:-1]
    share = np.divide(1.0, concurrency, out=np.zeros(size - 1), where=concurrency > 0)
    cumulative = np.concatenate(([0.0], np.cumsum(share)))
    mean: NDArray[np.float64] = (cumulative[ends + 1] - cumulative[starts]) / (ends - starts + 1)
    return mean.clip(0.0, 1.0)


def draw_probabilities(
    starts: NDArray[np.int64], ends: NDArray[np.int64], drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Chance of each label at the next draw of the sequential bootstrap, shape ``(labels,)``, sum 1.

    ``drawn`` are the labels drawn so far (repeats count). A label's chance is its average uniqueness
    were it drawn beside them (section 4.5.2). Raises ModelError as ``average_uniqueness`` does.
    """
    if len(starts) != len(ends) or not len(starts) or bool(np.any(ends < starts)) or bool(np.any(starts < 0)):
        raise ModelError("label spans must run forward", expected="at least one with 0 <= start <= end")
    size = int(ends.max()) + 2
    steps = np.bincount(starts[drawn], minlength=size) - np.bincount(ends[drawn] + 1, minlength=size)
    cumulative = np.concatenate(([0.0], np.cumsum(1.0 / (1.0 + np.cumsum(steps)[:-1]))))
    unique: NDArray[np.float64] = (cumulative[ends + 1] - cumulative[starts]) / (ends - starts + 1)
    chance: NDArray[np.float64] = unique / unique.sum()
    return chance
