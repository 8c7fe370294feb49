import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ml.strategy import PathResult, all_paths, chain, median_path, path_result, positions


def oos(entries, exits, predictions, gross, cost=0.0, path=0):
    size = len(entries)
    frame = pl.DataFrame(
        {
            "event_ts": entries,
            "known_at": exits,
            "session": ["2024-03-05"] * size,
            "path": [path] * size,
            "prediction": predictions,
            "label": [0] * size,
            "gross_return": gross,
            "net_return": [value - cost for value in gross],
        }
    )
    stamps = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return conform("model_oos", frame.with_columns(stamps).sort("known_at"))


def test_positions_by_hand():
    sides = positions(np.array([0.3, 0.45, 0.46, 0.5, 0.54, 0.55, 0.9]), 0.55)
    np.testing.assert_array_equal(sides, [-1, -1, 0, 0, 0, 1, 1])


def test_trades_one_after_another_by_hand():
    # spans: 0-3, 1-4, 2-5, 3-6, 4-7, 5-8; periods (all rows): 0-3, 3-6
    rows = oos(
        [0, 1, 2, 3, 4, 5],
        [3, 4, 5, 6, 7, 8],
        [0.5, 0.9, 0.1, 0.1, 0.2, 0.5],
        [0.1, 0.02, 0.03, 0.04, -0.05, 0.06],
        cost=0.001,
    )
    found = path_result(rows, 0.55)
    # flat at 0; long at 1 until 4; at 2 and 3 still in; short at 4 until 7
    np.testing.assert_allclose(found.gross, [0.02, 0.05])
    np.testing.assert_allclose(found.net, [0.019, 0.049])
    np.testing.assert_allclose(found.periods, [0.019, 0.049])
    np.testing.assert_allclose(found.costs, [0.001, 0.001])
    np.testing.assert_array_equal(found.trades, [1, 4])


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_chained_spans_never_overlap_and_leave_no_room(seed):
    rng = np.random.default_rng(seed)
    event = np.sort(rng.integers(0, 200, 60))
    known = event + rng.integers(1, 20, 60)
    wanted = rng.random(60) < 0.5
    taken = chain(event, known, wanted)
    assert wanted[taken].all()
    assert (event[taken][1:] >= known[taken][:-1]).all()
    busy = np.zeros(60, dtype=bool)
    for row in taken:
        busy |= (event >= event[row]) & (event < known[row])
    assert not (wanted & ~busy).any()


def test_the_grid_does_not_depend_on_predictions():
    rng = np.random.default_rng(2)
    entries = list(range(300))
    exits = [e + int(rng.integers(2, 9)) for e in entries]
    gross = rng.normal(0, 0.01, 300).tolist()
    lengths = {
        len(path_result(oos(entries, exits, rng.random(300).tolist(), gross), 0.6).periods) for _ in range(5)
    }
    assert len(lengths) == 1


def test_nothing_traded_returns_zero_periods():
    found = path_result(oos([0, 5], [5, 9], [0.5, 0.5], [0.1, 0.1]), 0.55)
    np.testing.assert_array_equal(found.periods, [0.0, 0.0])
    assert found.sharpe == 0.0
    assert len(found.net) == 0


def test_costs_lower_both_sides():
    for chance in (0.9, 0.1):
        rows = oos([0], [5], [chance], [0.0], cost=0.002)
        np.testing.assert_allclose(path_result(rows, 0.55).net, [-0.002])


def test_paths_are_kept_apart_and_the_median_is_the_lower_one():
    rng = np.random.default_rng(1)
    entries, gross = list(range(0, 100, 5)), rng.normal(0, 1, 20).tolist()
    exits = [entry + 5 for entry in entries]
    frames = [oos(entries, exits, rng.random(20).tolist(), gross, path=path) for path in range(4)]
    results = all_paths(pl.concat(frames).sort("known_at"), 0.55)
    assert [result.path for result in results] == [0, 1, 2, 3]
    ranked = sorted(result.sharpe for result in results)
    assert median_path(results).sharpe == ranked[1]


def test_a_single_path_is_its_own_median():
    only = PathResult(0, np.array([0.1, 0.2]), np.array([0.1]), np.array([0.1]), np.zeros(2), np.array([0]))
    assert median_path([only]) is only
    assert only.sharpe == pytest.approx(0.15 / np.std([0.1, 0.2], ddof=1))
