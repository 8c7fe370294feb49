"""Every reason against trading is named, and nothing else stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.readiness import (
    NO,
    YES,
    Freshness,
    Situation,
    assess,
    freshness_of,
    open_first,
)
from zanzibar_assets.vocabulary import to_us

OPEN_NOW = Freshness("SIM_ES", "2025-01-06", 1, "2025-01-06", "open", 30.0)
GOOD = Situation(
    backend="simulated", halted=None, arming_refusal="the live backend is not armed", terminal_problem=None,
    account={"trade_allowed": True}, unresolved=0, kept_signals=1, stopped_partitions=0,
    freshness=(OPEN_NOW,), max_age_seconds=120.0,
)  # fmt: skip


def test_a_good_situation_can_trade_and_needs_no_arming_when_simulated():
    assert assess(GOOD).verdict == YES
    assert assess(GOOD).reasons == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"halted": "news"}, "trading is halted: news"),
        ({"terminal_problem": "the terminal is gone"}, "the terminal is gone"),
        ({"account": None}, "no account yet"),
        ({"account": {"trade_allowed": False}}, "the terminal does not allow trading"),
        ({"backend": "mt5"}, "the live backend is not armed"),
        ({"unresolved": 2}, "2 earlier orders have an unknown outcome"),
        ({"kept_signals": 0}, "no kept signal"),
        ({"freshness": ()}, "no instruments are configured"),
        ({"freshness": (replace(OPEN_NOW, session_state="pre_open"),)}, "is not open now (pre_open)"),
        (
            {"freshness": (replace(OPEN_NOW, age_seconds=121.0),)},
            "the newest data is 121 s old (limit 120 s)",
        ),
        ({"freshness": (replace(OPEN_NOW, age_seconds=9e5),)}, "10 days old"),
        ({"freshness": (replace(OPEN_NOW, newest_us=None),)}, "SIM_ES: no data"),
    ],
)
def test_each_obstacle_alone_stops_and_is_named(changes, reason):
    found = assess(replace(GOOD, **changes))
    assert found.verdict == NO
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_all_obstacles_are_named_the_halt_first():
    found = assess(replace(GOOD, halted="news", unresolved=1, kept_signals=0))
    assert len(found.reasons) == 3
    assert found.reasons[0].startswith("trading is halted")


def test_models_and_stopped_partitions_are_notes_not_reasons():
    models = {"A": "promote", "B": "reject", "C": "insufficient_history"}
    found = assess(replace(GOOD, models=models, stopped_partitions=3))
    assert found.verdict == YES
    assert [note.split(":")[0] for note in found.notes] == [
        "3 partitions are failed or blocked", "A", "B", "C",
    ]  # fmt: skip
    assert "not traded" in found.notes[2]
    assert "UNAPPROVED" in assess(replace(GOOD, models=models, paper_unapproved=True)).notes[1]


@pytest.mark.parametrize(
    ("moment", "session", "state"),
    [
        (datetime(2025, 1, 6, 15, 0, tzinfo=UTC), "2025-01-06", "open"),
        (datetime(2025, 1, 4, 12, 0, tzinfo=UTC), "2025-01-06", "pre_open"),  # a Saturday
        (datetime(2025, 1, 6, 22, 30, tzinfo=UTC), "2025-01-06", "break"),  # 16:30 in Chicago
    ],
)
def test_freshness_speaks_of_the_instruments_own_calendar(moment, session, state):
    instrument = load_instruments()["SIM_ES"]
    found = freshness_of(instrument, "2025-01-03", to_us(moment) - 5_000_000, to_us(moment))
    assert (found.running_session, found.session_state, found.age_seconds) == (session, state, 5.0)


def test_freshness_outside_the_calendar_and_without_data():
    instrument = load_instruments()["SIM_ES"]
    far = to_us(datetime(2090, 1, 1, tzinfo=UTC))
    assert freshness_of(instrument, None, None, far).session_state == "outside the calendar"
    now = to_us(datetime(2025, 1, 6, 15, tzinfo=UTC))
    found = freshness_of(instrument, None, None, now).to_json()
    assert (found["newest_utc"], found["age_seconds"]) == (None, None)


def test_open_sessions_come_first():
    shut = replace(OPEN_NOW, instrument="A", session_state="pre_open")
    assert [f.instrument for f in open_first([shut, OPEN_NOW])] == ["SIM_ES", "A"]
