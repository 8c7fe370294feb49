from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.cross_validation import cpcv_folds, path_count


def spans(rows, length):
    starts = np.arange(rows, dtype=np.int64)
    return starts, starts + length


@pytest.mark.parametrize(
    ("groups", "chosen", "folds", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (8, 3, 56, 21)]
)
def test_counts_of_the_book(groups, chosen, folds, paths):
    assert len(cpcv_folds(*spans(200, 3), groups, chosen, 0)) == folds == comb(groups, chosen)
    assert path_count(groups, chosen) == paths


def test_twelve_rows_by_hand():
    # groups of three rows; a label of row r ends at r + 1
    folds = cpcv_folds(*spans(12, 1), groups=4, test_groups=1, embargo=1)
    assert [fold.test.tolist() for fold in folds] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert [fold.train.tolist() for fold in folds] == [
        [5, 6, 7, 8, 9, 10, 11],  # test span 0..3: row 3 purged, row 4 embargoed
        [0, 1, 8, 9, 10, 11],  # span 3..6: row 2 ends at 3 (purged), row 6 purged, row 7 embargoed
        [0, 1, 2, 3, 4, 11],
        [0, 1, 2, 3, 4, 5, 6, 7],
    ]


@given(
    st.integers(12, 120), st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 3), st.integers(0, 9)
)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_no_training_label_touches_a_test_label(rows, seed, groups, chosen, embargo):
    rng = np.random.default_rng(seed)
    chosen = min(chosen, groups - 1)
    starts = np.sort(rng.integers(0, 3 * rows, rows))
    ends = starts + rng.integers(0, 15, rows)
    for fold in cpcv_folds(starts, ends, groups, chosen, embargo):
        assert not set(fold.train) & set(fold.test)
        for block in fold.tests:
            first, last = starts[block].min(), ends[block].max()
            overlap = (starts[fold.train] <= last) & (ends[fold.train] >= first)
            assert not overlap.any()
            behind = np.flatnonzero(starts > last)
            assert not set(behind[behind > block[-1]][:embargo]) & set(fold.train)


def test_purge_takes_only_what_it_must():
    starts, ends = spans(100, 5)
    for fold in cpcv_folds(starts, ends, 10, 1, embargo=3):
        lost = set(range(100)) - set(fold.train) - set(fold.test)
        block = fold.tests[0]
        needed = {r for r in range(block[0] - 5, block[0])} | {r for r in range(block[-1] + 1, block[-1] + 9)}
        assert lost == {r for r in needed if 0 <= r < 100}


def test_every_path_tests_every_row_once():
    seen = np.zeros((path_count(6, 2), 120), dtype=int)
    for fold in cpcv_folds(*spans(120, 4), 6, 2, 5):
        for block, path in zip(fold.tests, fold.paths, strict=True):
            seen[path, block] += 1
    assert (seen == 1).all()


def test_shuffled_rows_are_refused():
    starts, ends = spans(30, 2)
    order = np.random.default_rng(1).permutation(30)
    with pytest.raises(ModelError, match="time order"):
        cpcv_folds(starts[order], ends[order], 3, 1, 0)


@pytest.mark.parametrize(("groups", "chosen", "embargo"), [(3, 3, 0), (3, 0, 0), (3, 1, -1), (40, 1, 0)])
def test_settings_that_leave_nothing_are_refused(groups, chosen, embargo):
    with pytest.raises(ModelError):
        cpcv_folds(*spans(30, 2), groups, chosen, embargo)


def test_backward_spans_are_refused():
    starts, ends = spans(10, 2)
    with pytest.raises(ModelError, match="run forward"):
        cpcv_folds(ends, starts, 2, 1, 0)
