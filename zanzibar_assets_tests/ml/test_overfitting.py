from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.overfitting import probability_of_overfitting, split_count


def brute(matrix, blocks):
    """One split after another, with plain means and deviations."""
    size = len(matrix) // blocks
    parts = np.split(matrix[len(matrix) - size * blocks :], blocks)
    below = lost = splits = 0
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[b] for b in chosen])
        outside = np.concatenate([parts[b] for b in range(blocks) if b not in chosen])
        train = inside.mean(axis=0) / inside.std(axis=0, ddof=1)
        test = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        best = int(train.argmax())
        rank = sum(1 for value in test if value < test[best]) + 1
        below += rank <= (len(test) + 1) / 2  # logit <= 0: at or under the middle rank
        lost += test[best] < 0
        splits += 1
    return below / splits, lost / splits, splits


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 4, 6, 8]), st.integers(2, 9), st.integers(0, 5))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_equals_brute_force(seed, blocks, trials, rest):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(rng.normal(0, 0.2, trials), 1.0, (blocks * 6 + rest, trials))
    found = probability_of_overfitting(matrix, blocks)
    pbo, loss, splits = brute(matrix, blocks)
    assert (found.pbo, found.loss, found.splits) == (pytest.approx(pbo), pytest.approx(loss), splits)
    assert found.splits == split_count(blocks)


def test_the_middle_rank_counts_as_overfit():
    # three trials; the winner in sample is second of three out of sample both ways: logit 0
    high, middle, low = [1.1, 0.9], [0.6, 0.4], [0.1, -0.1]
    matrix = np.array([high + middle, middle + high, low + low]).T
    assert probability_of_overfitting(matrix, 2).pbo == 1.0


def test_skill_is_not_overfit_and_noise_is_a_coin():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(1_200, 20))
    skilled = noise.copy()
    skilled[:, 3] += 0.2
    assert probability_of_overfitting(skilled, 10).pbo < 0.02
    pbos = [probability_of_overfitting(rng.normal(size=(240, 11)), 8).pbo for _ in range(60)]
    assert np.mean(pbos) == pytest.approx(6 / 11, abs=0.1)  # of odd ranks the middle one counts as well


def test_far_from_zero_nothing_cancels():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(160, 5))
    assert probability_of_overfitting(matrix + 1e6, 8, metric="mean").pbo == pytest.approx(
        probability_of_overfitting(matrix, 8, metric="mean").pbo
    )


def test_a_transposed_matrix_is_refused():
    matrix = np.random.default_rng(0).normal(size=(200, 10))
    with pytest.raises(ModelError, match="transposed"):
        probability_of_overfitting(matrix.T, 4)
    with pytest.raises(ModelError, match="transposed"):
        probability_of_overfitting(matrix.T, 4, periods=200)
    wide = np.random.default_rng(0).normal(size=(40, 60))
    assert 0.0 <= probability_of_overfitting(wide, 4, periods=40).pbo <= 1.0


@pytest.mark.parametrize(
    ("matrix", "blocks", "words"),
    [
        (np.zeros((20, 1)), 4, "two or more trials"),
        (np.zeros(20), 4, "two or more trials"),
        (np.full((20, 2), np.nan), 4, "not finite"),
        (np.zeros((20, 2)), 5, "blocks"),
        (np.zeros((20, 2)), 12, "blocks"),
    ],
)
def test_what_cannot_be_judged_is_refused(matrix, blocks, words):
    with pytest.raises(ModelError, match=words):
        probability_of_overfitting(matrix, blocks)
