"""A source file that changes after it was read: old rows stay, dependents are stale, orders keep theirs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.ingestion.formats import pack_scid_header
from zanzibar_assets.orchestration.graph import all_assets
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.reporting.trace_rows import trace
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.evolution import load_as_stored
from zanzibar_assets.store.keeping import MIGRATED_FROM, SOURCE_GONE
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.specs import TableSpec
from zanzibar_assets.store.versions import History, stale
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.builders import sierra
from zanzibar_assets_tests.reporting import frames

all_assets()
RAW, TABLE = SPECS["raw_ticks"], "raw_ticks"
DAY, SESSION = PartitionKey("SIM_ES", "2025-01-06"), PartitionKey(session="2025-01-06")


def prices(*values):
    return [
        sierra.trade(f"2025-01-06T15:00:{second:02d}", price, price - 0.25, price)
        for second, price in enumerate(values)
    ]


class Desk:
    """A home over a folder with one file; its clock moves with every build."""

    def __init__(self, home, folder):
        self.home, self.folder = home, folder
        self.now_us = 1_800_000_000_000_000
        (home / "zanzibar.yaml").write_text(
            f"instruments: [SIM_ES]\nsierra_dir: {folder}\n", encoding="utf-8"
        )

    def download(self, *values):
        self.put(*prices(*values))

    def put(self, *records):
        header = pack_scid_header(simulated=True)
        sierra.write_scid(self.folder / "ESH25-SIM.scid", *records, header=header)

    def open(self):
        self.now_us += 1_000_000
        return Workspace(load_config(self.home), lambda: self.now_us, "run")

    def build(self, spec=RAW, key=DAY, **options):
        return build_partition(self.open(), spec, key, **options)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    home, folder = tmp_path / "home", tmp_path / "sierra"
    home.mkdir()
    folder.mkdir()
    monkeypatch.setenv("ZANZIBAR_HOME", str(home))
    found = Desk(home, folder)
    found.download(4700.0, 4700.25, 4700.5)
    return found


def ticks_reader(table, rows):
    """A table that is made of the raw ticks; its rows do not matter here."""

    def compute(inputs):
        inputs.read(TABLE if table == "bars" else "bars", DAY)
        return rows

    return TableSpec(table, compute, ("analysis.bars",))


def chain(desk):
    """bars of the ticks, a signal of the bars, the order and the deal of the signal."""
    desk.build(ticks_reader("bars", frames.bars()))
    desk.build(ticks_reader("signals", frames.signals()), SESSION)

    def send(inputs):
        inputs.read("signals")
        return {"orders": frames.orders(), "fills": frames.fills(), "account_state": frames.account_state()}

    spec = TableSpec("orders", send, ("analysis.bars",), (), ("fills", "account_state"))
    assert desk.build(spec, SESSION).status in (Status.BUILT, Status.UP_TO_DATE)


def test_the_old_rows_stay_bit_for_bit_and_the_order_keeps_its_bytes(desk):
    old = desk.build().record
    before = load_as_stored(desk.open().lake, old)
    chain(desk)
    desk.download(4700.0, 4701.25, 4700.5)  # downloaded again, with a corrected price
    new = desk.build()
    workspace = desk.open()
    assert new.status is Status.BUILT
    assert new.record.fingerprint != old.fingerprint
    assert load_as_stored(workspace.lake, old).equals(before)
    (version,) = workspace.manifest.versions(TABLE, DAY)
    assert version.record == old
    assert (version.superseded_by, version.reason) == (new.record.fingerprint, "source changed")
    marked = {item.record.table for item in stale(History.of(workspace.manifest))}
    assert marked == {"bars", "signals", "orders", "fills", "account_state"}
    found = trace(
        str(frames.fills()["deal_ticket"][0]),
        workspace.manifest,
        lambda record: load_as_stored(workspace.lake, record),
        lambda name: f"/in/{name}",
    ).chain
    (ticks,) = [link for link in found if link.id == f"raw_ticks {DAY}"]
    assert ticks.fingerprint == old.fingerprint
    assert ticks.state.startswith("superseded at 2027-01-15")
    assert "because source changed" in ticks.state
    bytes_read = {link.fingerprint for link in found if link.kind == "source" and link.fingerprint}
    assert bytes_read == {read.fingerprint for read in old.inputs}
    assert bytes_read.isdisjoint({read.fingerprint for read in new.record.inputs})


def test_dependents_are_stale_until_they_are_built_again(desk):
    desk.build()
    chain(desk)
    desk.download(4700.0, 4701.25, 4700.5)
    desk.build()
    chain(desk)
    assert stale(History.of(desk.open().manifest)) == []


def test_the_same_bytes_downloaded_again_make_no_version(desk):
    desk.build()
    desk.download(4700.0, 4700.25, 4700.5)
    assert desk.build().status is Status.UP_TO_DATE
    assert desk.build(force=True).status is Status.BUILT
    assert desk.open().manifest.versions(TABLE, DAY) == []
    assert desk.open().lake.kept(TABLE, DAY, 1) == []


def test_a_blocked_rebuild_leaves_the_last_good_one_readable(desk):
    old = desk.build().record
    before = load_as_stored(desk.open().lake, old)

    def refuse(inputs):
        raise MissingInput("the disk with the ticks is away")

    assert desk.build(replace(RAW, compute=refuse), force=True).status is Status.BLOCKED
    workspace = desk.open()
    assert workspace.manifest.version(old.fingerprint).record == old
    assert load_as_stored(workspace.lake, old).equals(before)
    desk.download(4700.0, 4701.25, 4700.5)
    assert desk.build().status is Status.BUILT
    assert load_as_stored(desk.open().lake, old).equals(before)


def test_a_failed_rebuild_leaves_the_last_good_one_readable(desk):
    desk.build()
    good = desk.build(ticks_reader("bars", frames.bars())).record
    broken = frames.bars().with_columns(high_ticks=1).pipe(lambda f: conform("bars", f))
    assert desk.build(ticks_reader("bars", broken), force=True).status is Status.FAILED
    assert load_as_stored(desk.open().lake, good).equals(frames.bars())


def test_a_source_that_is_gone_takes_nothing_away(desk):
    old = desk.build().record
    before = load_as_stored(desk.open().lake, old)
    (desk.folder / "ESH25-SIM.scid").unlink()
    for options in ({}, {"force": True}):
        kept = desk.build(replace(RAW, modules=("analysis.vwap",)), **options)
        assert (kept.status, kept.record.fingerprint) == (Status.UP_TO_DATE, old.fingerprint)
    stored = desk.open().manifest.get(TABLE, DAY)
    assert "ESH25-SIM.scid holds nothing of SIM_ES|2025-01-06 any more" in stored.notes[SOURCE_GONE]
    assert load_as_stored(desk.open().lake, stored).equals(before)
    desk.download(4700.0, 4701.25, 4700.5)
    back = desk.build()
    assert back.status is Status.BUILT
    assert SOURCE_GONE not in back.record.notes


def test_a_session_that_the_file_forgot_is_kept(desk):
    old = desk.build().record
    later = sierra.trade("2025-01-07T15:00:00", 4700.0, 4699.75, 4700.0)
    desk.put(later)
    assert desk.build().record.fingerprint == old.fingerprint
    assert SOURCE_GONE in desk.open().manifest.get(TABLE, DAY).notes


def test_rows_of_an_older_contract_whose_source_is_gone_are_read_in_todays_form(desk, monkeypatch):
    from zanzibar_assets.contracts.registry import TABLES
    from zanzibar_assets.store.evolution import MIGRATIONS

    old = desk.build().record
    (desk.folder / "ESH25-SIM.scid").unlink()
    monkeypatch.setitem(TABLES, TABLE, replace(TABLES[TABLE], version=2))
    monkeypatch.setitem(MIGRATIONS, (TABLE, 1), lambda frame: frame.with_columns(seq=frame["seq"] + 1000))
    kept = desk.build().record
    assert (kept.fingerprint, kept.schema_version) == (old.fingerprint, 1)
    assert kept.notes[MIGRATED_FROM] == {TABLE: 1}
    seen = []

    def compute(inputs):
        seen.append(inputs.read(TABLE, DAY)["seq"].to_list())
        return frames.bars()

    reader = desk.build(TableSpec("bars", compute, ("analysis.bars",)))
    assert reader.status is Status.BUILT
    assert reader.record.notes[MIGRATED_FROM] == {TABLE: 1}
    assert seen == [[1000, 1001, 1002]]


def run(*arguments):
    done = CliRunner().invoke(root, ["versions", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_tells_versions_and_what_is_stale(desk):
    old = desk.build().record
    chain(desk)
    assert run() == "no partition was ever replaced by another one\nnothing is stale\n"
    desk.download(4700.0, 4701.25, 4700.5)
    assert "raw_ticks SIM_ES|2025-01-06: its source holds other bytes now" in run("--stale", "--sources")
    desk.build()
    text = run()
    assert f"{old.fingerprint}  raw_ticks SIM_ES|2025-01-06: superseded 2027-01-15" in text
    assert "source changed" in text
    assert "bars SIM_ES|2025-01-06: raw_ticks SIM_ES|2025-01-06 was " in text
    assert "orders 2025-01-06: made from signals 2025-01-06 <- bars SIM_ES|2025-01-06" in text
    found = json.loads(run("--json"))
    assert [(v["fingerprint"], v["bytes_kept"]) for v in found["versions"]] == [(old.fingerprint, True)]
    assert {s["table"] for s in found["stale"] if s["direct"]} == {"bars"}
    assert json.loads(run("vwap", "--json")) == {"versions": [], "stale": []}


def test_pruning_removes_what_nothing_stands_on_and_no_order_s_past(desk):
    used = desk.build().record
    chain(desk)
    unused = []
    for price in (4701.0, 4702.0, 4703.0):
        desk.download(4700.0, price, 4700.5)
        unused.append(desk.build().record.fingerprint)
    found = json.loads(run("--prune", "--older-than", "0d", "--json"))
    # the clock of this test lies in the future: nothing is old enough yet
    assert found == {"removed": [], "bytes": 0}
    workspace = desk.open()
    from zanzibar_assets.store.versions import forget, releasable

    released = releasable(History.of(workspace.manifest), desk.now_us, lambda record: True)
    removed = forget(workspace.lake, released)
    assert sorted(item.version.record.fingerprint for item in removed) == sorted(unused[:2])
    assert workspace.lake.kept(TABLE, DAY, 1) == [used.fingerprint]
    assert load_as_stored(workspace.lake, used).height == 3


@pytest.mark.parametrize(
    "arguments", [("--prune",), ("--older-than", "3d"), ("--prune", "--older-than", "3"), ("nothing",)]
)
def test_the_command_refuses_what_makes_no_sense(desk, arguments):
    desk.build()
    done = CliRunner().invoke(root, ["versions", *arguments])
    assert done.exit_code != 0
    assert done.stdout == ""
