"""A backfill never trades: not by Dagster's tag, not over a range, not by the command."""

from __future__ import annotations

import json
import sqlite3

import dagster as dg
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.orchestration import jobs
from zanzibar_assets.orchestration.partitions import register
from zanzibar_assets.orchestration.run_graph import RANGE_END, RANGE_START, GraphPlan, waves
from zanzibar_assets.orchestration.table_asset import BACKFILL_TAG, backfill_policy, of_account
from zanzibar_assets_tests.orchestration import home, ticks

NAMES = ("SIM_BTC",)
FRIDAY, SATURDAY = "2025-01-10", "2025-01-11"
PLAIN_WORDS = "a backfill never trades: start the execution job for one session instead"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "sierra"
    return folder, home.make_market(folder, NAMES, 2, trades=300)


@pytest.fixture(scope="module")
def desk(tmp_path_factory, files):
    """One home for all refusals: each must leave it without a trace."""
    with ticks.desk(home.resource(tmp_path_factory.mktemp("home"), *files, NAMES)) as opened:
        register(opened.instance, NAMES, [FRIDAY, SATURDAY])
        yield opened


def execute(desk, tables, tags, **partition):
    """Run tables of the execution job; returns the failed steps with their words."""
    result = desk.repository.get_job(jobs.EXECUTION).execute_in_process(
        instance=desk.instance, tags=tags, raise_on_error=False, run_config=ticks.QUIET,
        asset_selection=[dg.AssetKey(table) for table in tables], **partition,
    )  # fmt: skip
    failed = [e for e in result.all_events if e.is_step_failure]
    return {e.step_key: e.step_failure_data.user_failure_data.description for e in failed}


def traces_of_trading(config) -> list[str]:
    """Whatever a session of trading leaves behind in a home."""
    found = [str(path) for path in config.terminal_file.parent.glob("*")]
    found += [path.name for table in jobs.ACCOUNT_TABLES for path in config.lake_dir.glob(table)]
    if not config.database.exists():
        return found
    connection = sqlite3.connect(config.database)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if table.startswith("execution_"):
            found += [table] * connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    records = connection.execute("SELECT table_name FROM partitions").fetchall()
    connection.close()
    return found + [row[0] for row in records if row[0] in jobs.ACCOUNT_TABLES]


STEPS = {
    "broker_status": ("broker_status",),
    "send_orders": ("orders", "fills", "account_state"),
    "performance": ("performance",),
    "session_report": ("session_report",),
}
BACKFILLS = {
    "tagged": ({BACKFILL_TAG: "some-backfill"}, {"partition_key": FRIDAY}),
    "range": ({RANGE_START: FRIDAY, RANGE_END: SATURDAY}, {}),
    "tagged range": ({BACKFILL_TAG: "b", RANGE_START: FRIDAY, RANGE_END: SATURDAY}, {}),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", BACKFILLS)
def test_each_step_of_the_execution_refuses_a_backfill_in_plain_words(desk, step, kind):
    tags, partition = BACKFILLS[kind]
    assert execute(desk, STEPS[step], tags, **partition) == {step: PLAIN_WORDS}
    assert traces_of_trading(desk.zanzibar.config()) == []


def test_a_session_that_was_traded_leaves_traces(ran):
    found = set(traces_of_trading(ran.zanzibar.config()))
    assert {"execution_intents", "execution_sessions", *jobs.ACCOUNT_TABLES} <= found


def test_the_whole_job_stops_at_its_first_step(desk):
    tags, partition = BACKFILLS["tagged"]
    assert set(execute(desk, jobs.ACCOUNT_TABLES, tags, **partition)) == {"broker_status"}
    assert traces_of_trading(desk.zanzibar.config()) == []


def test_a_plan_without_sessions_to_trade_starts_no_execution():
    plan = GraphPlan({"SIM_BTC": (FRIDAY, SATURDAY)}, {"SIM_BTC": FRIDAY})
    assert jobs.EXECUTION not in {wave.job for wave in waves(plan)}
    traded = [w for w in waves(GraphPlan(plan.sessions, {}, (SATURDAY, FRIDAY))) if w.job == jobs.EXECUTION]
    assert [wave.keys for wave in traded] == [(FRIDAY,), (SATURDAY,)], "one session a run, in order"


def test_tables_of_the_account_are_those_of_its_job_and_the_market_chart_is_none():
    assert {name for name, contract in TABLES.items() if of_account(contract)} == set(jobs.ACCOUNT_TABLES)
    assert backfill_policy(TABLES["session_chart"]) == backfill_policy(TABLES["bars"])


def test_the_command_builds_up_to_the_signals_and_no_table_of_the_account(tmp_path, files, monkeypatch):
    config = load_config(tmp_path)
    monkeypatch.setenv("ZANZIBAR_HOME", str(config.home))
    done = CliRunner().invoke(
        root,
        ["backfill", "--instrument", "SIM_BTC", "--from", "2025-01-08", "--to", "2025-01-09",
         "--sierra-data", str(files[0]), "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["failed"] == 0
    built = {path.name for path in config.lake_dir.iterdir()}
    assert {"raw_ticks", "feature_matrix", "raw_signals", "session_chart", "signals"} <= built
    assert len(list(config.reports_dir.glob("session_chart-SIM_BTC-*.html"))) == 2
    assert not built & set(jobs.ACCOUNT_TABLES)
    assert traces_of_trading(config) == []
