import math

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.risk.realized import ewma_variance, session_moves
from zanzibar_assets_tests.risk.histories import bars_of, random_history


def test_moves_worked_by_hand():
    history = bars_of({"2024-01-02": [(100.0, 101.0), (101.0, 99.0)], "2024-01-03": [(100.0, 102.0)]})
    first, second = session_moves(history).iter_rows(named=True)
    assert first["bars"] == 2
    assert first["overnight_return"] is None
    assert first["session_return"] is None
    assert first["variance"] == pytest.approx(math.log(1.01) ** 2 + math.log(99 / 101) ** 2)
    assert second["overnight_return"] == pytest.approx(math.log(100 / 99))
    assert second["session_return"] == pytest.approx(math.log(102 / 99))
    assert second["variance"] == pytest.approx(math.log(1.02) ** 2 + math.log(100 / 99) ** 2)


def test_an_overnight_gap_leaves_the_intraday_variance_alone():
    calm = bars_of({"2024-01-02": [(100.0, 100.0)], "2024-01-03": [(100.0, 101.0)]})
    gap = bars_of({"2024-01-02": [(100.0, 100.0)], "2024-01-03": [(110.0, 111.1)]})
    assert session_moves(gap)["intraday_variance"][1] == pytest.approx(
        session_moves(calm)["intraday_variance"][1]
    )
    assert session_moves(gap)["overnight_return"][1] == pytest.approx(math.log(1.1))


def test_sessions_far_apart_are_not_neighbours():
    history = bars_of({"2024-01-02": [(100.0, 101.0)], "2024-02-02": [(150.0, 151.0)]})
    assert session_moves(history)["session_return"].to_list() == [None, None]


def test_no_bars_give_the_typed_empty_frame():
    moves = session_moves(random_history(2, 1).head(0))
    assert moves.is_empty()
    assert moves.schema["variance"] == pl.Float64


def test_moves_of_a_prefix_are_the_whole_up_to_there():
    history = random_history(30, 5)
    whole = session_moves(history)
    keys = whole["session"].to_list()
    for cut in range(0, 31, 3):
        prefix = history.filter(pl.col("session").is_in(keys[:cut]))
        assert session_moves(prefix).equals(whole.head(cut))


def test_ewma_equals_the_plain_sum():
    variances = np.random.default_rng(2).random(40)
    top = sum(0.9**age * value for age, value in enumerate(variances[::-1]))
    assert ewma_variance(variances, 0.9) == pytest.approx(top / sum(0.9**age for age in range(40)))
    assert ewma_variance(np.full(7, 3.0), 0.94) == pytest.approx(3.0)
