"""A fit's last bits do not hang on how many cores the machine has."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from zanzibar_assets.ml.estimators import CANDIDATES
from zanzibar_assets.ml.threads import one_blas_thread
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets_tests.ml import worlds


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_inside_there_is_one_and_outside_it_is_as_it_was():
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == before


@pytest.mark.parametrize("candidate", CANDIDATES[2:], ids=lambda c: c.algorithm)
def test_trainings_on_one_and_on_two_threads_are_the_same_bits(candidate):
    market = worlds.market_with_signal(0.5, seed=6, count=250)
    settings, found = worlds.config(min_rows=300), []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            log = MemoryTrialLog()
            found.append(train_model(*market, worlds.instrument(), settings, log, candidates=[candidate]))
    assert found[0].model.equals(found[1].model)
    assert np.array_equal(found[0].oos["prediction"], found[1].oos["prediction"])
    assert found[0].walk.equals(found[1].walk)
