import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis.footprint import bar_prints, footprint, stacks
from zanzibar_assets_tests.reference import order_flow as slow
from zanzibar_assets_tests.reference.order_flow_cases import (
    FOOTPRINT,
    FOOTPRINT_BUY,
    FOOTPRINT_DELTA,
    FOOTPRINT_SELL,
)


def prints(trades, bar=None):
    """Footprint of (price, sold, bought) trades of one bar (or of the given bars)."""
    price, sold, bought = (np.array(part) for part in zip(*trades, strict=True))
    bar = np.zeros(len(trades), dtype=np.int64) if bar is None else np.array(bar)
    return footprint(bar, price, sold.astype(float), bought.astype(float))


def test_worked_case_is_diagonal():
    got = prints([(price, *volumes) for price, volumes in FOOTPRINT.items()])
    assert got.price_ticks[got.buy].tolist() == FOOTPRINT_BUY
    assert got.price_ticks[got.sell].tolist() == FOOTPRINT_SELL
    assert stacks(got, got.buy, least=2) == [(0, 101, 102)]
    assert stacks(got, got.sell, least=2) == []
    assert stacks(got, got.buy) == []
    assert (got.bought - got.sold).sum() == FOOTPRINT_DELTA


def test_mirror_swaps_the_sides():
    mirrored = [(-price, bought, sold) for price, (sold, bought) in FOOTPRINT.items()]
    got = prints(mirrored)
    assert sorted((-got.price_ticks[got.sell]).tolist()) == FOOTPRINT_BUY
    assert not got.buy.any()


def test_bars_do_not_touch_each_other():
    # sold 9 at 100 in bar 0 must not stand under what is bought at 101 in bar 1
    got = prints([(100, 9, 0), (101, 0, 9)], bar=[0, 1])
    assert got.buy.tolist() == [False, True]
    together = prints([(100, 9, 0), (101, 0, 9)])
    assert together.buy.tolist() == [False, False]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 12), st.integers(0, 12)), min_size=1
    )
)
def test_equals_the_slow_reference_bar_by_bar(rows):
    rows = sorted(rows, key=lambda row: row[0])
    got = prints([row[1:] for row in rows], bar=[row[0] for row in rows])
    for bar in {row[0] for row in rows}:
        buy, sell, buy_runs, sell_runs = slow.footprint([row[1:] for row in rows if row[0] == bar])
        here = got.bar == bar
        assert got.price_ticks[here & got.buy].tolist() == buy
        assert got.price_ticks[here & got.sell].tolist() == sell
        for marks, runs in ((got.buy, buy_runs), (got.sell, sell_runs)):
            found = [(low, high) for b, low, high in stacks(got, marks) if b == bar]
            assert found == [(run[0], run[-1]) for run in runs]


def ratios(rows):
    """(ratio at the high, ratio at the low) of each bar; ``rows`` are (bar, price, sold, bought)."""
    bar = np.array([row[0] for row in rows])
    signed = np.array([float(row[3] - row[2]) for row in rows])
    found = bar_prints(prints([row[1:] for row in rows], bar=bar), bar, signed, int(bar.max()) + 1)
    return list(zip(found.ratio_high.tolist(), found.ratio_low.tolist(), strict=True))


def test_ratio_at_the_extremes_by_hand():
    # high 102: 135 bought a tick below over 420 bought there; low 100: 9 sold at 101 over 3 at 100
    assert ratios([(0, 100, 3, 1), (0, 101, 9, 135), (0, 102, 2, 420)]) == [(135 / 420, 3.0)]


def test_an_untraded_tick_beside_the_extreme_has_no_volume():
    assert ratios([(0, 100, 4, 1), (0, 103, 1, 5)]) == [(0.0, 0.0)]


def test_no_ratio_without_volume_at_the_extreme_or_with_one_price():
    high, low = ratios([(0, 100, 0, 7), (0, 101, 6, 0)])[0]
    assert math.isnan(high)
    assert math.isnan(low)
    assert np.isnan(ratios([(0, 100, 4, 4)])).all()


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 9), st.integers(0, 9)), min_size=1
    )
)
def test_ratios_equal_the_slow_reference_bar_by_bar(rows):
    rows = sorted(rows, key=lambda row: row[0])
    got = ratios(rows)
    for bar, found in enumerate(got):
        here = [row[1:] for row in rows if row[0] == bar]
        wanted = slow.ratios_at_extremes(here) if here else (None, None)
        assert [None if math.isnan(value) else value for value in found] == list(wanted)
