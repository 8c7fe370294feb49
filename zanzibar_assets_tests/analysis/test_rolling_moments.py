"""Bands of the rolling VWAP: equal to Welford over the window's trades at any price, in any blocks."""

import json
import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.rolling_moments import RollingMoments
from zanzibar_assets.analysis.vwap import ROLLING_BARS, VwapStage, build_vwap, segment_moments
from zanzibar_assets_tests.analysis.laws import assert_prefix
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    ES,
    bars_of,
    known_by,
    random_cuts,
    random_ticks,
    window,
)
from zanzibar_assets_tests.builders.orderflow import mirrored_ticks, moved
from zanzibar_assets_tests.reference import order_flow as slow

W = window(hours=6)
ABOUT = 38_001
ROLLING = [
    "rolling_vwap",
    "rolling_sd",
    "rolling_upper_1",
    "rolling_lower_1",
    "rolling_upper_2",
    "rolling_lower_2",
]
FRAME = random_ticks(5, 4_000, W)


def vwap_of(frame):
    return build_vwap(frame, bars_of(frame, W), ES, CONFIG).select("known_at", *ROLLING)


WHOLE = vwap_of(FRAME)


def moments_of(trades, bars):
    """Moments of (bar, price, size) trades per bar."""
    index, price, size = (np.array(part) for part in zip(*trades, strict=True))
    return segment_moments(price.astype(float), size.astype(float), index, bars, float(price[0]))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 400), st.integers(1, 9)), min_size=1, max_size=80),
    st.integers(1, 6),
    st.sampled_from([0, 100_000_000, 4_000_000_000]),
)
def test_equals_welford_over_the_trades_of_the_window(trades, bars_held, level):
    trades = sorted(trades)
    at_level = [(bar, price + level, size) for bar, price, size in trades]
    mean, sd = RollingMoments(bars_held).feed(*moments_of(at_level, 12))
    for bar in range(12):
        inside = [(price, size) for at, price, size in trades if bar - bars_held < at <= bar]
        if not inside:
            assert math.isnan(mean[bar])
            assert math.isnan(sd[bar])
            continue
        wanted = slow.welford(inside)[-1]  # without the level: no digits lost
        assert mean[bar] - level == pytest.approx(wanted[0], abs=1e-9 + level * 4e-16)
        assert sd[bar] == pytest.approx(wanted[1], rel=1e-7, abs=1e-6)


def test_differences_of_running_sums_of_squares_would_fail_where_this_holds():
    rng = np.random.default_rng(1)
    price, index = 1e8 + rng.integers(0, 4, 3_000).astype(float), np.arange(3_000) // 10
    moments = segment_moments(price, np.ones(3_000), index, 300, price[0])
    _, sd = RollingMoments(ROLLING_BARS).feed(*moments)
    exact = np.array([price[max(0, 10 * k - 590) : 10 * k + 10].std() for k in range(300)])
    assert np.abs(sd - exact).max() < 1e-9
    total, squares = np.cumsum(price), np.cumsum(price**2)
    mean = (total[-1] - total[-601]) / 600
    assert abs((squares[-1] - squares[-601]) / 600 - mean**2 - exact[-1] ** 2) > 0.1


def test_a_long_past_leaves_no_trace():
    """A window far from the start has the bits of one that begins there."""
    rng = np.random.default_rng(2)
    parts = np.array([rng.integers(1, 9, 500), 1e8 + rng.normal(0, 9, 500), rng.random(500)], dtype=float)
    whole = RollingMoments(20).feed(*parts)
    tail = RollingMoments(20).feed(*parts[:, 400:])
    for found, alone in zip(whole, tail, strict=True):
        assert np.array_equal(found[419:], alone[19:])


def test_prefix():
    assert WHOLE["rolling_sd"].n_unique() > 100
    assert_prefix(WHOLE, lambda cut: vwap_of(known_by(FRAME, cut)), random_cuts(6, W, 40))


def test_blocks_of_any_size_give_the_same_rows_over_a_written_state():
    bars = bars_of(FRAME, W)
    rng = np.random.default_rng(3)
    edges = [0, *np.unique(rng.integers(1, bars.height, 15)).tolist(), bars.height]
    stage, parts = VwapStage(ES, CONFIG), []
    for first, last in pairwise(edges):
        saved = json.dumps(stage.snapshot())
        stage = VwapStage(ES, CONFIG)
        stage.restore(json.loads(saved))
        block = bars[first:last]
        starts, ends = block["event_ts"][0], block["known_at"][-1]
        parts.append(stage.feed(block, FRAME.filter(pl.col("event_ts") >= starts, pl.col("event_ts") < ends)))
    assert_frame_equal(pl.concat(parts), build_vwap(FRAME, bars, ES, CONFIG), check_exact=True)


def test_mirror():
    back = vwap_of(mirrored_ticks(FRAME, ABOUT))
    tick = ES.tick_size
    assert (WHOLE["rolling_sd"] - back["rolling_sd"]).abs().max() < 1e-9
    for here, there in (("vwap", "vwap"), ("upper_1", "lower_1"), ("lower_2", "upper_2")):
        mirrored = ABOUT * tick - back[f"rolling_{there}"]
        assert (WHOLE[f"rolling_{here}"] - mirrored).abs().max() < 1e-7


@pytest.mark.parametrize("shift", [40_000, 400_000_000])
def test_shift_and_scale(shift):
    moved_on = vwap_of(moved(FRAME, shift))
    assert (moved_on["rolling_sd"] - WHOLE["rolling_sd"]).abs().max() < 1e-7
    assert (moved_on["rolling_vwap"] - shift * ES.tick_size - WHOLE["rolling_vwap"]).abs().max() < 1e-6
    tripled = vwap_of(moved(FRAME, scale=3))
    assert (tripled["rolling_sd"] - 3 * WHOLE["rolling_sd"]).abs().max() < 1e-9


def test_bands_lie_one_and_two_deviations_away():
    for k in (1, 2):
        for sign, side in ((1, "upper"), (-1, "lower")):
            away = WHOLE["rolling_vwap"] + sign * k * WHOLE["rolling_sd"]
            assert (WHOLE[f"rolling_{side}_{k}"] - away).abs().max() < 1e-9


def test_a_leaking_twin_is_caught():
    def centred(cut):
        found = vwap_of(known_by(FRAME, cut))
        return found.select("known_at", x=pl.col("rolling_sd").shift(-1))

    with pytest.raises(AssertionError):
        assert_prefix(centred(W.close_us), centred, random_cuts(1, W, 8))
