"""What a look at the Sierra folder asks for: each change once, whatever is killed, lost or corrected."""

from __future__ import annotations

import os

import numpy as np
import pytest

from zanzibar_assets.config import load_config
from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.instruments import DEFAULT_FILE
from zanzibar_assets.orchestration.assets import ingestion
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store import source_watch
from zanzibar_assets.store.builder import build_partition
from zanzibar_assets.store.source_audit import RAW_TABLES, audit
from zanzibar_assets.store.watch_cursor import WatchCursor
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.builders.sierra import depth, record, trade, us

assert {ingestion.raw_ticks.key.path[-1], ingestion.raw_depth.key.path[-1]} == set(RAW_TABLES)
TICK_HEADER, DEPTH_HEADER = (
    formats.pack_scid_header(simulated=True),
    formats.pack_depth_header(simulated=True),
)
FIRST, SECOND = "SIM_BTC|2025-01-08", "SIM_BTC|2025-01-09"


def ticks(day, count, first=0, price=100.0):
    stamps = [f"2025-01-{day:02d}T10:{i // 60:02d}:{i % 60:02d}" for i in range(first, first + count)]
    return b"".join(trade(stamp, price, 100.0, 100.5) for stamp in stamps)


class Desk:
    """A home over a folder; ``look`` keeps the cursor, ``work`` runs what was asked for."""

    def __init__(self, home):
        self.home, self.folder = home, home / "sierra"
        self.folder.mkdir(parents=True)
        self.now_us = us("2025-01-09T20:00:00")
        self.text, self.states = None, {}
        self.instruments_file = None
        self.file = self.folder / "BTCUSDT_PERP_SIM.scid"
        self.asked: list = []
        self.found = source_watch.Look()

    def open(self):
        config = load_config(
            self.home,
            sierra_dir=self.folder,
            instruments=["SIM_BTC", "SIM_ES"],
            instruments_file=self.instruments_file,
        )
        return Workspace(config, self.clock)

    def clock(self):
        self.now_us += 1
        return self.now_us

    def look(self, **options):
        workspace = self.open()
        cursor = source_watch.restore(workspace, self.text)
        self.found = source_watch.look(workspace, cursor, lambda _: self.states, **options)
        self.text = self.found.cursor.to_text()
        self.asked = [(str(request.key), request.run_key) for request in self.found.requests]
        self.states |= {run_key: "running" for _, run_key in self.asked}
        workspace.database.close()
        return [key for key, _ in self.asked]

    def work(self):
        """The runs of the last look come to their end."""
        workspace = self.open()
        done = [
            build_partition(workspace, SPECS[table], request.key)
            for request in self.found.requests
            for table in RAW_TABLES
        ]
        self.end()
        workspace.database.close()
        return done

    def end(self):
        """Every run is over, whatever it did."""
        self.states = dict.fromkeys(self.states, "finished")

    @property
    def alerts(self):
        workspace = self.open()
        found = [(kind, detail) for _, kind, detail in reversed(workspace.alerts_since(0))]
        workspace.database.close()
        return found

    def rows(self, key, table="raw_ticks"):
        workspace = self.open()
        found = next(r for r in workspace.manifest.of_table(table) if str(r.key) == key)
        workspace.database.close()
        return found


@pytest.fixture
def desk(tmp_path):
    opened = Desk(tmp_path / "home")
    opened.file.write_bytes(TICK_HEADER + ticks(8, 100) + ticks(9, 3))
    return opened


@pytest.fixture
def built(desk):
    """The desk after its first look and builds."""
    assert desk.look() == [FIRST, SECOND]
    desk.work()
    assert desk.look() == []
    assert not desk.found.cursor.asked
    return desk


def test_growth_asks_for_its_session_once_and_is_noted(built):
    built.file.write_bytes(built.file.read_bytes() + ticks(9, 2, first=3) + b"torn")
    assert built.look() == [SECOND]
    asked = built.found
    assert built.look() == [], "the run is on its way"
    built.found = asked
    built.work()
    assert built.look() == []
    record = built.rows(SECOND)
    assert (record.rows, record.notes["tail"]) == (5, "grown: 80 bytes after 120 that are the same")
    assert built.alerts == []


def test_an_unchanged_file_is_not_read_again(desk):
    os.utime(desk.file, ns=(1, 1))
    desk.look()
    assert desk.found.read == 1
    desk.look()
    assert (desk.found.files, desk.found.read) == (1, 0)


def test_a_file_of_the_clocks_last_tick_is_looked_at_again(desk):
    recent_ns = (desk.now_us - 1_000_000) * 1_000
    os.utime(desk.file, ns=(recent_ns, recent_ns))
    desk.look()
    content = bytearray(desk.file.read_bytes())
    content[-1] ^= 1
    desk.file.write_bytes(content)
    os.utime(desk.file, ns=(recent_ns, recent_ns))  # same size, same time
    assert desk.look() == [FIRST, SECOND]


def test_a_correction_is_told_once_and_builds_what_differs(built):
    content = bytearray(built.file.read_bytes())
    content[-8:-4] = (9).to_bytes(4, "little")
    built.file.write_bytes(content)
    assert built.look() == [SECOND], "the first session's bytes are what they were"
    built.work()
    assert built.look() == []
    kinds = [kind for kind, _ in built.alerts]
    assert kinds == ["source_corrected", "source_corrected"], "by the watch and by the build"
    assert "the records before byte" in built.alerts[0][1]
    assert built.rows(SECOND).notes["tail"].startswith("rewritten: bytes 4056-4176")


def test_a_correction_that_no_cursor_sees_is_found_by_the_audit(built):
    """Neither the first records nor the last ones before the offset changed, nor the size."""
    content = bytearray(built.file.read_bytes())
    content[56 + 40 * 25 + 28] ^= 1
    built.file.write_bytes(content)
    assert built.look() == [FIRST]
    built.work()
    assert built.look() == []
    assert [kind for kind, _ in built.alerts] == ["source_corrected"]


def test_the_audit_goes_round_in_steps(built):
    workspace = built.open()
    paths = {built.file.name: built.file}
    after, seen = "", []
    for _ in range(5):
        changed, after = audit(workspace, paths, after, budget=1)
        assert not changed
        seen.append(after)
    one, other = f"raw_ticks {FIRST}", f"raw_ticks {SECOND}"
    assert seen == [one, other, one, other, one]
    built.file.write_bytes(TICK_HEADER)
    changed, _ = audit(workspace, paths, "")
    assert sorted(map(str, changed)) == [FIRST, SECOND]
    assert audit(workspace, {}, "")[0] == {}, "a file that is gone says nothing"
    workspace.database.close()


def test_a_cut_file_alerts_and_is_built_again_when_it_is_whole(built):
    content = built.file.read_bytes()
    built.file.write_bytes(content[: 56 + 40 * 101])
    assert built.look() == [SECOND]
    built.work()
    assert built.rows(SECOND).rows == 1
    assert [kind for kind, _ in built.alerts] == ["source_corrected"] * 2
    built.file.write_bytes(content)
    keys = built.look()
    assert keys == [SECOND]
    built.work()
    assert built.rows(SECOND).rows == 3
    assert built.rows(SECOND).notes["tail"].startswith("grown")


def test_coming_back_to_an_earlier_state_is_another_run_key(built):
    """Dagster starts no run twice for one key; the partition in between must not stay."""
    content = built.file.read_bytes()
    used = set(built.states)
    for _ in range(2):
        for now in (content + ticks(9, 1, first=3), content):
            built.file.write_bytes(now)
            assert built.look() == [SECOND]
            ((_, run_key),) = built.asked
            assert run_key not in used
            used.add(run_key)
            built.work()
    assert built.rows(SECOND).rows == 3


def test_a_tick_that_was_killed_before_its_cursor_was_kept_repeats_its_run_keys(desk):
    desk.look()
    first, desk.text = desk.asked, None
    desk.look()
    assert desk.asked == first


@pytest.mark.parametrize("text", ["{", "[]", '{"BTCUSDT_PERP_SIM.scid": [56, ""]}', '{"version": 1}', "null"])
def test_a_corrupted_cursor_is_told_of_and_builds_nothing_twice(built, text):
    built.text = text
    assert built.look() == []
    ((kind, detail),) = built.alerts
    assert kind == "sensor_cursor"
    assert "all files are looked at again" in detail


def test_a_cursor_survives_its_text(built):
    assert WatchCursor.from_text(built.text) == built.found.cursor
    with pytest.raises(SourceError):
        WatchCursor.from_text(built.text.replace('"offset"', '"of"'))


def test_a_killed_run_is_asked_for_again_and_never_given_up(desk):
    desk.look()
    keys = set()
    for attempt in range(1, 4):
        keys |= set(desk.asked)
        assert len(keys) == 2 * attempt
        desk.end()
        desk.look()
    assert desk.asked == [], "the first pause"
    assert [kind for kind, _ in desk.alerts] == ["not_built"] * 2
    assert len(desk.found.cursor.asked) == 2
    desk.now_us += source_watch.PAUSE_US
    assert desk.look() == [FIRST, SECOND]
    desk.end()
    desk.now_us += source_watch.PAUSE_US
    assert desk.look() == [], "the second pause is longer"
    desk.now_us += source_watch.PAUSE_US
    assert desk.look() == [FIRST, SECOND]
    desk.work()
    assert desk.look() == []
    assert not desk.found.cursor.asked


def test_an_earlier_run_that_is_still_under_way_keeps_the_request_open(built):
    built.file.write_bytes(built.file.read_bytes() + ticks(9, 1, first=3))
    built.look()
    ((_, slow),) = built.asked
    built.file.write_bytes(built.file.read_bytes() + ticks(9, 1, first=4))
    built.look()
    built.work()
    built.states[slow] = "running"  # it may still write what it read then
    assert built.look() == []
    assert list(built.found.cursor.asked) == [SECOND]
    built.end()
    built.look()
    assert not built.found.cursor.asked


def test_a_build_that_a_source_blocked_is_no_build(built):
    """Its record names no inputs, as that of a session without depth does."""
    built.file.write_bytes(built.file.read_bytes() + ticks(9, 1, first=3))
    assert built.look() == [SECOND]
    whole = built.file.read_bytes()
    built.file.write_bytes(b"RIFF" + whole[4:])
    done = built.work()
    assert {outcome.record.verdict for outcome in done} == {Verdict.BLOCKED}
    built.file.write_bytes(whole)
    assert built.look() == [SECOND]
    built.work()
    assert built.rows(SECOND).rows == 4
    assert built.rows(SECOND).notes["tail"].startswith("grown"), "compared with the build before"


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_it(desk):
    (desk.folder / "ESH25-SIM.scid").write_bytes(b"RIFF" + bytes(100))
    assert desk.look() == [FIRST, SECOND]
    assert desk.look() == []
    ((kind, detail),) = desk.alerts
    assert kind == "source_unreadable"
    assert "ESH25-SIM.scid" in detail


def test_files_beyond_the_bytes_of_a_look_wait_for_the_next(desk):
    folder = desk.folder / "MarketDepthData"
    folder.mkdir()
    for day in (8, 9):
        content = DEPTH_HEADER + depth(f"2025-01-{day:02d}T10:00:00", 1, flags=1)
        (folder / f"BTCUSDT_PERP_SIM.2025-01-{day:02d}.depth").write_bytes(content)
    asked = []
    for left in (2, 1, 0):
        asked += desk.look(bytes_a_look=1)
        assert desk.found.left == left
    assert set(asked) == {FIRST, SECOND}


def test_a_replaced_file_of_the_same_content_asks_for_nothing(built):
    fresh = built.folder / "copy"
    fresh.write_bytes(built.file.read_bytes())
    fresh.replace(built.file)
    assert built.look() == []
    assert built.alerts == []


def test_a_new_contract_takes_its_sessions_over(desk):
    """The roll: sessions after the roll day come from the next contract's new file."""
    es = [trade(f"2025-03-{day:02d}T15:00:00", 6000.0, 6000.0, 6000.25) for day in (12, 13, 14)]
    (desk.folder / "ESH25-SIM.scid").write_bytes(TICK_HEADER + b"".join(es))
    desk.look()
    desk.work()
    assert "H25 is the only one" in desk.rows("SIM_ES|2025-03-14", "raw_ticks").notes["contract"]
    (desk.folder / "ESM25-SIM.scid").write_bytes(TICK_HEADER + es[2] * 2)
    assert desk.look() == ["SIM_ES|2025-03-14"]
    desk.work()
    assert desk.rows("SIM_ES|2025-03-14").rows == 2
    assert desk.look() == []


def test_leading_impossible_stamps_go_with_the_first_true_one(desk):
    bad = trade(-5, 100.0, 100.0, 100.5)
    desk.file.write_bytes(TICK_HEADER + bad * 3)
    assert desk.look() == []
    desk.file.write_bytes(TICK_HEADER + bad * 3 + ticks(9, 1))
    assert desk.look() == [SECOND]
    desk.work()
    assert desk.rows(SECOND).rows == 4
    desk.file.write_bytes(TICK_HEADER + bad * 3 + ticks(9, 1) + bad)
    assert desk.look() == [SECOND], "an impossible stamp goes with the record before it"


def test_a_file_that_shows_itself_as_one_of_bars_is_built_again(desk, tmp_path):
    """Its records are not declared: flat ones are ticks until the first aggregated one comes."""
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    place = text.index("^BTCUSDT_PERP_SIM$")
    desk.instruments_file = tmp_path / "instruments.yaml"
    undeclared = text[:place] + text[place:].replace("records: ticks", "records: auto", 1)
    desk.instruments_file.write_text(undeclared, encoding="utf-8")
    flat = [record(f"2025-01-08T10:00:{i:02d}", 100.0, 100.0, 100.0, 100.0) for i in range(3)]
    desk.file.write_bytes(TICK_HEADER + b"".join(flat))
    assert desk.look() == [FIRST]
    first = desk.work()[0]
    assert set(first.frame["kind"]) == {"trade"}
    bars = [record(f"2025-01-09T10:0{i}:00", 100.0, 101.0, 99.0, 100.5, 4, 9, 4, 5) for i in range(2)]
    desk.file.write_bytes(TICK_HEADER + b"".join(flat + bars))
    assert desk.look() == [FIRST, SECOND]
    again = desk.work()
    assert set(again[0].frame["kind"]) == {"bar"}
    assert again[2].record.rows == 1, "the last bar may still change"
    assert desk.look() == []


def test_500_files_are_looked_at_once_and_then_by_stat_alone(desk):
    folder = desk.folder / "MarketDepthData"
    folder.mkdir()
    for number in range(500):
        day = np.datetime64("2023-06-01") + number
        path = folder / f"BTCUSDT_PERP_SIM.{day}.depth"
        path.write_bytes(DEPTH_HEADER + depth(f"{day}T10:00:00", 1, flags=1) * 50)
        os.utime(path, ns=(1, 1))
    os.utime(desk.file, ns=(1, 1))
    desk.look()
    assert desk.found.read == 501
    desk.look()
    assert (desk.found.files, desk.found.read) == (501, 0)
