"""Combinatorial purged cross-validation (Lopez de Prado, Advances in Financial ML, chapters 7 and 12).

Rows stand in order of their label's start and are cut into ``groups`` contiguous groups; each of the
C(groups, test_groups) folds tests on some groups and trains on the rest, from which every row is purged
whose label's span touches a test group's span (both ends included), and the ``embargo`` rows that start
next after each test group are left out. Every row is tested in C(groups-1, test_groups-1) folds, which
recombine into that many complete out-of-sample paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """Row indices of one fold: training rows and, group by group, test rows with their path."""

    train: Ints
    tests: tuple[Ints, ...]
    paths: tuple[int, ...]

    @property
    def test(self) -> Ints:
        """All test rows in order."""
        return np.concatenate(self.tests)


def path_count(groups: int, test_groups: int) -> int:
    """Complete out-of-sample paths: C(groups - 1, test_groups - 1)."""
    return comb(groups - 1, test_groups - 1)


def cpcv_folds(starts: Ints, ends: Ints, groups: int, test_groups: int, embargo: int) -> list[Fold]:
    """The folds of combinatorial purged cross-validation, C(groups, test_groups) of them.

    ``starts`` and ``ends`` (same unit, shape ``(rows,)``) are the labels' spans, starts not falling.
    Raises ModelError for unordered (shuffled) rows, spans that run backwards, fewer rows than groups,
    or group counts that leave nothing to train or test on.
    """
    _check_spans(starts, ends)
    _check_groups(len(starts), groups, test_groups, embargo)
    blocks = np.array_split(np.arange(len(starts), dtype=np.int64), groups)
    kept = [_kept_for(starts, ends, block, embargo) for block in blocks]
    used = [0] * groups
    folds = []
    for chosen in combinations(range(groups), test_groups):
        train = np.logical_and.reduce([kept[group] for group in chosen])
        paths = tuple(used[group] for group in chosen)
        for group in chosen:
            used[group] += 1
        folds.append(Fold(np.flatnonzero(train), tuple(blocks[group] for group in chosen), paths))
    return folds


def walk_forward_folds(starts: Ints, ends: Ints, blocks: Sequence[Ints], embargo: int) -> list[Fold]:
    """A fold for each test block that trains on what was over before it, purged the same way.

    ``blocks`` are ascending row indices, one block after another. From the rows before a block every
    one is purged whose label's span touches the block's, and the ``embargo`` rows that start next
    before it are left out. Raises ModelError as ``cpcv_folds`` does, and for blocks out of order.
    """
    _check_spans(starts, ends)
    rows = np.concatenate([*blocks, np.empty(0, dtype=np.int64)])
    if embargo < 0 or bool(np.any(np.diff(rows) != 1)) or any(len(block) == 0 for block in blocks):
        raise ModelError(
            "walk-forward blocks cannot be used",
            expected="blocks that follow one another without a hole, and embargo >= 0",
            got=f"{len(blocks)} blocks, embargo={embargo}",
        )
    folds = []
    for block in blocks:
        kept = _kept_for(starts, ends, block, 0)
        kept[max(int(block[0]) - embargo, 0) :] = False
        folds.append(Fold(np.flatnonzero(kept), (block,), (0,)))
    return folds


def _kept_for(starts: Ints, ends: Ints, block: Ints, embargo: int) -> NDArray[np.bool_]:
    """Rows that may train a fold which tests on ``block``."""
    first, last = starts[block[0]], ends[block].max()
    kept: NDArray[np.bool_] = (ends < first) | (starts > last)
    after = int(np.searchsorted(starts, last, side="right"))
    kept[max(after, int(block[-1]) + 1) :][:embargo] = False
    return kept


def _check_spans(starts: Ints, ends: Ints) -> None:
    if len(starts) != len(ends) or bool(np.any(ends < starts)):
        raise ModelError("label spans must run forward", expected="start <= end for each row")
    if bool(np.any(np.diff(starts) < 0)):
        raise ModelError(
            "rows are not in time order", expected="starts that do not fall", action="sort, never shuffle"
        )


def _check_groups(rows: int, groups: int, test_groups: int, embargo: int) -> None:
    if not 1 <= test_groups < groups or embargo < 0:
        raise ModelError(
            "cross-validation groups cannot be used",
            expected="1 <= test_groups < groups and embargo >= 0",
            got=f"groups={groups}, test_groups={test_groups}, embargo={embargo}",
        )
    if rows < groups:
        raise ModelError("fewer rows than groups", expected=f">= {groups} rows", got=str(rows))
