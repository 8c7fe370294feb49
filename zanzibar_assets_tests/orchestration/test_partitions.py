"""Partition keys: sorted whatever comes first, mapped between grains, taken sorted by range runs."""

from __future__ import annotations

import random

import dagster as dg
import pytest

from zanzibar_assets.calendars import union_sessions
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration import jobs
from zanzibar_assets.orchestration.graph import build_definitions
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.orchestration.partitions import (
    DEFINITIONS,
    INSTRUMENTS,
    MARKET,
    SESSIONS,
    dagster_key,
    mapping,
    register,
)
from zanzibar_assets.orchestration.progress import listening
from zanzibar_assets.orchestration.run_graph import RANGE_END, RANGE_START
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Grain, Verdict
from zanzibar_assets_tests.orchestration import home, ticks

WEEK = ["2025-01-10", "2025-01-11", "2025-01-12", "2025-01-13"]
"""Friday to Monday: two days on which only the crypto market trades."""
NAMES = ("SIM_BTC", "SIM_ES")


@pytest.fixture
def instance(tmp_path):
    with open_instance(load_config(tmp_path)) as opened:
        yield opened


def keys(instance, definition) -> list[str]:
    return list(instance.get_dynamic_partitions(str(definition.name)))


def test_older_sessions_that_come_later_are_put_in_their_place(instance):
    register(instance, ["SIM_NQ"], ["2025-01-10", "2025-01-13"])
    register(instance, ["SIM_ES"], ["2025-01-08", "2025-01-12"])
    assert keys(instance, SESSIONS) == ["2025-01-08", "2025-01-10", "2025-01-12", "2025-01-13"]
    assert keys(instance, INSTRUMENTS) == ["SIM_ES", "SIM_NQ"]


def test_keys_are_sorted_for_any_order_of_arrival(instance):
    sessions = union_sessions([load_instruments()["SIM_ES"]], "2025-01-02", "2025-02-28")
    generator = random.Random(3)
    seen: set[str] = set()
    for _ in range(12):
        chosen = generator.sample(sessions, 6)
        register(instance, [], chosen)
        seen.update(chosen)
        assert keys(instance, SESSIONS) == sorted(seen)


def test_what_was_materialized_stays_when_older_keys_are_added(instance):
    register(instance, ["SIM_ES"], ["2025-01-10", "2025-01-13"])
    key = dagster_key(PartitionKey("SIM_ES", "2025-01-13"))
    instance.report_runless_asset_event(dg.AssetMaterialization("bars", partition=key))
    register(instance, ["SIM_BTC"], ["2025-01-08"])
    assert instance.get_materialized_partitions(dg.AssetKey("bars")) == {key}
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        assert MARKET.has_partition_key(key)


def test_known_keys_are_not_written_again(instance):
    register(instance, NAMES, WEEK)
    before = keys(instance, SESSIONS)
    register(instance, [], ["2025-01-11"])
    register(instance, [], [])
    assert keys(instance, SESSIONS) == before


@pytest.mark.parametrize("key", [PartitionKey("SIM_ES", "2025-01-10"), PartitionKey(session="2025-01-10")])
def test_our_keys_and_dagsters_are_one_form(key):
    assert PartitionKey.parse(str(dagster_key(key))) == key
    assert str(dagster_key(key)) == str(key)


ES_FRIDAY, ES_MONDAY = "SIM_ES|2025-01-10", "SIM_ES|2025-01-13"
BTC_FRIDAY, BTC_MONDAY = "SIM_BTC|2025-01-10", "SIM_BTC|2025-01-13"


@pytest.mark.parametrize(
    ("upstream", "downstream", "key", "needed"),
    [
        (Grain.MARKET, Grain.MARKET, ES_FRIDAY, {ES_FRIDAY}),
        (Grain.SESSION, Grain.SESSION, "2025-01-10", {"2025-01-10"}),
        (Grain.INSTRUMENT, Grain.INSTRUMENT, "SIM_ES", {"SIM_ES"}),
        (Grain.MARKET, Grain.SESSION, "2025-01-10", {ES_FRIDAY, BTC_FRIDAY}),
        (Grain.SESSION, Grain.MARKET, ES_FRIDAY, {"2025-01-10"}),
        (Grain.MARKET, Grain.INSTRUMENT, "SIM_ES", {ES_FRIDAY, ES_MONDAY}),
        (Grain.INSTRUMENT, Grain.MARKET, BTC_MONDAY, {"SIM_BTC"}),
        (Grain.INSTRUMENT, Grain.SESSION, "2025-01-10", {"SIM_BTC", "SIM_ES"}),
        (Grain.SESSION, Grain.INSTRUMENT, "SIM_ES", {"2025-01-10", "2025-01-13"}),
    ],
)
def test_what_a_partition_needs_of_another_grain(instance, upstream, downstream, key, needed):
    register(instance, NAMES, ["2025-01-10", "2025-01-13"])
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        wanted = DEFINITIONS[downstream].subset_with_partition_keys([key])
        found = mapping(upstream, downstream).get_upstream_mapped_partitions_result_for_partitions(
            wanted, DEFINITIONS[downstream], DEFINITIONS[upstream]
        )
        assert set(found.partitions_subset.get_partition_keys()) == needed


class Ranged:
    """Two cheap tables of both instruments in one run over a weekend, keys registered newest first."""

    def __init__(self, folder):
        inbox = home.make_market(folder / "sierra", NAMES, 6, trades=200)
        self.zanzibar = home.resource(folder / "home", folder / "sierra", inbox, NAMES)
        self.seen = []
        job = build_definitions(zanzibar=self.zanzibar).resolve_job_def(jobs.SESSION_PIPELINE)
        with open_instance(self.zanzibar.config()) as instance, listening(self.seen.append):
            for session in reversed(WEEK):
                register(instance, reversed(NAMES), [session])
            self.result = job.execute_in_process(
                instance=instance,
                tags={RANGE_START: f"{NAMES[0]}|{WEEK[0]}", RANGE_END: f"{NAMES[-1]}|{WEEK[-1]}"},
                asset_selection=[dg.AssetKey("raw_depth"), dg.AssetKey("raw_ticks")],
                run_config=ticks.QUIET,
            )
            self.materialized = instance.get_materialized_partitions(dg.AssetKey("raw_ticks"))


@pytest.fixture(scope="module")
def ranged(tmp_path_factory):
    return Ranged(tmp_path_factory.mktemp("ranged"))


def test_a_range_over_two_calendars_builds_sorted_keys(ranged):
    built = [p.key for p in ranged.seen if p.table == "raw_ticks"]
    assert built == [f"{name}|{session}" for name in NAMES for session in WEEK]
    assert ranged.materialized == set(built)


def test_closed_days_in_a_range_are_typed_empty_partitions(ranged):
    workspace = ranged.zanzibar.workspace()
    for table in ("raw_ticks", "raw_depth"):
        for session in WEEK[1:3]:
            key = PartitionKey("SIM_ES", session)
            record = workspace.manifest.get(table, key)
            assert (record.verdict, record.rows) == (Verdict.OK, 0)
            stored = workspace.lake.read(table, key, record.schema_version, record.fingerprint)
            assert stored.schema == empty(table).schema
        assert workspace.manifest.get(table, PartitionKey("SIM_BTC", WEEK[1])).rows > 0
    workspace.database.close()


def test_every_partition_of_a_range_has_its_own_metadata(ranged):
    shown = {}
    for event in ranged.result.all_events:
        if event.is_step_materialization and event.asset_key == dg.AssetKey("raw_ticks"):
            shown[event.partition] = event.step_materialization_data.materialization.metadata
    assert shown[f"SIM_ES|{WEEK[1]}"]["dagster/row_count"].value == 0
    fingerprints = {key: metadata["fingerprint"].value for key, metadata in shown.items()}
    assert len(fingerprints) == len(NAMES) * len(WEEK)
    assert fingerprints[f"SIM_BTC|{WEEK[1]}"] != fingerprints[f"SIM_BTC|{WEEK[2]}"]
