"""The graph is what was agreed; what every asset must carry; jobs cover the graph."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections import Counter

import pytest

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.orchestration import jobs
from zanzibar_assets.orchestration.graph import all_assets
from zanzibar_assets.orchestration.partitions import DEFINITIONS
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.vocabulary import Grain, Stage
from zanzibar_assets_tests.house.repository import ROOT
from zanzibar_assets_tests.orchestration import graph_snapshot

HEAVY = ("pandas", "numba", "sklearn", "lightgbm", "spacy", "matplotlib", "talib", "hmmlearn", "arch", "shap")


def nodes():
    graph = graph_snapshot.graph()
    return {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}


def test_the_graph_is_the_one_that_was_agreed():
    agreed = graph_snapshot.FILE.read_text(encoding="utf-8")
    now = graph_snapshot.text()
    difference = difflib.unified_diff(
        agreed.splitlines(), now.splitlines(), "agreed", "now", lineterm="", n=2
    )
    assert agreed == now, (
        "\n".join(difference)
        + f"\n\nThe graph changed. If that is meant: {graph_snapshot.COMMAND}, and read the difference."
    )


def test_every_asset_tells_what_it_is_where_it_belongs_and_whose_it_is():
    for name, node in nodes().items():
        assert len(node.description or "") > 20, name
        assert node.group_name in {stage.value for stage in Stage}, name
        assert node.group_name == TABLES[name].stage.value, name
        assert node.owners, name
        assert node.kinds, name
        assert node.code_version, name


def test_partitions_are_those_of_the_contract():
    for name, node in nodes().items():
        assert node.partitions_def == DEFINITIONS[TABLES[name].grain], name


def test_every_table_is_an_asset_or_written_beside_one():
    beside = {side for spec in SPECS.values() for side in spec.side_tables}
    assert set(nodes()) | beside == set(TABLES)
    assert beside - set(nodes()) == {
        "quarantine_ticks", "quarantine_dom", "model_oos", "session_gaps", "session_counts",
        "model_walk_forward", "horizon_returns", "regime_changes", "sampled_bar_thresholds",
        "model_interactions", "importance_stability", "prediction_reasons",
    }  # fmt: skip


def test_every_main_table_has_its_contract_and_its_inputs_checked():
    for name, node in nodes().items():
        checks = {check.name for check in node.check_keys}
        if name not in ("fills", "account_state"):  # written and checked by the step of `orders`
            assert {"contract", "inputs_usable"} <= checks, name


def test_tables_of_the_account_are_outside_every_backfill():
    found = nodes()
    for name in jobs.ACCOUNT_TABLES:
        assert found[name].backfill_policy is None, name
    for name in set(found) - set(jobs.ACCOUNT_TABLES):
        assert found[name].backfill_policy is not None, name


def test_backfill_policies_are_those_that_were_measured():
    wanted = {Grain.MARKET: 60, Grain.SESSION: None, Grain.INSTRUMENT: 1}
    for name, node in nodes().items():
        if name not in jobs.ACCOUNT_TABLES:
            assert node.backfill_policy.max_partitions_per_run == wanted[TABLES[name].grain], name


def test_each_asset_is_in_one_job_and_weekly_validation_repeats_two():
    selections = {name: job["tables"] for name, job in graph_snapshot.snapshot()["jobs"].items()}
    repeated = selections.pop(jobs.VALIDATION)
    assert Counter(t for tables in selections.values() for t in tables) == Counter(list(nodes()))
    assert set(repeated) <= set(selections[jobs.RETRAINING])


@pytest.mark.parametrize("name", jobs.JOB_GRAINS)
def test_a_job_has_one_partition_scheme(name):
    tables = graph_snapshot.snapshot()["jobs"][name]["tables"]
    assert {TABLES[table].grain for table in tables} == {jobs.JOB_GRAINS[name]}


def test_what_trades_is_off_until_someone_turns_it_on():
    sensors = graph_snapshot.snapshot()["sensors"]
    starters = {name for name, sensor in sensors.items() if sensor["jobs"]}
    assert {sensors[name]["default"] for name in starters} == {"STOPPED"}
    assert sensors["failed_runs"]["default"] == "RUNNING"
    assert [n for n in starters if jobs.EXECUTION in sensors[n]["jobs"]] == ["new_signals"]


def test_assets_come_in_the_order_of_the_flow():
    seen: set[str] = set()
    for definition in all_assets():
        for spec in definition.specs:
            parents = {dep.asset_key.to_user_string() for dep in spec.deps} - {spec.key.to_user_string()}
            later = {p for p in parents if list(Stage).index(TABLES[p].stage) > stage_index(spec)}
            assert not later, f"{spec.key.to_user_string()} reads a later stage: {later}"
            seen.add(spec.key.to_user_string())
    assert seen == set(nodes())


def stage_index(spec):
    return list(Stage).index(Stage(spec.group_name))


def test_loading_the_code_location_imports_nothing_heavy():
    program = (
        f"import sys, zanzibar_assets.definitions; print([m for m in {HEAVY!r} if m in sys.modules], end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]"
