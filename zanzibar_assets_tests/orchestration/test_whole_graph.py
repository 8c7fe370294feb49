"""The whole way on simulated files: every table, checks, orders, and nothing twice."""

from __future__ import annotations

import dagster as dg
import pytest

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.orchestration import home


def read(ran, table, key):
    record = ran.workspace.manifest.get(table, key)
    return ran.workspace.lake.read(table, key, record.schema_version, record.fingerprint)


def test_every_wave_succeeds(ran):
    assert [(r.wave.job, r.error) for r in ran.results if not r.success] == []


def test_every_table_of_the_registry_has_a_usable_partition(ran):
    records = ran.workspace.manifest.all()
    assert {r.table for r in records} == set(TABLES)
    assert [(r.table, str(r.key), r.reasons) for r in records if r.verdict is not Verdict.OK] == []


def test_no_record_is_lost_between_the_files_and_the_clean_tables(ran):
    workspace = ran.workspace
    for record in workspace.manifest.of_table("raw_ticks"):
        in_files = sum(s.last_record - s.first_record for s in workspace.sources.slices("scid", record.key))
        clean = workspace.manifest.get("clean_ticks", record.key).rows
        quarantined = workspace.manifest.get("quarantine_ticks", record.key).rows
        assert record.rows == in_files == clean + quarantined


def test_a_closed_day_is_empty_and_typed(ran):
    saturday = PartitionKey("SIM_ES", "2025-01-11")
    for table in ("raw_ticks", "bars", "feature_matrix", "raw_signals"):
        assert read(ran, table, saturday).height == 0
    assert read(ran, "bars", PartitionKey("SIM_BTC", "2025-01-11")).height > 0


def test_everything_made_from_the_simulator_is_labelled(ran):
    for record in ran.workspace.manifest.all():
        made_from_data = record.table != "broker_status"  # the terminal's word, not the market's
        if record.key.instrument is not None or (record.rows and made_from_data):
            assert record.simulated, f"{record.table} {record.key}"


def test_predictions_are_of_sessions_that_the_model_did_not_see(ran):
    asked = ran.plan.train_through["SIM_ES"]
    through = read(ran, "trained_model", PartitionKey("SIM_ES"))["trained_through"][0]
    assert through <= asked
    rows = {}
    for session in ran.plan.sessions["SIM_ES"]:
        rows[session] = read(ran, "predictions", PartitionKey("SIM_ES", session)).height
    assert all(session > asked for session, height in rows.items() if height)
    assert rows[ran.plan.trade_sessions[0]] > 0


def test_orders_reach_the_simulated_account_and_balance_with_its_deals(ran):
    session = PartitionKey(session=ran.plan.trade_sessions[0])
    orders, fills = read(ran, "orders", session), read(ran, "fills", session)
    account = read(ran, "account_state", session).row(0, named=True)
    assert orders.filter(orders["state"] == "filled").height > 0
    assert orders["simulated"].all()
    money = fills["profit"].sum() + fills["commission"].sum() + fills["swap"].sum() + fills["fee"].sum()
    assert account["balance"] == pytest.approx(account["balance_start"] + money)
    signed = fills.select((fills["volume_lots"] * (fills["side"] == "buy").cast(int).replace(0, -1)).sum())
    assert signed.item() == pytest.approx(0.0), "flat at the session's end"


def test_an_unapproved_model_is_marked_on_every_order(ran):
    session = PartitionKey(session=ran.plan.trade_sessions[0])
    signals = read(ran, "signals", session)
    report = read(ran, "validation_report", PartitionKey("SIM_ES"))
    if report["verdict"][0] != "promote":
        own = signals.filter((signals["instrument"] == "SIM_ES") & (signals["source"] == "model"))
        assert not own["approved"].any()


def test_dagster_keeps_runs_materializations_and_checks(ran):
    with open_instance(ran.workspace.config) as instance:
        assert len(instance.get_runs()) == len(ran.results)
        # named, because Dagster reports the partitions of a range run in no order
        wanted = dg.AssetRecordsFilter(dg.AssetKey("bars"), asset_partitions=["SIM_ES|2025-01-10"])
        event = instance.fetch_materializations(wanted, limit=1).records[0]
        metadata = event.asset_materialization.metadata
        key = PartitionKey.parse(event.partition_key)
        record = ran.workspace.manifest.get("bars", key)
        assert metadata["fingerprint"].value == (record.fingerprint or "none")
        assert metadata["dagster/row_count"].value == record.rows
        assert "clean_ticks" in metadata["inputs"].value
        materialized = instance.get_materialized_partitions(dg.AssetKey("bars"))
        assert materialized == {str(r.key) for r in ran.workspace.manifest.of_table("bars")}
        check = dg.AssetCheckKey(dg.AssetKey("clean_ticks"), "nothing_lost")
        assert instance.get_latest_asset_check_evaluation_record(check).status.value == "SUCCEEDED"


def test_the_same_again_builds_nothing_and_sends_nothing(ran):
    before = {(r.table, r.key): r.fingerprint for r in ran.workspace.manifest.all()}
    again = home.run(ran.zanzibar, ran.plan)
    assert {p.status for p in again.seen} == {"up_to_date"}
    assert {(r.table, r.key): r.fingerprint for r in again.workspace.manifest.all()} == before


def test_the_report_page_is_written(ran):
    session = ran.plan.trade_sessions[0]
    report = read(ran, "session_report", PartitionKey(session=session))
    page = (ran.workspace.config.reports_dir / report["html"][0]).read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert session in page
