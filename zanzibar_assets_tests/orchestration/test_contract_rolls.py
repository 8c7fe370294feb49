"""A simulated roll through the graph: the gap is measured, levels of the old contract are not used."""

import polars as pl
import pytest

from zanzibar_assets.analysis.smc import build_smc_events
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration import graph
from zanzibar_assets.orchestration.jobs import MARKET_TABLES
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.simulator.build import simulate
from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets_tests.orchestration import home

NAME = "SIM_ES"
SESSIONS = ("2025-03-11", "2025-03-12", "2025-03-13", "2025-03-14")
BEFORE, ROLL, AFTER = SESSIONS[1:]
TABLES = [t for t in MARKET_TABLES if t in ("raw_ticks", "raw_depth", "clean_ticks", "clean_dom", "bars")]
TABLES += ["contract_rolls", "continuous_bars", "session_completeness", "volume_profile", "smc_events"]
TABLES += ["liquidity_sweeps", "volatility_forecast"]


def build(workspace, table, session):
    key = PartitionKey(NAME, session if table != "volatility_forecast" else None)
    return build_partition(workspace, SPECS[table], key)


def made(folder, ahead):
    options = SimulatorOptions(trades_per_session=900, next_contract_sessions=ahead)
    result = simulate(folder / "data", [load_instruments()[NAME]], SESSIONS, 7, options)
    zanzibar = home.resource(folder / "home", folder / "data", result.narratives_path.parent, (NAME,))
    graph.all_assets()
    workspace = zanzibar.workspace()
    for session in SESSIONS:
        for table in TABLES[:-1]:
            assert build(workspace, table, session).status is Status.BUILT, (table, session)
    assert build(workspace, "volatility_forecast", None).status is Status.BUILT
    return workspace


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return made(tmp_path_factory.mktemp("measured"), 1)


def read(workspace, table, session):
    record = workspace.manifest.get(table, PartitionKey(NAME, session))
    return workspace.lake.read(table, record.key, record.schema_version, record.fingerprint), record


def test_the_gap_is_that_of_the_simulated_basis(measured):
    frame, record = read(measured, "contract_rolls", ROLL)
    row = frame.row(0, named=True)
    bars, _ = read(measured, "bars", BEFORE)
    assert (row["from_contract"], row["contract"], row["how"]) == ("H25", "M25", "same_minutes")
    assert row["gap_ticks"] == pytest.approx(bars["close_ticks"][-1] * 0.00401, abs=2)
    assert all(check.passed for check in record.checks)
    assert any(i.table == "source:ESM25-SIM.scid" for i in record.inputs)


def test_one_scale_over_the_roll(measured):
    last = [read(measured, "continuous_bars", s)[0].row(0, named=True) for s in (BEFORE, ROLL, AFTER)]
    gap = read(measured, "contract_rolls", ROLL)[0]["gap_ticks"][0]
    assert [row["adjustment_ticks"] for row in last] == [0, gap, gap]
    assert {row["chain_from"] for row in last} == {SESSIONS[0]}


def test_levels_of_the_old_contract_are_refused_and_named(measured):
    for table in ("smc_events", "liquidity_sweeps"):
        _, record = read(measured, table, ROLL)
        assert record.notes["sessions_of_another_contract"] == [SESSIONS[0], BEFORE]
        _, record = read(measured, table, AFTER)
        assert record.notes["sessions_of_another_contract"] == [SESSIONS[0], BEFORE]
    assert "sessions_of_another_contract" not in read(measured, "smc_events", BEFORE)[1].notes


def test_structure_of_the_roll_session_is_that_of_its_own_bars(measured):
    bars, _ = read(measured, "bars", ROLL)
    instrument = load_instruments()[NAME]
    alone = build_smc_events(bars, history_of_nothing(), instrument, measured.config)
    assert read(measured, "smc_events", ROLL)[0].equals(alone)


def history_of_nothing():
    return empty("bars").with_columns(session=pl.lit(None, pl.String))


def test_the_forecast_does_not_hold_the_gap(measured):
    record = measured.manifest.get("volatility_forecast", PartitionKey(NAME, None))
    frame = measured.lake.read("volatility_forecast", record.key, record.schema_version, record.fingerprint)
    assert frame["sigma_session"][0] < 0.02
    assert any(i.table == "contract_rolls" for i in record.inputs)


def test_building_again_builds_nothing(measured):
    again = {table: build(measured, table, ROLL).status for table in TABLES[:-1]}
    assert set(again.values()) == {Status.UP_TO_DATE}, again


def test_without_the_new_contracts_file_the_roll_is_unmeasured_and_warned(tmp_path):
    workspace = made(tmp_path, 0)
    frame, record = read(workspace, "contract_rolls", ROLL)
    assert frame.select("how", "adjustment_ticks", "chain_from").row(0) == ("unmeasured", 0, ROLL)
    (check,) = [check for check in record.checks if check.name == "gap_is_measured"]
    assert (check.passed, check.blocking) == (False, False)
    assert "M25 has no trades" in check.detail
