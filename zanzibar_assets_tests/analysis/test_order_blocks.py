from __future__ import annotations

from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.order_blocks import order_blocks
from zanzibar_assets.analysis.swings import SwingParams

ONE = SwingParams(1, 1)
BASE = [
    (10, 11, 9, 10, 1),
    (10, 20, 10, 18, 1),  # swing high 20
    (18, 19, 15, 16, 1),  # closes down
    (16, 17, 12, 13, 1),  # closes down: the block
    (13, 15, 11, 14, 1),  # closes up: lowest low of the leg
    (14, 22, 14, 21, 1),  # closes above 20
]


def _rows(bars):
    return [
        (r.kind, r.dir, r.event_idx, r.known_idx, r.lo, r.hi) for r in order_blocks(BarSeries.of(bars), ONE)
    ]


def test_the_block_is_the_last_down_bar_at_or_before_the_low_of_the_leg():
    assert _rows(BASE) == [("ob", 1, 3, 5, 12, 17)]


def test_mitigation_then_breaker_flips_the_direction():
    bars = [*BASE, (21, 23, 18, 19, 1), (19, 19, 17, 18, 1), (18, 18, 10, 11, 1), (11, 12, 8, 9, 1)]
    assert _rows(bars)[1:3] == [("ob_mitigated", 1, 7, 7, 12, 17), ("breaker", -1, 8, 8, 12, 17)]


def test_without_an_opposite_bar_the_low_itself_is_the_block():
    rising = [*BASE[:2], (15, 19, 14, 16, 1), (16, 18, 15, 17, 1), (17, 22, 17, 21, 1)]
    row = order_blocks(BarSeries.of(rising), ONE)[0]
    assert (row.event_idx, row.lo, row.hi, row.attrs["fallback"]) == (2, 14, 19, True)
