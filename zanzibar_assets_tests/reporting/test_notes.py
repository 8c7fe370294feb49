"""What a run could not do, in whole sentences."""

from __future__ import annotations

from dataclasses import replace

from zanzibar_assets.reporting.notes import history_notes
from zanzibar_assets_tests.reporting import frames

DAY = "ES|2025-01-06"


def signals_record(rows, **touches):
    found = frames.record("raw_signals", DAY, "rs")
    return replace(found, rows=rows, notes={"touches": touches} if touches else {})


def notes(*records, traded=("2025-01-06",)):
    return history_notes(records, {}, {}, {}, 5, traded)


def test_touches_that_scored_too_low_are_counted_and_measured():
    said = notes(signals_record(0, touches=10, best_score=0.591, needed=0.65))
    assert said == [
        "ES 2025-01-06: no signal: 10 touches of points of interest, the best scored 0.59 and 0.65 is needed"
    ]


def test_no_touch_and_no_fresh_touch_are_told_apart():
    untouched = signals_record(0, touches=0, best_score=None, needed=0.5)
    assert "no point of interest was touched" in notes(untouched)[0]
    assert "none fresh" in notes(signals_record(0, touches=3, best_score=0.9, needed=0.5))[0]


def test_nothing_is_said_of_sessions_with_signals_or_that_were_not_traded():
    assert notes(signals_record(2, touches=3, best_score=0.9, needed=0.5)) == []
    assert notes(signals_record(0, touches=0, best_score=None, needed=0.5), traded=()) == []
