"""Walk-forward retraining: nothing later than a fit's sessions is looked at, and nothing votes unasked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.cross_validation import walk_forward_folds
from zanzibar_assets.ml.dataset import assemble
from zanzibar_assets.ml.estimators import Candidate
from zanzibar_assets.ml.walk_forward import retrainings, walk_forward, walk_forward_metrics
from zanzibar_assets_tests.ml import worlds

RIDGE = Candidate("ridge", {"alpha": 0.1})
TREES = Candidate("lightgbm", {"num_trees": 10, "num_leaves": 4, "learning_rate": 0.1})


def model_settings(**changes):
    return worlds.config(min_rows=300, min_sessions=2, **changes).model


@pytest.fixture(scope="module")
def data():
    return assemble(*worlds.market_with_signal(0.5, seed=6, count=250), None)


def test_ten_rows_by_hand():
    starts = np.arange(10, dtype=np.int64)
    blocks = [np.array([4, 5, 6]), np.array([7, 8, 9])]
    # a label of row r ends at r + 1: row 3 touches the first block, row 6 the second
    bare = walk_forward_folds(starts, starts + 1, blocks, embargo=0)
    assert [fold.train.tolist() for fold in bare] == [[0, 1, 2], [0, 1, 2, 3, 4, 5]]
    assert [fold.test.tolist() for fold in bare] == [[4, 5, 6], [7, 8, 9]]
    apart = walk_forward_folds(starts, starts + 1, blocks, embargo=2)
    assert [fold.train.tolist() for fold in apart] == [[0, 1], [0, 1, 2, 3, 4]]


@given(st.integers(12, 120), st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 9))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_training_labels_end_before_the_test_begins(rows, seed, count, embargo):
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(0, 3 * rows, rows))
    ends = starts + rng.integers(0, 40, rows)
    first = int(rng.integers(1, rows - count))
    blocks = np.array_split(np.arange(first, rows), count)
    for fold, block in zip(walk_forward_folds(starts, ends, blocks, embargo), blocks, strict=True):
        assert fold.test.tolist() == block.tolist()
        assert (ends[fold.train] < starts[block[0]]).all()
        assert (fold.train < block[0] - embargo).all()
        clear = np.flatnonzero(ends < starts[block[0]])
        assert set(clear[clear < block[0] - embargo]) == set(fold.train), "no more is purged than must be"


@pytest.mark.parametrize(
    "blocks", [[np.array([4, 5]), np.array([7, 8])], [np.array([6, 7]), np.array([4, 5])], [np.array([5, 4])]]
)
def test_shuffled_or_broken_blocks_are_refused(blocks):
    starts = np.arange(10, dtype=np.int64)
    with pytest.raises(ModelError, match="blocks cannot be used"):
        walk_forward_folds(starts, starts, blocks, 0)


def test_each_later_session_is_predicted_once_by_a_fit_on_earlier_ones(data):
    found = walk_forward(RIDGE, data, model_settings(calibration="none"))
    assert breaches("model_walk_forward", found) == []
    pairs = found.select("session", "trained_through").unique(maintain_order=True).rows()
    names = worlds.SESSIONS
    assert pairs == [(names[2], names[1]), (names[3], names[2]), (names[4], names[3])]
    tested = data.frame.filter(pl.col("session") > names[1])
    assert found.sort("event_ts")["event_ts"].to_list() == tested["entry"].to_list()


def test_steps_limit_the_fits_and_none_is_none(data):
    two = walk_forward(RIDGE, data, model_settings(calibration="none", walk_forward_steps=2))
    names = worlds.SESSIONS
    assert two["trained_through"].unique(maintain_order=True).to_list() == [names[1], names[3]]
    assert two["session"].n_unique() == 3
    assert walk_forward(RIDGE, data, model_settings(walk_forward_steps=0)).is_empty()
    assert retrainings(data, worlds.config(min_sessions=5).model) == []


@pytest.mark.parametrize("candidate", [RIDGE, TREES])
def test_the_same_bits_again_and_no_look_at_what_follows(data, candidate):
    options = model_settings(calibration="platt")
    whole = walk_forward(candidate, data, options)
    assert walk_forward(candidate, data, options).equals(whole)
    last = worlds.SESSIONS[-1]
    later = (data.frame["session"] == last).to_numpy()
    x = data.x.copy()
    x[later] += 7.0
    moved = replace(data, x=x, up=np.where(later, 1.0 - data.up, data.up))
    before = pl.col("session") < last
    assert walk_forward(candidate, moved, options).filter(before).equals(whole.filter(before))


def test_too_few_rows_to_learn_from_are_left_out(data):
    options = worlds.config(min_rows=550, min_sessions=2, calibration="none").model
    found = walk_forward(RIDGE, data, options)
    assert set(found["session"]) == set(worlds.SESSIONS[3:])


def test_the_report_shows_it_and_it_votes_only_when_asked(data):
    options = worlds.config(min_rows=300, min_sessions=2, calibration="none")
    walk = walk_forward(RIDGE, data, options.model)
    shown = {metric.name: metric for metric in walk_forward_metrics(walk, options)}
    assert set(shown) == {"walk_forward_sharpe", "walk_forward_ic_t", "walk_forward_ic"}
    assert shown["walk_forward_ic"].value > 0.2
    assert "3 fits walked over 3 sessions (does not vote)" in shown["walk_forward_sharpe"].detail
    assert {metric.passed for metric in shown.values()} == {None}
    for least, passed in ((0.5, True), (1_000.0, False)):
        gate = options.gate.model_copy(update={"min_walk_forward_ic_t": least})
        voting = walk_forward_metrics(walk, options.model_copy(update={"gate": gate}))
        assert {m.name: m.passed for m in voting}["walk_forward_ic_t"] is passed


def test_too_short_a_walk_is_not_judged_even_when_it_votes(data):
    options = worlds.config()
    gate = options.gate.model_copy(update={"min_walk_forward_sharpe": 1.0})
    found = walk_forward_metrics(empty("model_walk_forward"), options.model_copy(update={"gate": gate}))
    assert [(m.name, m.value, m.passed) for m in found] == [
        ("walk_forward_sharpe", None, None), ("walk_forward_ic_t", None, None)
    ]  # fmt: skip
    assert "not judged: 0 bars" in found[0].detail
