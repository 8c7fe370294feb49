from __future__ import annotations

from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.pools import PoolParams, pools
from zanzibar_assets.analysis.swings import SwingParams


def _highs(*highs):
    return BarSeries.of([(5, high, 0, 5, 1) for high in highs])


def _rows(bars, tolerance=2):
    found = pools(bars, PoolParams(SwingParams(1, 1), tolerance))
    return [(r.kind, r.event_idx, r.known_idx, r.level, r.attrs["n"], r.ref_idx) for r in found]


def test_a_third_high_widens_the_pool_by_a_new_row():
    assert _rows(_highs(9, 20, 9, 19, 9, 19, 9, 21)) == [
        ("pool", 3, 4, 20, 2, None),
        ("pool", 5, 6, 20, 3, 3),
        ("pool_taken", 7, 7, 20, 3, 5),
    ]


def test_a_member_traded_through_no_longer_counts():
    # 18 is dropped when 19 trades; 19 then makes the pool with 20 again.
    assert _rows(_highs(9, 20, 9, 18, 9, 19, 9)) == [("pool", 3, 4, 20, 2, None), ("pool", 5, 6, 20, 2, 3)]


def test_an_exact_touch_takes_nothing_and_a_far_high_joins_nothing():
    assert _rows(_highs(9, 20, 9, 20, 9, 8, 20, 8))[-1][0] == "pool"
    assert _rows(_highs(9, 20, 9, 17, 9)) == []


def test_tolerance_counts_from_the_first_member_not_from_the_last():
    # 20, 18 and 16 with tolerance 2: 16 is near 18 but not near the first.
    assert _rows(_highs(9, 20, 9, 18, 9, 16, 9)) == [("pool", 3, 4, 20, 2, None)]
