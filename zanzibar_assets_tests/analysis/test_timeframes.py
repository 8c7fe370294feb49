"""Higher timeframes: only closed spans, known at their end; a join on the event's own time is caught."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from zanzibar_assets.analysis.timeframes import HigherStream, higher_bars
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets_tests.analysis.structure_streams import fresh, resumed, table_of
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


@pytest.mark.parametrize("name", ["close", "sweeps"])
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_of_longer_bars_in_any_blocks_gives_the_batch(name, seed):
    """Minutes without trades, sessions that end within a span, a state of JSON text at every border."""
    rng = np.random.default_rng(seed)
    opens, closes = _stamps(900)
    keep = np.flatnonzero((rng.random(900) > 0.2) & (np.arange(900) // 37 % 5 != 2))
    block = BarBlock.of(walk(seed, len(keep)), (keep // 301).tolist())
    opens, closes = opens[keep], closes[keep]
    whole = higher_bars(block, opens, closes, 300)
    stream, engine, found, rows = HigherStream(300), fresh(name), [], []
    for start, end in pairwise([0, *np.sort(rng.integers(0, len(keep), 60)).tolist(), len(keep)]):
        longer = stream.feed(block.part(start, end), opens[start:end], closes[start:end])
        found.append(longer)
        rows.append(engine.feed(longer.block))
        saved = json.dumps(stream.snapshot())
        assert len(saved) < 1_500, "no more than the running span"
        stream, engine = HigherStream(300).restore(json.loads(saved)), resumed(engine)
    for field in ("opens_us", "closes_us", "first_idx", "known_idx"):
        said = np.concatenate([getattr(longer, field) for longer in found])
        assert np.array_equal(said, getattr(whole, field)), field
    for field in ("ohlc", "volume", "sessions"):
        said = np.concatenate([getattr(longer.block, field) for longer in found], axis=-1)
        assert np.array_equal(said, getattr(whole.block, field)), field
    assert np.array_equal(np.concatenate(rows, axis=1), table_of(name, whole.block))
