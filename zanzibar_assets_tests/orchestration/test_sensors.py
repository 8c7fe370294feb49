"""Sensors: what starts when bytes, narratives, signals or failures appear, and what does not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from zanzibar_assets.calendars import session_at, session_window
from zanzibar_assets.ingestion import formats
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration.partitions import INSTRUMENTS, SESSIONS, register
from zanzibar_assets.orchestration.resources import clock_us
from zanzibar_assets.orchestration.run_graph import RANGE_END, RANGE_START
from zanzibar_assets.orchestration.sensors import running_signals
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store.builder import build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.orchestration import home, ticks

# Dagster warns of the tag keys that it makes itself for partitions of two dimensions.
pytestmark = pytest.mark.filterwarnings("ignore:Non-compliant tag keys:DeprecationWarning")
KNOWN = load_instruments()
NAMES = ("SIM_BTC", "SIM_ES")
LAST = "2025-01-11"
SESSION_TAGS = {"dagster/partition": "SIM_ES|2025-01-10", "dagster/partition/session": "2025-01-10"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "sierra"
    return folder, home.make_market(folder, NAMES, 4, trades=200)


@pytest.fixture
def desk(tmp_path, files):
    """A home over a copy of the files, so that a test may write to them."""
    folder, inbox = tmp_path / "sierra", tmp_path / "inbox"
    shutil.copytree(files[0], folder)
    shutil.copytree(files[1], inbox)
    with ticks.desk(home.resource(tmp_path / "home", folder, inbox, NAMES)) as opened:
        opened.folder, opened.inbox = folder, inbox
        yield opened


def btc_file(desk):
    return next(path for path in desk.folder.glob("*.scid") if "BTC" in path.name)


def asked(requests) -> list[str]:
    assert not isinstance(requests, str), requests
    return sorted(request.partition_key for request in requests)


def next_records(path, count: int, session: str) -> bytes:
    """Copies of the file's last records with stamps in the given session of SIM_BTC."""
    header = formats.read_header(path)
    records = np.array(formats.map_records(path, header, header.records - count))
    window = session_window(KNOWN["SIM_BTC"], session)
    records["stamp"] = formats.sierra_stamps(window.open_us + np.arange(count) * 1_000_000)
    return records.tobytes()


def append(path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)


# New bytes in the Sierra folder


def test_every_session_of_the_folder_is_asked_for_once(desk):
    wanted = [f"SIM_BTC|2025-01-{day:02d}" for day in range(8, 12)]
    assert asked(desk.sensor("sierra_files")) == [*wanted, "SIM_ES|2025-01-08", "SIM_ES|2025-01-10"]
    assert "no new bytes" in desk.sensor("sierra_files")


def test_turned_on_over_built_sessions_only_the_others_are_asked_for(desk):
    zanzibar = desk.zanzibar
    for table in ("raw_ticks", "raw_depth"):
        build_partition(zanzibar.workspace(), SPECS[table], PartitionKey("SIM_BTC", "2025-01-09"))
    found = asked(desk.sensor("sierra_files"))
    assert "SIM_BTC|2025-01-09" not in found
    assert "SIM_BTC|2025-01-08" in found


def test_the_running_session_has_its_partition_from_its_first_record(desk):
    desk.sensor("sierra_files")
    append(btc_file(desk), next_records(btc_file(desk), 1, "2025-01-12"))
    assert asked(desk.sensor("sierra_files")) == ["SIM_BTC|2025-01-12"]
    assert "2025-01-12" in desk.instance.get_dynamic_partitions(str(SESSIONS.name))
    assert "no new bytes" in desk.sensor("sierra_files")


def test_each_growth_of_a_session_is_a_new_run(desk):
    desk.sensor("sierra_files")
    keys = set()
    for _ in range(3):
        append(btc_file(desk), next_records(btc_file(desk), 2, "2025-01-12"))
        (request,) = desk.sensor("sierra_files")
        keys.add(request.run_key)
    assert len(keys) == 3


def test_a_torn_tail_is_taken_when_it_is_complete(desk):
    desk.sensor("sierra_files")
    record = next_records(btc_file(desk), 1, "2025-01-12")
    append(btc_file(desk), record[:17])
    assert "no new bytes" in desk.sensor("sierra_files")
    append(btc_file(desk), record[17:])
    assert asked(desk.sensor("sierra_files")) == ["SIM_BTC|2025-01-12"]


def test_a_file_that_became_smaller_is_read_again(desk):
    first = {r.partition_key: r.run_key for r in desk.sensor("sierra_files")}
    path = btc_file(desk)
    path.write_bytes(path.read_bytes()[:-40])
    again = {r.partition_key: r.run_key for r in desk.sensor("sierra_files")}
    assert set(again) == {key for key in first if key.startswith("SIM_BTC")}
    assert again[f"SIM_BTC|{LAST}"] != first[f"SIM_BTC|{LAST}"], "else Dagster would not start the run"


def test_a_file_that_was_written_anew_at_the_same_size_is_read_again(desk):
    first = {r.partition_key: r.run_key for r in desk.sensor("sierra_files")}
    path = btc_file(desk)
    content = bytearray(path.read_bytes())
    content[-16:-12] = (7).to_bytes(4, "little")  # another volume in the last record
    path.write_bytes(bytes(content))
    again = {r.partition_key: r.run_key for r in desk.sensor("sierra_files")}
    assert set(again) == {key for key in first if key.startswith("SIM_BTC")}
    assert again[f"SIM_BTC|{LAST}"] != first[f"SIM_BTC|{LAST}"]


def test_a_lost_cursor_asks_again_with_the_same_run_keys(desk):
    """Dagster starts no run twice for one key, so a cursor that is reset repeats nothing."""
    first = {r.run_key for r in desk.sensor("sierra_files")}
    desk.cursor = None
    assert {r.run_key for r in desk.sensor("sierra_files")} == first


def test_partition_keys_stay_sorted_whatever_comes_first(desk):
    desk.sensor("sierra_files")
    for name in (SESSIONS.name, INSTRUMENTS.name):
        keys = desk.instance.get_dynamic_partitions(str(name))
        assert list(keys) == sorted(keys)


# The inbox


def test_a_narrative_asks_for_its_session_and_an_unchanged_inbox_for_none(desk):
    sessions = asked(desk.sensor("narrative_inbox"))
    assert sessions
    assert desk.sensor("narrative_inbox") == "no new narrative"
    inbox = sorted(desk.inbox.glob("*.jsonl"))[0]
    template = json.loads(inbox.read_text(encoding="utf-8").splitlines()[0])
    changed = {**template, "id": "one-more", "text": template["text"] + " Dopisek."}
    append(inbox, (json.dumps(changed, ensure_ascii=False) + "\n").encode())
    (request,) = desk.sensor("narrative_inbox")
    assert request.partition_key in sessions
    assert request.partition_key in request.run_key
    assert desk.sensor("narrative_inbox") == "no new narrative"


def test_an_empty_inbox_is_no_error(desk):
    shutil.rmtree(desk.inbox)
    assert desk.sensor("narrative_inbox") == "no new narrative"


# One job after another


def test_tables_across_instruments_follow_a_session(desk):
    (request,) = desk.after_run("session_pipeline_tables_follows", "session_pipeline", SESSION_TAGS)
    assert request.partition_key == "2025-01-10"


def test_features_follow_for_each_instrument_that_was_built(desk):
    tags = {"dagster/partition": "2025-01-10"}
    sensor = "session_pipeline_features_follows", "session_pipeline_tables"
    (skipped,) = desk.after_run(*sensor, tags)
    assert "no instrument has been built for 2025-01-10" in skipped.skip_message
    desk.note("labels", "SIM_ES|2025-01-10")
    assert [r.partition_key for r in desk.after_run(*sensor, tags)] == ["SIM_ES|2025-01-10"]
    desk.note("labels", "SIM_BTC|2025-01-10")
    requests = desk.after_run(*sensor, tags)
    assert [r.partition_key for r in requests] == ["SIM_BTC|2025-01-10", "SIM_ES|2025-01-10"]
    assert len({r.run_key for r in requests}) == 2


def test_signals_follow_the_features(desk):
    sensor = "session_pipeline_signals_follows", "session_pipeline_features"
    (request,) = desk.after_run(*sensor, SESSION_TAGS)
    assert request.partition_key == "2025-01-10"


@pytest.mark.parametrize(
    ("sensor", "job", "instrument"),
    [
        ("session_pipeline_tables_follows", "session_pipeline", "SIM_ES|"),
        ("session_pipeline_features_follows", "session_pipeline_tables", ""),
        ("session_pipeline_signals_follows", "session_pipeline_features", "SIM_ES|"),
    ],
)
def test_nothing_follows_a_run_over_a_range(desk, sensor, job, instrument):
    """A range is history: its backfill names every table, and the command runs every job in order."""
    register(desk.instance, ["SIM_ES"], ["2025-01-08", "2025-01-10"])
    tags = {RANGE_START: f"{instrument}2025-01-08", RANGE_END: f"{instrument}2025-01-10"}
    (skipped,) = desk.after_run(sensor, job, tags)
    assert skipped.skip_message == "the run was not of one session"


# Signals of the running session


def test_signals_of_a_running_session_start_the_execution_once(desk):
    assert "no usable signals" in desk.sensor("new_signals")
    running = session_at(KNOWN["SIM_BTC"], clock_us())
    desk.note("signals", running)
    (request,) = desk.sensor("new_signals")
    assert request.partition_key == running
    (again,) = desk.sensor("new_signals")
    assert again.run_key == request.run_key, "Dagster starts no run twice for one key"
    desk.note("signals", running, fingerprint="e" * 32)
    (other,) = desk.sensor("new_signals")
    assert other.run_key != request.run_key


@pytest.mark.parametrize(
    ("verdict", "values"),
    [
        (Verdict.BLOCKED, {"fingerprint": None, "rows": None}),
        (Verdict.FAILED, {}),
        (Verdict.OK, {"rows": 0}),
    ],
)
def test_signals_that_cannot_be_used_start_nothing(desk, verdict, values):
    now_us = session_window(KNOWN["SIM_ES"], "2025-01-10").open_us + 1
    desk.note("signals", "2025-01-10", verdict, **values)
    assert list(running_signals(desk.workspace, now_us)) == []


def test_signals_of_a_session_that_is_over_or_to_come_start_nothing(desk):
    window = session_window(KNOWN["SIM_ES"], "2025-01-10")
    desk.note("signals", "2025-01-10")
    found = [list(running_signals(desk.workspace, t)) for t in (window.close_us - 1, window.open_us + 1)]
    assert found == [[("2025-01-10", "f" * 32)]] * 2
    past = session_window(KNOWN["SIM_BTC"], "2025-01-10").close_us
    assert list(running_signals(desk.workspace, max(past, window.close_us))) == []
    before = session_window(KNOWN["SIM_ES"], "2025-01-08").open_us
    assert list(running_signals(desk.workspace, before)) == []


def test_nothing_starts_while_trading_is_halted(desk):
    now_us = session_window(KNOWN["SIM_ES"], "2025-01-10").open_us + 1
    desk.note("signals", "2025-01-10")
    desk.workspace.config.halt_file.write_text("{}", encoding="utf-8")
    assert list(running_signals(desk.workspace, now_us)) == []


# Failures


@pytest.mark.parametrize("job", ["session_pipeline", "session_pipeline_features", "execution"])
def test_a_failed_run_of_any_job_becomes_an_alert(desk, job):
    desk.after_run("failed_runs", job, {"dagster/partition": "2025-01-10"}, failed="the terminal is gone")
    found = [(kind, detail) for _, kind, detail in desk.workspace.alerts_since(0)]
    assert found == [("failed_run", f"{job} 2025-01-10: the terminal is gone")]
