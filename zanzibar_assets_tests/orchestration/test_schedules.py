"""Schedules ask the exchange's calendar: weekends, holidays, early closes and both clock changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from zanzibar_assets.calendars import CLOSES, session_window, sessions_between
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration.partitions import INSTRUMENTS, SESSIONS
from zanzibar_assets.orchestration.schedules import closed_session, previous_tick
from zanzibar_assets.vocabulary import Verdict, to_us
from zanzibar_assets_tests.orchestration import home, ticks

# Dagster warns of the tag keys that it makes itself for partitions of two dimensions.
pytestmark = pytest.mark.filterwarnings("ignore:Non-compliant tag keys:DeprecationWarning")
KNOWN = load_instruments()
CHICAGO = "America/Chicago"
NAMES = ("SIM_BTC", "SIM_ES", "SIM_NQ")


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def closed_at(instrument: str, text: str, zone: str) -> str | None:
    """What the tick of that wall time finds closed since the tick of the day before."""
    tick = at(text, zone)
    return closed_session(KNOWN[instrument], to_us(previous_tick(tick, zone)), to_us(tick))


@pytest.fixture
def desk(tmp_path):
    zanzibar = home.resource(tmp_path / "home", tmp_path / "sierra", tmp_path / "inbox", NAMES)
    with ticks.desk(zanzibar) as opened:
        yield opened


@pytest.mark.parametrize(
    ("tick", "session"),
    [
        ("2023-12-22 17:05", "2023-12-22"),  # a Friday's close
        ("2023-12-23 17:05", None),  # Saturday
        ("2023-12-24 17:05", None),  # Sunday: Tuesday's session opens on Monday evening
        ("2023-12-25 17:05", None),  # Christmas
        ("2023-12-26 17:05", "2023-12-26"),
        ("2025-11-27 17:05", "2025-11-27"),  # Thanksgiving: closed at noon, five hours before the tick
        ("2025-11-28 17:05", "2025-11-28"),
        ("2025-03-07 17:05", "2025-03-07"),  # Friday before the clocks go forward
        ("2025-03-09 17:05", None),  # the Sunday on which they do
        ("2025-03-10 17:05", "2025-03-10"),
        ("2025-10-31 17:05", "2025-10-31"),  # Friday before they go back
        ("2025-11-02 17:05", None),
        ("2025-11-03 17:05", "2025-11-03"),
    ],
)
def test_sessions_of_the_futures_exchange(tick, session):
    assert closed_at("SIM_ES", tick, CHICAGO) == session


@pytest.mark.parametrize(
    ("tick", "session"), [("2025-01-11 00:05", "2025-01-10"), ("2025-01-01 00:05", "2024-12-31")]
)
def test_a_day_of_a_market_that_never_closes_ends_at_midnight(tick, session):
    assert closed_at("SIM_BTC", tick, "UTC") == session


@pytest.mark.parametrize("calendar", CLOSES)
def test_every_session_of_three_years_is_asked_for_exactly_once(calendar):
    cron, zone = CLOSES[calendar]
    minute, hour = (int(part) for part in cron.split()[:2])
    instrument = next(i for i in KNOWN.instruments.values() if i.calendar == calendar)
    tick = at(f"2023-01-03 {hour:02d}:{minute:02d}", zone)
    found = []
    while tick.year < 2026:
        closed = closed_session(instrument, to_us(previous_tick(tick, zone)), to_us(tick))
        found += [closed] if closed else []
        tick += timedelta(days=1)
    assert found == sessions_between(instrument, found[0], found[-1])
    assert found[0] <= "2023-01-03"
    assert found[-1] >= "2025-12-30"


def test_every_calendar_in_use_has_its_close():
    calendars = {instrument.calendar for instrument in KNOWN.instruments.values()}
    assert calendars == set(CLOSES)


def test_a_close_asks_for_each_instrument_of_its_calendar(desk):
    requests = desk.schedule("session_close_cmes", at("2025-01-10 17:05", CHICAGO))
    assert [r.partition_key for r in requests] == ["SIM_ES|2025-01-10", "SIM_NQ|2025-01-10"]
    assert desk.instance.get_dynamic_partitions(str(SESSIONS.name)) == ["2025-01-10"]
    assert desk.instance.get_dynamic_partitions(str(INSTRUMENTS.name)) == ["SIM_ES", "SIM_NQ"]
    requests = desk.schedule("session_close_24_7", at("2025-01-11 00:05", "UTC"))
    assert [r.partition_key for r in requests] == ["SIM_BTC|2025-01-10"]


@pytest.mark.parametrize("tick", ["2025-01-11 17:05", "2025-01-12 17:05", "2025-01-09 17:05"])
def test_days_without_a_close_are_skipped_with_a_reason(desk, tick):
    assert "no session of CMES closed" in desk.schedule("session_close_cmes", at(tick, CHICAGO))
    assert desk.instance.get_dynamic_partitions(str(SESSIONS.name)) == []


def test_nightly_training_goes_through_the_newest_closed_session(desk):
    """The running session is built already, and closed days of the instrument are built empty."""
    for session in ("2025-01-10", "2025-01-11", "2025-01-12", "2025-01-13"):
        desk.note("feature_matrix", f"SIM_ES|{session}")
    requests = desk.schedule("nightly_retraining", at("2025-01-13 00:30", "UTC"))
    assert [(r.partition_key, r.tags["zanzibar/through"]) for r in requests] == [("SIM_ES", "2025-01-10")]
    after_the_close = session_window(KNOWN["SIM_ES"], "2025-01-13").close_us
    assert to_us(at("2025-01-14 00:30", "UTC")) > after_the_close
    requests = desk.schedule("nightly_retraining", at("2025-01-14 00:30", "UTC"))
    assert [r.tags["zanzibar/through"] for r in requests] == ["2025-01-13"]


def test_nightly_training_leaves_out_what_is_held_back(desk):
    desk.note("feature_matrix", "SIM_ES|2025-01-10")
    desk.note("feature_matrix", "SIM_ES|2025-01-13", Verdict.BLOCKED, fingerprint=None)
    requests = desk.schedule("nightly_retraining", at("2025-01-14 00:30", "UTC"))
    assert [r.tags["zanzibar/through"] for r in requests] == ["2025-01-10"]


def test_without_features_or_a_model_there_is_nothing_to_do(desk):
    assert "feature_matrix" in desk.schedule("nightly_retraining", at("2025-01-14 00:30", "UTC"))
    desk.note("feature_matrix", "SIM_ES|2025-01-13")
    assert "trained_model" in desk.schedule("weekly_validation", at("2025-01-18 06:00", "UTC"))
    desk.note("trained_model", "SIM_ES")
    requests = desk.schedule("weekly_validation", at("2025-01-18 06:00", "UTC"))
    assert [r.partition_key for r in requests] == ["SIM_ES"]
    tags = requests[0].tags
    assert (tags["zanzibar/through"], tags["zanzibar/full_search"]) == ("2025-01-13", "true")
    assert tags["zanzibar/force"] == "true"


def test_trainings_are_off_until_turned_on(desk):
    for name in ("nightly_retraining", "weekly_validation"):
        assert desk.repository.get_schedule_def(name).default_status is dg.DefaultScheduleStatus.STOPPED
    assert desk.repository.get_sensor_def("retrain_on_drift").default_status is dg.DefaultSensorStatus.STOPPED


def test_the_weekly_training_searches_wider_and_nothing_else_changes(desk):
    workspace = desk.workspace
    nightly = workspace.training_config
    assert nightly is workspace.config
    workspace.full_search = True
    weekly = workspace.training_config.model
    assert weekly.search_trials == nightly.model.full_search_trials > nightly.model.search_trials
    same = {"search_trials": nightly.model.search_trials}
    assert weekly.model_copy(update=same) == nightly.model
