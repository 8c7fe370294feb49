from __future__ import annotations

from zanzibar_assets.analysis.breaks import BreakParams, breaks
from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.swings import SwingParams

ONE = SwingParams(1, 1)
# Swing high 20 on bar 1 and swing low 10 on bar 2, both known by bar 3.
RANGE = [(15, 16, 14, 15, 1), (15, 20, 14, 15, 1), (15, 16, 10, 15, 1), (15, 16, 14, 15, 1)]


def _wick(*bars):
    rows = breaks(BarSeries.of([*RANGE, *bars]), BreakParams(ONE, "wick"))
    return [(r.kind, r.dir, r.known_idx, r.level, dict(r.attrs)) for r in rows]


def test_a_wick_breaks_in_wick_mode_only():
    bar = (15, 21, 14, 16, 1)
    assert _wick(bar) == [("bos", 1, 4, 20, {"initial": True})]
    assert breaks(BarSeries.of([*RANGE, bar]), BreakParams(ONE)) == []


def test_an_outside_bar_breaks_the_level_nearer_to_its_open_first():
    near_high = _wick((16, 21, 9, 15, 1))
    assert near_high == [
        ("bos", 1, 4, 20, {"ambiguous_order": True, "initial": True}),
        ("choch", -1, 4, 10, {"ambiguous_order": True}),
    ]
    near_low = {row[:2] for row in _wick((14, 21, 9, 15, 1))}
    assert near_low == {("bos", -1), ("choch", 1)}


def test_an_open_in_the_middle_tells_no_order_so_both_are_judged_alike():
    rows = _wick((15, 21, 9, 16, 1))
    assert {row[:2] for row in rows} == {("bos", 1), ("bos", -1)}


def test_a_broken_swing_does_not_return_when_the_next_one_is_broken():
    bars = [
        (10, 11, 9, 10, 1), (10, 30, 9, 10, 1), (10, 12, 8, 10, 1),  # swing high 30, never broken
        (10, 20, 9, 10, 1), (10, 12, 9, 10, 1),  # swing high 20 takes its place
        (10, 26, 9, 25, 1), (25, 27, 24, 26, 1), (26, 33, 25, 32, 1),  # 20 breaks; then above 30
    ]  # fmt: skip
    rows = breaks(BarSeries.of(bars), BreakParams(ONE))
    assert [(r.kind, r.level, r.known_idx) for r in rows if r.dir > 0] == [("bos", 20, 5)]
