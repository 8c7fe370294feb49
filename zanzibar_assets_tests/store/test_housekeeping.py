"""Looks at a running session lose their bytes after its close; corrections and what is traded on stay."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import polars as pl
import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.orchestration.housekeeping import build_housekeeping_schedule
from zanzibar_assets.store.housekeeping import US_PER_DAY, release_looks, session_close_us
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import InputRecord
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets.vocabulary import from_us
from zanzibar_assets_tests.reporting.frames import record

SESSION = "2025-01-06"
KEY = PartitionKey("SIM_ES", SESSION)
MINUTE_US = 60_000_000


class Home:
    """A home with SIM_ES whose partitions are written at given instants."""

    def __init__(self, folder):
        config = load_config(folder, instruments=("SIM_ES",))
        self.workspace = Workspace(config, lambda: 0)
        self.close_us = session_window(self.workspace.instruments["SIM_ES"], SESSION).close_us

    def gaps(self, minutes, written_us, *reads):
        """A partition of session_gaps with one row of that many minutes; returns its fingerprint."""
        frame = pl.DataFrame(
            {
                "event_ts": [from_us(0)], "known_at": [from_us(minutes * MINUTE_US)],
                **dict.fromkeys(empty("session_gaps").columns[2:]),
            }
        )  # fmt: skip
        return self._put("session_gaps", KEY, conform("session_gaps", frame), written_us, reads)

    def orders(self, written_us, *reads):
        return self._put("orders", PartitionKey(session=SESSION), empty("orders"), written_us, reads)

    def _put(self, table, key, frame, written_us, reads):
        written = self.workspace.lake.write(table, key, 1, frame)
        read = tuple(InputRecord(t, str(k), f) for t, k, f in reads)
        made = record(table, str(key), written.fingerprint)
        self.workspace.manifest.put(replace(made, inputs=read, written_us=written_us))
        return written.fingerprint

    def kept(self):
        return set(self.workspace.lake.kept("session_gaps", KEY, 1))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_looks_go_a_day_after_the_close_and_corrections_stay(home):
    looks = [home.gaps(n, home.close_us - (10 - n) * MINUTE_US) for n in range(3)]
    final = home.gaps(7, home.close_us + MINUTE_US)  # the third look was superseded after the close
    corrected = home.gaps(8, home.close_us + 2 * MINUTE_US)
    assert home.kept() >= {*looks, final}
    early = release_looks(home.workspace, home.close_us + US_PER_DAY - 1)
    assert early == []
    freed = release_looks(home.workspace, home.close_us + 3 * US_PER_DAY)
    assert {item.version.record.fingerprint for item in freed} == set(looks[:2])
    assert all(item.bytes > 0 for item in freed)
    assert {looks[2], final} <= home.kept()
    assert home.workspace.lake.read("session_gaps", KEY, 1, corrected).height == 1
    known = home.workspace.manifest.versions("session_gaps", KEY)
    assert {v.record.fingerprint for v in known} >= set(looks), "the records stay"


def test_a_look_that_an_order_was_made_from_stays(home):
    first = home.gaps(1, home.close_us - 9 * MINUTE_US)
    home.orders(home.close_us - 8 * MINUTE_US, ("session_gaps", KEY, first))
    second = home.gaps(2, home.close_us - 7 * MINUTE_US)
    home.gaps(3, home.close_us - 6 * MINUTE_US)
    release_looks(home.workspace, home.close_us + 3 * US_PER_DAY)
    assert first in home.kept()
    assert second not in home.kept()


def test_a_partition_without_a_session_is_no_look(home):
    assert session_close_us(home.workspace, PartitionKey("SIM_ES")) is None
    assert session_close_us(home.workspace, PartitionKey(session=SESSION)) == home.close_us
    assert session_close_us(home.workspace, PartitionKey(session="2025-01-05")) is None


def test_the_schedule_is_off_until_someone_turns_it_on():
    schedule = build_housekeeping_schedule()
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "40 1 * * *"
