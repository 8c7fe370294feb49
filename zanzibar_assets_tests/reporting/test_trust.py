"""Words on the data before numbers on it."""

import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.reporting.trust import trust_lines, trust_words
from zanzibar_assets_tests.reporting import frames

GOOD = {
    "event_ts": frames.at(0), "known_at": frames.at(60), "expected_minutes": 60, "seen_minutes": 60,
    "fed_minutes": 60, "coverage_pct": 100.0, "minutes_to_close": 0, "minutes_since_trade": 0.0, "gaps": 0,
    "silent_gaps": 0, "gap_minutes": 0.0, "longest_gap_minutes": 0.0,
    "tick_volume": 1_200.0, "bar_volume": 1_200.0, "tick_bid_volume": 600.0, "bar_bid_volume": 600.0,
    "tick_ask_volume": 600.0, "bar_ask_volume": 600.0, "volume_reconciles": True, "quarantined_rows": 0,
    "quarantined_volume": 0.0, "trades": 900, "joined_trades": 900, "outside_quote_pct": 1.0,
    "outside_book_pct": 5.14, "swept_pct": 5.14, "touch_volume": 1_100.0, "vanished_pct": 97.3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Complete"),
        ({"volume_reconciles": False, "gaps": 1}, "Do not trust"),
        ({"minutes_to_close": 9}, "not ended"),
        ({"gaps": 2, "silent_gaps": 2}, "feed was silent"),
        ({"gaps": 2, "silent_gaps": 0}, "never silent for long"),
        ({"seen_minutes": 50}, "some minutes"),
    ],
)
def test_the_verdict_comes_first(change, words):
    assert words in trust_words({**GOOD, **change})


def test_a_line_holds_the_numbers_that_are_known():
    frame = frames.sound("session_completeness", [GOOD])
    bare = frames.sound("session_completeness", [{**GOOD, "outside_book_pct": None, "vanished_pct": None}])
    lines = {
        item: text
        for _, item, text in trust_lines({"B": frame, "A": bare, "C": empty("session_completeness")})
    }
    assert list(lines) == ["A", "B", "C"]
    assert "60 of 60 open minutes" in lines["B"]
    assert "volume 1,200 in trades" in lines["B"]
    assert "5.1 % of trades lie outside the book" in lines["B"]
    assert "%" not in lines["A"]
    assert "nothing is known" in lines["C"]
