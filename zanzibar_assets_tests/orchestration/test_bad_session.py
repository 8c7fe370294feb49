"""One bad session in a range holds back what depends on it, and nothing else."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.ingestion import formats
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration import jobs
from zanzibar_assets.orchestration.graph import build_definitions
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.orchestration.partitions import dagster_key, register
from zanzibar_assets.orchestration.progress import listening
from zanzibar_assets.orchestration.run_graph import RANGE_END, RANGE_START, Wave, run_wave
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.orchestration import home, ticks

NAME = "SIM_BTC"
SESSIONS = ("2025-01-08", "2025-01-09", "2025-01-10", "2025-01-11")
BAD, NEXT = SESSIONS[1], SESSIONS[2]
SOURCE_TABLES = {"raw_ticks", "raw_depth", "clean_dom"}
"""Tables of a session that do not rest on its ticks: depth is there even when the ticks are gone."""
FROM_EARLIER_SESSIONS = {"book_models"}
"""Read no table of their own session: a bad one does not stop them."""


def cut_session(folder, session: str) -> None:
    """Take one session's records out of the instrument's tick file, byte for byte otherwise the same."""
    path = next(folder.glob("*.scid"))
    header = formats.read_header(path)
    records = np.array(formats.map_records(path, header))
    stamps, _ = formats.unix_stamps(records["stamp"])
    window = session_window(load_instruments()[NAME], session)
    kept = records[(stamps < window.starts_us) | (stamps >= window.close_us)]
    assert 0 < len(kept) < len(records)
    path.write_bytes(path.read_bytes()[: header.header_bytes] + kept.tobytes())


class Runner:
    """Runs of the session pipeline on one home."""

    def __init__(self, zanzibar):
        self.zanzibar = zanzibar
        self.definitions = build_definitions(zanzibar=zanzibar)

    def run(self, *sessions: str):
        keys = [dagster_key(PartitionKey(NAME, session)) for session in sessions]
        one = {"partition_key": keys[0]} if len(keys) == 1 else {}
        tags = {} if one else {RANGE_START: keys[0], RANGE_END: keys[-1]}
        seen = []
        with open_instance(self.zanzibar.config()) as instance, listening(seen.append):
            register(instance, [NAME], sessions)
            result = self.definitions.resolve_job_def(jobs.SESSION_PIPELINE).execute_in_process(
                instance=instance, tags=tags, run_config=ticks.QUIET, raise_on_error=False, **one
            )
        return result, seen

    def record(self, table: str, session: str):
        return self.zanzibar.workspace().manifest.get(table, PartitionKey(NAME, session))


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hole")
    inbox = home.make_market(folder / "sierra", (NAME,), len(SESSIONS), trades=300)
    cut_session(folder / "sierra", BAD)
    return Runner(home.resource(folder / "home", folder / "sierra", inbox, (NAME,)))


@pytest.fixture(scope="module")
def ranged(runner):
    return runner.run(*SESSIONS)


def test_the_other_sessions_are_built_to_their_labels(runner, ranged):
    result, _ = ranged
    assert result.success
    for session in set(SESSIONS) - {BAD}:
        for table in jobs.MARKET_TABLES:
            assert runner.record(table, session).verdict is Verdict.OK, f"{table} {session}"
        assert runner.record("labels", session).rows > 0


def test_the_bad_session_fails_its_check_and_holds_back_what_depends_on_it(runner, ranged):
    raw = runner.record("raw_ticks", BAD)
    assert raw.verdict is Verdict.FAILED
    assert "source_has_records: 0 records in the files" in raw.reasons[0]
    for table in set(jobs.MARKET_TABLES) - SOURCE_TABLES - FROM_EARLIER_SESSIONS:
        held = runner.record(table, BAD)
        assert held.verdict is Verdict.BLOCKED, table
        assert held.fingerprint is None
    assert f"raw_ticks {NAME}|{BAD} is failed" in runner.record("clean_ticks", BAD).reasons[0]
    assert "source_has_records" in runner.record("clean_ticks", BAD).reasons[0], "the cause is passed on"
    assert f"clean_ticks {NAME}|{BAD} is blocked" in runner.record("bars", BAD).reasons[0]


def test_later_sessions_take_it_as_a_session_that_is_not_there(runner, ranged):
    inputs = {(i.table, i.key): i.fingerprint for i in runner.record("technical_factors", NEXT).inputs}
    assert inputs["bars", f"{NAME}|{BAD}"] == "blocked"
    assert inputs["bars", f"{NAME}|{SESSIONS[0]}"] == runner.record("bars", SESSIONS[0]).fingerprint


def test_dagster_shows_the_failed_checks_and_names_the_partition(ranged):
    result, _ = ranged
    checks = {(e.asset_key.to_user_string(), e.check_name): e for e in result.get_asset_check_evaluations()}
    # what only warns (a thin simulated session has gaps) holds nothing back
    warned = {key for key, check in checks.items() if check.severity is dg.AssetCheckSeverity.WARN}
    failed = {key for key, check in checks.items() if not check.passed} - warned
    assert ("raw_ticks", "source_has_records") in failed
    assert ("bars", "inputs_usable") in failed
    assert ("raw_ticks", "contract") not in failed
    for key in failed:
        assert f"{NAME}|{BAD}" in checks[key].description
        assert checks[key].severity is dg.AssetCheckSeverity.ERROR
        assert list(checks[key].metadata["failed"].value) == [f"{NAME}|{BAD}"]


def test_a_run_of_the_bad_session_alone_fails_and_says_why(runner, ranged):
    result, seen = runner.run(BAD)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure and e.step_key == "clean_ticks"]
    reason = failure.step_failure_data.user_failure_data.description
    assert "0 records in the files" in reason
    assert f"{NAME}|{BAD}" in reason
    assert {p.status for p in seen if p.table == "labels"} == set(), "nothing downstream is tried"


def test_once_the_file_is_mended_all_of_it_is_built_and_later_sessions_again(runner, ranged, tmp_path):
    folder = runner.zanzibar.workspace().config.sierra_dir
    home.make_market(tmp_path / "whole", (NAME,), len(SESSIONS), trades=300)
    for path in (tmp_path / "whole").glob("*.scid"):
        (folder / path.name).write_bytes(path.read_bytes())
    result, seen = runner.run(*SESSIONS)
    assert result.success
    status = {(p.table, p.key.partition("|")[2]): p.status for p in seen}
    mended = set(jobs.MARKET_TABLES) - SOURCE_TABLES - FROM_EARLIER_SESSIONS
    assert {status[table, BAD] for table in mended} == {"built"}
    # what came after it stands at other bytes of the file now and has one more session of history
    assert status["technical_factors", NEXT] == "built"
    inputs = {(i.table, i.key): i.fingerprint for i in runner.record("technical_factors", NEXT).inputs}
    assert inputs["bars", f"{NAME}|{BAD}"] == runner.record("bars", BAD).fingerprint
    assert {status[table, SESSIONS[0]] for table in jobs.MARKET_TABLES} == {"up_to_date"}


def test_a_wave_leaves_the_held_back_partitions_failed_in_dagsters_view(tmp_path):
    inbox = home.make_market(tmp_path / "sierra", (NAME,), 3, trades=300)
    cut_session(tmp_path / "sierra", BAD)
    zanzibar = home.resource(tmp_path / "home", tmp_path / "sierra", inbox, (NAME,))
    keys = tuple(dagster_key(PartitionKey(NAME, session)) for session in SESSIONS[:3])
    wave = Wave(jobs.SESSION_PIPELINE, keys, ("raw_ticks", "clean_ticks", "bars"))
    with open_instance(zanzibar.config()) as instance:
        register(instance, [NAME], SESSIONS[:3])
        results = list(run_wave(wave, build_definitions(zanzibar=zanzibar), instance))
        failed = instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert [(r.success, r.held_back, r.wave.keys) for r in results] == [
        (True, False, keys),
        (False, True, (keys[1],)),
    ]
    # raw_ticks is stored for inspection and shown with its failed check
    assert results[1].wave.tables == ("clean_ticks", "bars")
    assert [run.tags["dagster/partition"] for run in failed] == [keys[1]]
