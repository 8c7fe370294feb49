from __future__ import annotations

import pytest

from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.fvg import FvgParams, fvgs

# Each bar opens a bullish gap above the bar two before it: [11, 14] and [15, 17].
STAIRS = [(10, 11, 9, 11, 1), (11, 15, 11, 15, 1), (15, 18, 14, 18, 1), (18, 21, 17, 20, 1)]


def _rows(bars, params=None, sessions=None):
    return fvgs(BarSeries.of(bars), params or FvgParams(), sessions)


def test_consecutive_gaps_extend_the_first_by_a_row_of_their_own():
    rows = [(r.kind, r.event_idx, r.known_idx, r.lo, r.hi, r.ref_idx) for r in _rows(STAIRS)]
    assert rows == [
        ("fvg", 1, 2, 11, 14, None),
        ("fvg", 2, 3, 15, 17, None),
        ("fvg_extend", 2, 3, 11, 17, 1),
    ]


def test_a_gap_that_was_filled_meanwhile_is_not_extended():
    bars = [(14, 15, 13, 14, 1), (12, 13, 11, 12, 1), (20, 21, 16, 20, 1), (18, 19, 14, 18, 1)]
    # Gaps [15, 16] and then [13, 14]: the second bar's low 14 has filled the first.
    rows = [(r.kind, r.known_idx) for r in _rows(bars)]
    assert rows.count(("fvg", 2)) == 1
    assert rows.count(("fvg", 3)) == 1
    assert "fvg_extend" not in {kind for kind, _ in rows}


def test_an_odd_middle_is_not_rounded():
    bars = [*STAIRS[:3], (18, 19, 13, 18, 1)]  # gap [11, 14]: middle 12.5, low 13 touches only
    assert [r.kind for r in _rows(bars)][-1] == "fvg_touch"
    bars = [*STAIRS[:3], (18, 19, 12, 18, 1)]
    assert {r.kind for r in _rows(bars)} == {"fvg", "fvg_touch", "fvg_ce"}


def test_a_gap_over_a_session_break_says_so():
    marked = [r.attrs for r in _rows(STAIRS, sessions=[0, 0, 1, 1]) if r.kind == "fvg"]
    assert marked == [{"gap_across_session": True}, {"gap_across_session": True}]
    assert _rows(STAIRS, sessions=[0, 0, 0, 1])[0].attrs == {}


FILTERED = [(FvgParams(3), 1), (FvgParams(4), 0), (FvgParams(0, 9.0, 2), 0)]


@pytest.mark.parametrize(("params", "count"), FILTERED)
def test_filters_need_their_height(params, count):
    assert sum(r.kind == "fvg" for r in _rows(STAIRS, params)) == count
