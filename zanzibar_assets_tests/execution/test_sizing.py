"""Lots from a risk budget, by hand and against the traps of floats."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.execution.sizing import size_position, snap_down, snap_price


def symbol(**changes):
    fields = {
        "trade_tick_size": 0.01,
        "trade_tick_value": 0.01,
        "trade_tick_value_loss": 0.01,
        "volume_min": 0.01,
        "volume_max": 1_000.0,
        "volume_step": 0.01,
    }
    return SimpleNamespace(**{**fields, **changes})


def test_by_hand():
    size = size_position(100_000.0, 0.1, 5.0, symbol(), 50.0, 0.0)
    assert (size.lots, size.loss_per_lot, size.loss) == (20.0, 5.0, 100.0)


def test_commission_of_both_sides_is_part_of_the_loss():
    gold = symbol(trade_tick_value=1.0, trade_tick_value_loss=1.0)  # 100 ounces, tick 0.01
    size = size_position(100_000.0, 0.5, 4.95, gold, 50.0, 2.5)
    assert size.loss_per_lot == 500.0
    assert size.lots == 1.0


def test_the_budget_is_never_exceeded_and_the_minimum_never_forced():
    assert size_position(100_000.0, 0.1, 5.1, symbol(), 50.0, 0.0).lots == 19.6  # 19.6078
    tiny = size_position(1_000.0, 0.001, 5.0, symbol(), 50.0, 0.0)
    assert (tiny.lots, tiny.wanted_lots) == (0.0, 0.002)


def test_caps():
    assert size_position(100_000.0, 5.0, 5.0, symbol(), 50.0, 0.0).lots == 50.0
    assert size_position(100_000.0, 5.0, 5.0, symbol(volume_max=7.0), 50.0, 0.0).lots == 7.0


def test_a_tick_value_of_zero_gives_no_lots():
    assert (
        size_position(1e5, 0.1, 5.0, symbol(trade_tick_value=0.0, trade_tick_value_loss=0.0), 50.0, 0).lots
        == 0
    )


def test_float_traps():
    assert snap_down(Decimal("0.29"), 0.01) == 0.29  # 0.29 % 0.01 is not 0 in floats
    assert snap_down(Decimal("0.3"), 0.1) == 0.3  # 0.3 // 0.1 is 2 in floats
    assert snap_price(5_000.2500000001, 0.01) == 5_000.25
    assert snap_price(4_048.37, 0.25) == 4_048.25


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.decimals(0, 1_000, places=6, allow_nan=False), st.sampled_from([0.01, 0.1, 0.5, 1.0, 0.001]))
def test_snapping_is_the_largest_step_below(volume, step):
    snapped = Decimal(repr(snap_down(volume, step)))
    grid = Decimal(repr(step))
    assert snapped <= volume < snapped + grid
    assert snapped % grid == 0


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.floats(1_000, 1e6), st.floats(0.001, 2.0), st.integers(1, 20_000))
def test_the_loss_at_the_stop_stays_in_the_budget(equity, risk_pct, stop_ticks):
    size = size_position(equity, risk_pct, stop_ticks * 0.01, symbol(), 50.0, 1.0)
    assert size.loss <= equity * risk_pct / 100 * (1 + 1e-12)
