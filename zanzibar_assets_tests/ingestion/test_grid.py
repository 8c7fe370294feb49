"""Prices on the tick grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.ingestion.grid import decimals_of, float32_noise, nearest_ticks, ticks_to_prices


@pytest.mark.parametrize(
    ("tick", "decimals"), [(0.25, 2), (0.1, 1), (10.0, 0), (0.00001, 5), (0.125, 3), (1.0, 0)]
)
def test_decimals(tick, decimals):
    assert decimals_of(tick) == decimals


def test_prices_have_no_float_dust():
    assert ticks_to_prices(np.array([618003, 13137]), 0.1).tolist() == [61800.3, 1313.7]


@given(st.integers(1, 2_000_000), st.sampled_from([0.1, 0.25, 0.125, 0.01]))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_float32_noise_never_moves_a_price_off_its_tick(ticks, tick):
    price = np.array([ticks * tick], dtype=np.float32)
    if float(np.spacing(price[0])) > tick / 4:
        return  # float32 cannot hold this grid any more
    found, on_grid = nearest_ticks(price.astype(float), tick, float32_noise(price, 1.0))
    assert on_grid.all()
    assert found.tolist() == [ticks]


def test_off_grid_and_impossible_prices_are_told():
    prices = np.array([100.1, 100.25, np.nan, np.inf, 1e300])
    ticks, on_grid = nearest_ticks(prices, 0.25)
    assert on_grid.tolist() == [False, True, False, False, False]
    assert ticks[1] == 401
