"""Partitions from before the ledgers get their rows, once, whatever one damaged partition does."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from zanzibar_assets.store import ledger
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.ledger_filling import fill, lacking
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting import frames

DAYS = ("2025-01-06", "2025-01-07")


@pytest.fixture
def home(either_workspace):
    """Two sessions stored as a version without ledgers did, then an empty and a blocked one."""
    for day in DAYS:
        for table, frame in (("fills", frames.fills()), ("orders", frames.orders())):
            store(either_workspace, table, day, frame)
    store(either_workspace, "fills", "2025-01-08", frames.fills().clear())
    blocked = frames.record("fills", "2025-01-09", None)
    either_workspace.manifest.put(replace(blocked, verdict=Verdict.BLOCKED))
    return either_workspace


def store(workspace, table, day, frame):
    written = workspace.lake.write(table, PartitionKey(session=day), 1, frame)
    record = frames.record(table, day, written.fingerprint)
    workspace.manifest.put(replace(record, rows=frame.height, schema_version=1))


def test_what_lacks_is_filled_and_then_nothing_lacks(home):
    assert len(lacking(home.database)) == 4
    assert fill(home.database, home.lake) == []
    assert lacking(home.database) == []
    assert [r["session"] for r in ledger.fills(home.database)] == [DAYS[0], DAYS[1]] * 2
    assert len(ledger.orders(home.database)) == 4


def test_a_partition_that_cannot_be_read_is_named_and_stops_nothing(home):
    record = home.manifest.get("fills", PartitionKey(session=DAYS[0]))
    home.manifest.put(replace(record, fingerprint=record.fingerprint[:-1] + "?"))
    (problem,) = fill(home.database, home.lake)
    assert problem.startswith("fills 2025-01-06")
    assert {r["session"] for r in ledger.fills(home.database)} == {DAYS[1]}
    assert len(lacking(home.database)) == 1


def test_the_first_partition_that_a_process_keeps_fills_them(home):
    home.keep(frames.record("bars", "SIM_ES|2025-01-06", "one"), pl.DataFrame())
    assert lacking(home.database) == []
    assert home.alerts_since(0) == []
