"""A session as it happens: ticks of the files sensor, runs on a real instance, partitions, the close."""

from __future__ import annotations

import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.ingestion import formats
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.simulator.build import append_part, plan_sessions, simulate_sessions
from zanzibar_assets.simulator.live import LiveWriter
from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.store.builder import build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets_tests.orchestration import home, ticks

# Dagster warns of the tag keys that it makes itself for partitions of two dimensions.
pytestmark = pytest.mark.filterwarnings("ignore:Non-compliant tag keys:DeprecationWarning")
BTC = load_instruments()["SIM_BTC"]
TABLES = ["raw_ticks", "raw_depth"]
RUNNING = PartitionKey("SIM_BTC", "2025-01-09")


@pytest.fixture
def live(tmp_path):
    """A finished session in the folder and the next one in a writer's hands."""
    folder, inbox = tmp_path / "sierra", tmp_path / "inbox"
    inbox.mkdir()
    wanted, first = plan_sessions([BTC], 2, "2025-01-08")
    past, running = simulate_sessions(BTC, wanted, first, 3, SimulatorOptions(trades_per_session=300))
    for part in past.records.parts:
        append_part(folder, part)
    with ticks.desk(home.resource(tmp_path / "home", folder, inbox, ("SIM_BTC",))) as desk:
        desk.folder = folder
        yield desk, LiveWriter(folder, [running.records], 3, torn_share=0.6)


def tick_and_run(desk):
    """One tick and the runs that it asks for; the partitions that were built."""
    requests = desk.sensor("sierra_files", start=False)
    if isinstance(requests, str):
        return requests
    results = [desk.run("session_pipeline", request, TABLES) for request in requests]
    assert all(result is not None and result.success for result in results)
    return [request.partition_key for request in requests]


def records_of(desk, session: str) -> int:
    """Whole records of the session in the tick file, counted from its stamps."""
    (path,) = desk.folder.glob("*.scid")
    stamps, _ = formats.unix_stamps(formats.map_records(path, formats.read_header(path))["stamp"])
    window = session_window(BTC, session)
    return int(((stamps >= window.starts_us) & (stamps < window.close_us)).sum())


def test_a_session_grows_tick_by_tick_and_closes_as_read_in_one_pass(live, tmp_path):
    desk, writer = live
    assert tick_and_run(desk) == ["SIM_BTC|2025-01-08"]
    torn = 0
    for share in (0.1, 0.4, 0.8):
        at = writer.first_us + int((writer.last_us - writer.first_us) * share)
        torn += sum(flush.torn for flush in writer.advance(at))
        assert tick_and_run(desk) == [str(RUNNING)]
        record = desk.workspace.manifest.get("raw_ticks", RUNNING)
        assert record.rows == records_of(desk, "2025-01-09")
    assert torn, "flushes were cut inside a record"
    assert record.notes["tail"].startswith("grown")
    assert "no new bytes" in tick_and_run(desk)

    writer.finish()
    assert tick_and_run(desk) == [str(RUNNING)]
    assert tick_and_run(desk) == "no new bytes", "nothing is waited for"
    fresh = home.resource(tmp_path / "fresh", desk.folder, tmp_path / "inbox", ("SIM_BTC",)).workspace()
    for table in ("raw_ticks", "raw_depth"):
        once = build_partition(fresh, SPECS[table], RUNNING).record
        stored = desk.workspace.manifest.get(table, RUNNING)
        assert (stored.fingerprint, stored.inputs) == (once.fingerprint, once.inputs)
        places = [w.lake.location(table, RUNNING, once.schema_version) for w in (fresh, desk.workspace)]
        assert len({open_bytes(place) for place in places}) == 1
    fresh.database.close()
    assert desk.workspace.alerts_since(0) == []


def open_bytes(place: str) -> bytes:
    with open(place, "rb") as stream:  # noqa: PTH123 - a store's location is text
        return stream.read()


def test_a_tick_whose_cursor_was_not_kept_starts_no_run_twice(live):
    desk, writer = live
    tick_and_run(desk)
    kept = desk.cursor
    writer.advance(writer.first_us + (writer.last_us - writer.first_us) // 2)
    requests = desk.sensor("sierra_files", start=False)
    (first,) = [desk.run("session_pipeline", request, TABLES) for request in requests]
    runs = len(desk.instance.get_runs())
    desk.cursor = kept  # the daemon was killed before it kept the new one
    assert "no new bytes" in desk.sensor("sierra_files", start=False), "its bytes are built"
    desk.cursor = kept
    writer.finish()
    requests = desk.sensor("sierra_files", start=False)
    desk.cursor = kept  # killed again, now before any run was started
    assert [r.run_key for r in desk.sensor("sierra_files", start=False)] == [r.run_key for r in requests]
    (second,) = [desk.run("session_pipeline", request, TABLES) for request in requests]
    assert [desk.run("session_pipeline", request, TABLES) for request in requests] == [None]
    assert first.success
    assert second.success
    assert len(desk.instance.get_runs()) == runs + 1
    assert "no new bytes" in tick_and_run(desk)


def test_a_run_that_was_killed_is_started_again(live):
    desk, writer = live
    tick_and_run(desk)
    writer.advance(writer.first_us + (writer.last_us - writer.first_us) // 2)
    (lost,) = desk.sensor("sierra_files")
    assert "1 sessions are being built" in desk.sensor("sierra_files")
    desk.end_runs()
    assert tick_and_run(desk) == [str(RUNNING)]
    assert desk.workspace.manifest.get("raw_ticks", RUNNING).rows == records_of(desk, "2025-01-09")
    assert lost.partition_key == str(RUNNING)
