"""A report hears of every table of its session that comes before it, without naming one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.store.inputs import Inputs
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import CheckOutcome
from zanzibar_assets.store.session_verdicts import session_verdicts
from zanzibar_assets.vocabulary import Grain, Verdict
from zanzibar_assets_tests.reporting import frames

SESSION, READER = "2025-01-06", "session_report"
KEYS = {
    Grain.MARKET: (f"SIM_ES|{SESSION}", f"SIM_NQ|{SESSION}"),
    Grain.SESSION: (SESSION,),
    Grain.INSTRUMENT: ("SIM_ES", "SIM_NQ"),
}
HOLDS = (CheckOutcome("contract", True, "holds"),)
WANTED = [(t, key) for t, c in TABLES.items() if t != READER for key in KEYS[c.grain]]


@pytest.fixture
def filled(workspace):
    for table, key in WANTED:
        workspace.manifest.put(frames.record(table, key, checks=HOLDS))
    return workspace


def found_in(workspace, session=SESSION):
    inputs = Inputs(workspace, PartitionKey(session=session))
    return session_verdicts(inputs, READER), inputs


def test_every_table_but_the_reader_is_heard_and_recorded_once(filled):
    verdicts, inputs = found_in(filled)
    assert set(verdicts.checks) == {f"{table} {key}" for table, key in WANTED}
    assert inputs.records == []
    assert (verdicts.stopped, verdicts.never_built) == ((), ())


def test_a_blocked_table_is_stopped_with_its_reason_and_a_failed_one_keeps_its_check(filled):
    day = KEYS[Grain.MARKET][0]
    no = (CheckOutcome("contract", False, "a null"),)
    held = frames.record("feature_quality", day, None, verdict=Verdict.BLOCKED, reasons=("two rows",))
    filled.manifest.put(held)
    filled.manifest.put(frames.record("vwap", day, verdict=Verdict.FAILED, checks=no))
    verdicts, _ = found_in(filled)
    assert verdicts.stopped == (("feature_quality", day, "two rows"),)
    assert verdicts.checks[f"vwap {day}"] == no


def test_what_was_never_built_is_named_where_the_market_was_open(workspace):
    verdicts, _ = found_in(workspace)
    assert set(verdicts.never_built) == set(WANTED)
    saturday, _ = found_in(workspace, "2025-01-11")
    assert not [table for table, _ in saturday.never_built if TABLES[table].grain is Grain.MARKET]


def test_an_estimate_of_later_sessions_is_not_heard(filled):
    later = replace(frames.record("trained_model", "SIM_ES", checks=HOLDS), notes={"through": SESSION})
    filled.manifest.put(later)
    verdicts, _ = found_in(filled)
    assert "trained_model SIM_ES" not in verdicts.checks
    assert verdicts.never_built == ()
