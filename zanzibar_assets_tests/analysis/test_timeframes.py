"""Higher timeframes: only closed spans, known at their end; a join on the event's own time is caught."""

from __future__ import annotations

import numpy as np
import pytest

from zanzibar_assets.analysis.timeframes import higher_bars
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets_tests.builders.bar_walks import FIRST_MONDAY, SECOND, walk

MINUTE = 60 * SECOND


def _stamps(n, start=FIRST_MONDAY):
    opens = start + np.arange(n, dtype=np.int64) * MINUTE
    return opens, opens + MINUTE


def _five(bars, sessions=None, start=FIRST_MONDAY):
    return higher_bars(BarBlock.of(bars, sessions), *_stamps(len(bars), start), 300)


def test_a_higher_bar_gathers_its_span_and_a_running_one_gives_none():
    bars = walk(3, 13)
    found = _five(bars)
    assert len(found) == 2
    assert found.block.ohlc[:, 1].tolist() == [
        bars.open[5],
        max(bars.high[5:10]),
        min(bars.low[5:10]),
        bars.close[9],
    ]
    assert found.block.volume[1] == sum(bars.volume[5:10])
    assert found.closes_us.tolist() == [FIRST_MONDAY + 300 * SECOND, FIRST_MONDAY + 600 * SECOND]
    assert (found.first_idx.tolist(), found.known_idx.tolist()) == ([0, 5], [4, 9])


def test_a_span_ends_by_the_clock_not_by_its_last_bar():
    bars = walk(3, 9)
    opens, closes = _stamps(9)
    keep = [0, 1, 2, 6, 7, 8]  # no trades in minutes 3 to 5
    part = BarBlock.of(bars)
    part = BarBlock(np.ascontiguousarray(part.ohlc[:, keep]), part.volume[keep], part.sessions[keep])
    found = higher_bars(part, opens[keep], closes[keep], 300)
    assert found.closes_us.tolist() == [FIRST_MONDAY + 300 * SECOND]
    assert found.known_idx.tolist() == [3]  # the first bar that closes at or after the end of the span


def test_a_higher_bar_does_not_span_sessions():
    bars = walk(5, 10)
    found = _five(bars, [0] * 3 + [1] * 7)
    assert found.first_idx.tolist() == [0, 3, 5]
    assert found.block.ohlc[3].tolist() == [bars.close[2], bars.close[4], bars.close[9]]


def joined(bars, key):
    """At each bar's close the close of the last higher bar, as ``key`` (known or event time) has it."""
    opens, closes = _stamps(len(bars))
    higher = higher_bars(BarBlock.of(bars), opens, closes, 300)
    stamps = higher.closes_us if key == "known_at" else higher.opens_us
    at = np.searchsorted(stamps, closes, side="right") - 1
    return [None if k < 0 else int(higher.block.ohlc[3, k]) for k in at]


def assert_prefix(bars, key):
    whole = joined(bars, key)
    for cut in np.random.default_rng(0).integers(1, len(bars) + 1, 60).tolist():
        assert joined(bars.head(cut), key) == whole[:cut]


def test_facts_joined_as_of_known_at_do_not_change_and_a_join_on_the_event_time_is_caught():
    bars = walk(8, 300)
    assert_prefix(bars, "known_at")
    with pytest.raises(AssertionError):
        assert_prefix(bars, "event_ts")


def test_no_bars_make_no_higher_bars():
    assert len(_five(walk(1, 0))) == 0
