"""``zanzibar export``: files that the formats' readers take, one JSON document, plain refusals."""

import json
import os

import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.errors import UsageError
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.exports import readers
from zanzibar_assets_tests.reporting.exports.sessions import session

DAY = frames.SESSION


@pytest.fixture
def home(tmp_path, monkeypatch):
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("ZANZIBAR_HOME", str(place))
    for table, frame in session(1).items():
        put(place, table, DAY if table == "signals" else f"SIM_ES|{DAY}", frame)
    return place


def put(home, table, key, frame):
    from zanzibar_assets.contracts.registry import TABLES

    lake, manifest = Lake(home / "lake"), Manifest(Database(home / "zanzibar.sqlite"))
    written = lake.write(table, PartitionKey.parse(key), TABLES[table].version, frame)
    from dataclasses import replace

    record = frames.record(table, key, written.fingerprint)
    manifest.put(replace(record, schema_version=TABLES[table].version))


def run(target, *more):
    arguments = ["export", "--to", target, "--instrument", "SIM_ES", "--session", DAY, *map(str, more)]
    return CliRunner().invoke(root, arguments)


def done(target, *more):
    result = run(target, *more)
    assert result.exit_code == 0, result.exception
    return result


def refused(target, *more):
    result = run(target, *more)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def test_bookmap_file_by_its_format(home, tmp_path):
    out = tmp_path / "notes.csv"
    document = json.loads(done("bookmap", "--out", out, "--symbol", "ESH25", "--json").stdout)
    notes = readers.notes(out.read_text(encoding="ascii"))
    assert {note["symbol"] for note in notes} == {"ESH25"}
    assert document["files"] == [str(out)]
    assert document["simulated"] is True
    assert document["as_of"] == "2025-01-06T23:00:00+00:00"
    assert list(document["marks"]) == ["levels", "zones", "signals"]


def test_sierra_folder_by_its_formats(home, tmp_path):
    document = json.loads(done("sierra", "--out", tmp_path, "--tz", "America/Chicago", "--json").stdout)
    marks = readers.marks((tmp_path / f"SIM_ES-{DAY}-marks.csv").read_text())
    assert len(marks) == sum(document["marks"].values()) > 20
    assert readers.series((tmp_path / "SIM_ES-POC.txt").read_text())[0][1] == "08:31:00"
    assert '#include "sierrachart.h"' in (tmp_path / "zanzibar_marks.cpp").read_text()
    assert len(document["files"]) == 10


def test_as_of_shows_only_what_was_known_then(home, tmp_path):
    done("sierra", "--out", tmp_path, "--as-of", "2025-01-06T14:40:00Z")
    marks = readers.marks((tmp_path / f"SIM_ES-{DAY}-marks.csv").read_text())
    assert marks
    assert max(mark["from"] for mark in marks) <= frames.at(10)
    ended = [mark["until"] for mark in marks if mark["kind"] in ("level", "zone") and mark["until"]]
    assert all(until <= frames.at(10) for until in ended)
    assert len(readers.series((tmp_path / "SIM_ES-VWAP.txt").read_text())) == 10
    here = done("bookmap", "--as-of", "2025-01-06T08:40:00-06:00", "--json").stdout
    assert json.loads(here)["as_of"] == "2025-01-06T14:40:00+00:00"


def test_the_symbol_is_the_ticks_own(home):
    columns = {"contract": ["ESH25-SIM"]}
    from zanzibar_assets_tests.reporting.exports.sessions import with_new_columns

    row = pl.DataFrame(columns).with_columns(
        *(pl.lit(frames.at(0)).cast(pl.Datetime("us", "UTC")).alias(n) for n in ("event_ts", "known_at"))
    )
    put(home, "clean_ticks", f"SIM_ES|{DAY}", with_new_columns("clean_ticks", row))
    assert json.loads(done("bookmap", "--json").stdout)["symbol"] == "ESH25-SIM"


def test_without_out_nothing_is_written(home, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    shown = done("bookmap").stdout
    assert "nothing was written" in shown
    assert "SIMULATED" in shown
    assert sorted(tmp_path.rglob("*")) == before


def test_only_what_was_asked_for(home, tmp_path):
    document = json.loads(done("sierra", "--what", "zones", "--out", tmp_path, "--json").stdout)
    assert list(document["marks"]) == ["zones"]
    assert len(document["files"]) == 2


def test_a_missing_table_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    put(tmp_path, "vwap", f"SIM_ES|{DAY}", session(1)["vwap"])
    result = done("bookmap", "--json")
    assert "points_of_interest" in result.stderr
    assert len(json.loads(result.stdout)["notes"]) == 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--what", "levels,moons"], "moons"),
        (["--what", ","], "levels, zones, signals"),
        (["--tz", "Mars/North"], "IANA"),
        (["--as-of", "yesterday"], "not a time"),
        (["--as-of", "2025-01-06T14:40:00"], "no zone"),
        (["--as-of", "2024-01-06T14:40:00Z"], "before the session"),
        (["--symbol", "=ES"], "no symbol"),
        (["--session", "2025-01-07"], DAY),
        (["--session", "tomorrow"], "tomorrow"),
        (["--instrument", "XX"], "unknown instrument"),
    ],
)
def test_plain_refusals(home, more, said):
    assert said in refused("bookmap", *more)


def test_an_empty_home_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    assert "holds nothing yet" in refused("bookmap")


def test_what_is_no_file_of_ours_is_left_alone(home, tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("mine")
    (tmp_path / "link.csv").symlink_to(kept)
    os.mkfifo(tmp_path / "pipe.csv")
    for place in ("link.csv", "pipe.csv", "home", "no/notes.csv", "ES.scid", "ES.depth"):
        refused("bookmap", "--out", tmp_path / place)
    for place in ("kept.csv", "nowhere"):
        refused("sierra", "--out", tmp_path / place)
    refused("bookmap", "--out", "/dev/null")
    assert kept.read_text() == "mine"
    assert not list(tmp_path.glob("*.part"))


def test_an_old_file_is_replaced_whole(home, tmp_path):
    out = tmp_path / "notes.csv"
    out.write_text("x" * 100_000)
    done("bookmap", "--out", out)
    assert readers.notes(out.read_text())
