"""Screens of time and price: hand-worked cases, plain against compiled, and no look-ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.config import CleaningConfig
from zanzibar_assets.ingestion import _screen_kernels as kernels
from zanzibar_assets.ingestion import tick_screen as screen

FAR = 60
BAND = screen.Band(window=11, mads=4.0, min_ticks=3, min_fraction=0.0, confirm=3, stale_us=1_000)
LAWS = settings(deadline=None, max_examples=60, derandomize=True)
steps = st.lists(st.sampled_from([-200, -61, -60, -59, -5, -1, 0, 1, 3, 70, 500]), min_size=1, max_size=80)
prices = st.lists(st.sampled_from([100, 101, 102, 103, 104, 110, 112, 150, 151]), min_size=1, max_size=80)


def compiled_dates(stamps):
    dated, verdicts = stamps.copy(), np.zeros(len(stamps), dtype=np.uint8)
    kernels.date_rows(stamps, FAR, screen.BACK_ROWS, dated, verdicts)
    return dated, verdicts


def compiled_prices(levels, stamps, band=BAND):
    dated, verdicts = stamps.copy(), np.zeros(len(stamps), dtype=np.uint8)
    kernels.screen_prices(
        levels, stamps, band.window, band.mads, band.min_ticks, band.min_fraction, band.confirm,
        band.stale_us, dated, verdicts,
    )  # fmt: skip
    return dated, verdicts


def walk(found):
    return np.cumsum(np.array([10_000, *found], dtype=np.int64))


@pytest.mark.parametrize(
    ("stamps", "dated", "verdicts"),
    [
        ([5, 6, 6, 9], [5, 6, 6, 9], [0, 0, 0, 0]),
        ([5, 9, 6, 10], [5, 9, 9, 10], [0, 0, 1, 0]),
        # far behind and alone: late; three in order: the clock was wrong
        ([500, 100, 501], [500, 500, 501], [0, 1, 0]),
        ([500, 100, 101, 102, 103], [500, 100, 101, 102, 103], [0, 2, 2, 2, 0]),
        ([500, 100, 90, 91, 92], [500, 500, 90, 91, 92], [0, 1, 2, 2, 2]),
        ([500, 100, 101], [500, 500, 500], [0, 1, 1]),
    ],
)
def test_dates_by_hand(stamps, dated, verdicts):
    for dates in (screen.date_rows_plainly, lambda s, _far: compiled_dates(s)):
        found = dates(np.array(stamps, dtype=np.int64), FAR)
        assert [list(column) for column in found] == [dated, verdicts]


@given(steps)
@LAWS
def test_compiled_dates_equal_plain_ones(found):
    stamps = walk(found)
    for ours, theirs in zip(screen.date_rows_plainly(stamps, FAR), compiled_dates(stamps), strict=True):
        assert np.array_equal(ours, theirs)


@given(steps)
@LAWS
def test_no_row_is_dated_before_its_stamp(found):
    stamps = walk(found)
    dated, verdicts = screen.date_rows(stamps, FAR)
    assert (dated >= stamps).all()
    assert ((dated > stamps) <= (verdicts == screen.LATE)).all()


@given(prices, steps)
@LAWS
def test_compiled_prices_equal_plain_ones(levels, found):
    stamps = np.cumsum(np.abs(np.resize(np.array(found, dtype=np.int64), len(levels))))
    levels = np.array(levels, dtype=np.int64)
    plain, fast = screen.screen_prices_plainly(levels, stamps, BAND), compiled_prices(levels, stamps)
    assert np.array_equal(plain[0], fast[0])
    assert np.array_equal(plain[1], fast[1])


def test_compiled_prices_equal_plain_ones_on_a_long_walk():
    rng = np.random.default_rng(3)
    levels = 20_000 + np.cumsum(rng.integers(-3, 4, 30_000))
    levels[rng.integers(0, 30_000, 200)] += rng.integers(-400, 400, 200)
    levels[12_000:] += 900
    stamps = np.cumsum(rng.integers(0, 3_000_000, 30_000))
    band = screen.Band.of(CleaningConfig())
    plain, fast = (
        screen.screen_prices_plainly(levels, stamps, band),
        screen.screen_prices(levels, stamps, band),
    )
    assert np.array_equal(plain[0], fast[0])
    assert np.array_equal(plain[1], fast[1])
    assert set(plain[1]) == {screen.NONE, screen.ASIDE, screen.CONFIRMED}


@given(prices, st.data())
@LAWS
def test_a_prefix_is_judged_as_in_the_whole(levels, data):
    levels = np.array(levels, dtype=np.int64)
    stamps = np.arange(len(levels), dtype=np.int64) * 10
    cut = data.draw(st.integers(0, len(levels)))
    whole, part = (
        screen.screen_prices(levels, stamps, BAND),
        screen.screen_prices(levels[:cut], stamps[:cut], BAND),
    )
    edge = stamps[cut - 1] if cut else -1
    believed = (whole[1][:cut] != screen.ASIDE) & (whole[0][:cut] <= edge)
    assert np.array_equal(believed, part[1] != screen.ASIDE)
    assert np.array_equal(whole[0][:cut][believed], part[0][believed])


def test_prices_by_hand():
    levels = np.array([100, 101, 100, 150, 100, 151, 152, 150, 150, 100], dtype=np.int64)
    dated, verdicts = screen.screen_prices(levels, np.arange(10, dtype=np.int64), BAND)
    assert verdicts.tolist() == [0, 0, 0, 3, 0, 4, 4, 4, 0, 3]
    assert dated.tolist() == [0, 1, 2, 3, 4, 7, 7, 7, 8, 9]


def test_two_far_levels_do_not_confirm_each_other():
    levels = np.array([100, 100, 100, 150, 200, 150, 200, 150, 200], dtype=np.int64)
    _, verdicts = screen.screen_prices(levels, np.arange(9, dtype=np.int64), BAND)
    assert verdicts.tolist() == [0, 0, 0] + [screen.ASIDE] * 6


def test_a_volatile_market_widens_its_own_band():
    levels = np.array([100, 110, 90, 105, 95, 100, 130], dtype=np.int64)
    assert screen.screen_prices(levels, np.arange(7, dtype=np.int64), BAND)[1][6] == screen.ASIDE
    wide = screen.Band(11, 20.0, 3, 0.0, 3, 1_000)
    assert screen.screen_prices(levels, np.arange(7, dtype=np.int64), wide)[1][6] == screen.NONE


def test_a_band_of_a_fraction_of_the_price():
    band = screen.Band(11, 4.0, 3, 0.005, 3, 1_000)
    levels = np.array([20_000] * 5 + [20_100, 20_101], dtype=np.int64)
    assert screen.screen_prices(levels, np.arange(7, dtype=np.int64), band)[1].tolist() == [0] * 6 + [
        screen.ASIDE
    ]
