import numpy as np
import polars as pl
import pytest

from zanzibar_assets.ml.strategy import PathResult
from zanzibar_assets.ml.trading_costs import break_even_multiple, capacity, sharpe_at_costs, traded_volume


def result(gross, cost):
    gross = np.asarray(gross)
    costs = np.full(len(gross), cost)
    return PathResult(0, gross - costs, gross, gross - costs, costs, np.arange(len(gross)))


def test_sharpe_falls_with_the_costs_and_crosses_zero_at_break_even():
    seen = result([0.004, -0.002, 0.003, 0.001], 0.0005)
    sharpes = sharpe_at_costs(seen, (0.0, 1.0, 2.0, 3.0))
    assert list(sharpes.values()) == sorted(sharpes.values(), reverse=True)
    assert sharpes[1.0] == pytest.approx(seen.sharpe)
    assert break_even_multiple(seen) == pytest.approx(0.006 / 0.002)
    assert sharpe_at_costs(seen, (3.0,))[3.0] == pytest.approx(0.0, abs=1e-12)
    assert break_even_multiple(result([0.1, 0.2], 0.0)) is None


def test_capacity_by_hand():
    # mean net 1e-4, rms gross 1e-3, volume 10 000: 10 000 (1e-4 / 2e-3)^2 = 25 contracts
    seen = result([0.0011, -0.0009, 0.0011, -0.0009], 0.0)
    sigma = np.sqrt(np.mean(seen.gross**2))
    expected = 10_000 * (1e-4 / (2 * sigma)) ** 2
    assert capacity(seen, np.full(4, 10_000.0), 0.1) == pytest.approx(expected)
    assert expected == pytest.approx(25, rel=0.02)
    assert capacity(seen, np.full(4, 10_000.0), 0.001) == pytest.approx(10.0)  # one in a thousand at most


def test_no_edge_bears_no_size():
    assert capacity(result([-0.001, 0.0005], 0.0), np.full(2, 1e4), 0.1) == 0.0
    assert capacity(result([0.001, 0.001], 0.0), np.zeros(2), 0.1) == 0.0
    assert capacity(result([], 0.0), np.zeros(0), 0.1) == 0.0


def test_volume_of_a_trade_is_of_bars_closed_within_it():
    stamps = lambda values: pl.Series(values).cast(pl.Datetime("us", "UTC"))  # noqa: E731
    bars = pl.DataFrame({"known_at": stamps([1, 2, 3, 4, 5]), "volume": [1.0, 2.0, 4.0, 8.0, 16.0]})
    path = pl.DataFrame({"event_ts": stamps([1, 2, 3]), "known_at": stamps([3, 4, 9])})
    seen = PathResult(0, np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(3), np.array([0, 2]))
    np.testing.assert_array_equal(traded_volume(path, seen, bars), [6.0, 24.0])
