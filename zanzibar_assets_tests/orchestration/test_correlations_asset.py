"""Correlations of a session: earlier sessions of every instrument are read, a closed one breaks nothing."""

from __future__ import annotations

import polars as pl
import pytest

from zanzibar_assets.orchestration.graph import all_assets
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.orchestration import home

NAMES = ("SIM_ES", "SIM_NQ", "SIM_BTC")
FIRST, CLOSED, SECOND = "2025-01-08", "2025-01-09", "2025-01-10"
all_assets()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("correlated")
    inbox = home.make_market(folder / "sierra", NAMES, 3, trades=400)
    found = home.resource(folder / "home", folder / "sierra", inbox, NAMES).workspace()
    for table in ("raw_ticks", "clean_ticks", "bars"):
        for name in NAMES:
            for session in (FIRST, CLOSED, SECOND):
                if name == "SIM_BTC" or session != CLOSED:
                    build_partition(found, SPECS[table], PartitionKey(name, session))
    return found


def built(workspace, session, cuts=0):
    return build_partition(workspace, SPECS["correlations"], PartitionKey(session=session), cuts=cuts)


def test_earlier_sessions_of_every_instrument_are_read_and_recorded(workspace):
    outcome = built(workspace, SECOND, cuts=3)
    assert outcome.status is Status.BUILT, outcome.record.reasons
    assert outcome.record.verdict is Verdict.OK, outcome.record.checks
    read = {(record.table, record.key) for record in outcome.record.inputs}
    for name in NAMES:
        assert {("bars", f"{name}|{SECOND}"), ("clean_ticks", f"{name}|{SECOND}")} <= read
        assert ("bars", f"{name}|{FIRST}") in read
    assert ("bars", f"SIM_BTC|{CLOSED}") in read
    pairs = outcome.frame.select("instrument_a", "instrument_b").unique().sort(pl.all()).rows()
    assert ("SIM_ES", "SIM_NQ") in pairs
    assert outcome.frame["dcc_reason"].null_count() in (0, outcome.frame.height)


def test_a_session_without_the_futures_has_no_pair(workspace):
    outcome = built(workspace, CLOSED)
    assert outcome.record.verdict is Verdict.OK, outcome.record.checks
    assert outcome.frame.is_empty()
