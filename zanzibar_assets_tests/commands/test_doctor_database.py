"""The doctor on the metadata store: which one, how it fares, what to do; it only looks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest
from click.testing import CliRunner

from zanzibar_assets.commands import _health_database as health
from zanzibar_assets.commands._health_stores import ledgers_item
from zanzibar_assets.commands.doctor import command
from zanzibar_assets.store.condition import Condition, condition_of
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.migrations import HEAD
from zanzibar_assets.store.opening import DATABASE_VARIABLE, SCHEMA_VARIABLE
from zanzibar_assets.store.places import PostgresSchema, SqliteFile
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets_tests.builders.postgres_server import PASSWORD
from zanzibar_assets_tests.reporting.frames import record
from zanzibar_assets_tests.store.conftest import running_server
from zanzibar_assets_tests.store.old_databases import old_database

MIB = 1 << 20
SOUND = Condition("SQLite 3", HEAD, round_trip_ms=0.1, size_bytes=100 * MIB, log_bytes=0)


@pytest.fixture(scope="module")
def server():
    running = running_server()
    yield running
    running.stop()


def doctor(home, monkeypatch, url="", schema=""):
    monkeypatch.setenv("ZANZIBAR_HOME", str(home))
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    monkeypatch.setenv(SCHEMA_VARIABLE, schema)
    result = CliRunner().invoke(command, ["--json"])
    assert PASSWORD not in result.output
    return {item["name"]: item for item in json.loads(result.stdout)["items"]}


def first(path):
    return next(health.database_items(SqliteFile(path)))


def test_a_damaged_file_fails_and_is_not_touched(tmp_path):
    path = tmp_path / "zanzibar.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    item = first(path)
    assert (item.status, item.action) == ("fail", "restore it from a copy, or build again")
    assert path.read_bytes() == b"not a database at all" * 100


def test_a_page_of_rubbish_in_the_file_is_found(tmp_path):
    path = tmp_path / "zanzibar.sqlite"
    database = Database(path)
    rows = TrialRows(database, lambda: 1)
    for number in range(200):
        rows.add(f"t{number}", "ES", {"text": "x" * 200})
    database.close()
    with closing(sqlite3.connect(path)) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[-8192:-4096] = b"\xff" * 4096
    path.write_bytes(content)
    assert first(path).status == "fail"


@pytest.mark.parametrize(("version", "status"), [(99, "fail"), (1, "warn")])
def test_other_schemas_are_told_apart_and_nothing_is_migrated(tmp_path, monkeypatch, version, status):
    path = tmp_path / "zanzibar.sqlite"
    with closing(sqlite3.connect(path)) as link:
        link.executescript(old_database("0001", "sqlite") + f"PRAGMA user_version={version}")
    before = path.read_bytes()
    item = doctor(tmp_path, monkeypatch)["database"]
    assert item["status"] == status
    assert f"schema {version:04d}" in item["detail"]
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*before*"))


def test_a_current_file_names_its_schema_size_and_answer(tmp_path, monkeypatch):
    Database(tmp_path / "zanzibar.sqlite").close()
    items = doctor(tmp_path, monkeypatch)
    assert items["database"]["status"] == items["database_room"]["status"] == "ok"
    assert f"metadata in SQLite {sqlite3.sqlite_version}, {tmp_path}" in items["database"]["detail"]
    assert f"schema {HEAD}, answers in" in items["database"]["detail"]
    assert "no copy beside it" in items["database_copy"]["detail"]


def test_the_copy_of_a_migration_is_named(tmp_path, monkeypatch):
    path = tmp_path / "zanzibar.sqlite"
    with closing(sqlite3.connect(path)) as link:
        link.executescript(old_database("0001", "sqlite"))
    Database(path).close()
    detail = doctor(tmp_path, monkeypatch)["database_copy"]["detail"]
    assert detail.startswith(f"zanzibar.sqlite.before-{HEAD}")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "ok"),
        ({"log_bytes": 256 * MIB}, "ok"),
        ({"log_bytes": 256 * MIB + 1}, "warn"),
        ({"log_bytes": 1000 * MIB, "kind": "PostgreSQL 15"}, "ok"),
        ({"log_bytes": None, "kind": "PostgreSQL 15"}, "ok"),
        ({"reclaimable_bytes": 64 * MIB + 1, "size_bytes": 200 * MIB}, "warn"),
        ({"reclaimable_bytes": 64 * MIB + 1, "size_bytes": 1000 * MIB}, "ok"),
        ({"reclaimable_bytes": 10 * MIB, "size_bytes": 11 * MIB}, "ok"),
    ],
)
def test_room_warns_of_a_long_log_and_of_dead_rows(changes, status):
    item = health.room_item(replace(SOUND, **changes))
    assert item.status == status
    assert bool(item.action) == (status == "warn")


def test_a_slow_answer_warns(tmp_path):
    place = SqliteFile(tmp_path / "m.sqlite")
    assert health.database_item(place, replace(SOUND, round_trip_ms=20.0)).status == "ok"
    assert health.database_item(place, replace(SOUND, round_trip_ms=20.1)).status == "warn"


def test_an_archive_that_fails_warns(tmp_path):
    place = PostgresSchema(PostgresLink("postgresql://nobody@127.0.0.1/none"), "x_meta")
    assert health.copies_item(place, replace(SOUND, archive="off")).status == "ok"
    assert health.copies_item(place, replace(SOUND, archive="failing since now")).status == "warn"


def test_postgresql_is_named_and_looked_at_without_making_anything(tmp_path, monkeypatch, server):
    items = doctor(tmp_path, monkeypatch, server.url, "looked_at")
    assert "PostgreSQL" in items["database"]["detail"]
    assert "not made yet" in items["database"]["detail"]
    assert "PostgreSQL" in items["lake"]["detail"]
    place = PostgresSchema(PostgresLink(server.url), "looked_at_meta")
    assert not place.exists()
    Database(place).close()
    assert place.exists()
    items = doctor(tmp_path, monkeypatch, server.url, "looked_at")
    assert f"looked_at_meta: sound, schema {HEAD}, answers in" in items["database"]["detail"]
    assert "pg_dump -n looked_at_meta" in items["database_copy"]["detail"]
    assert "journal" not in items
    found = condition_of(place)
    assert found.size_bytes > 0
    assert found.log_bytes > 0  # the tests' user may see it


def test_trials_left_behind_in_a_file_are_told_of(tmp_path, monkeypatch, server):
    database = Database(tmp_path / "zanzibar.sqlite")
    assert doctor(tmp_path, monkeypatch, server.url, "moved")["journal"]["status"] == "ok"
    TrialRows(database, lambda: 1).add("t", "ES", {})
    database.close()
    item = doctor(tmp_path, monkeypatch, server.url, "moved")["journal"]
    assert item["status"] == "warn"
    assert "1 trials stand in" in item["detail"]


def test_a_user_without_rights_to_see_the_log_is_served(server):
    place = PostgresSchema(PostgresLink(server.url), "plain_meta")
    Database(place).close()
    with closing(psycopg2.connect(server.url.replace("+psycopg2", ""))) as link, link.cursor() as cursor:
        cursor.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        cursor.execute("GRANT USAGE ON SCHEMA plain_meta TO plain")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA plain_meta TO plain")
        link.commit()
    place = server.url.rpartition("@")[2]
    found = condition_of(PostgresSchema(PostgresLink(f"postgresql://plain:plain@{place}"), "plain_meta"))
    assert found.log_bytes is None
    assert "not visible" in health.room_item(found).detail


def test_a_server_that_is_away_fails_with_what_to_do(tmp_path, monkeypatch):
    url = f"postgresql://user:{PASSWORD}@127.0.0.1:1/none"
    items = doctor(tmp_path, monkeypatch, url)
    for name in ("database", "lake"):
        assert items[name]["status"] == "fail"
        assert "start the server" in items[name]["action"]


def test_a_wrong_address_fails_the_store_lines_alone(tmp_path, monkeypatch):
    items = doctor(tmp_path, monkeypatch, "mysql://user@host/none")
    assert items["database"]["status"] == "fail"
    assert "clock" in items


def test_ledgers_that_lack_partitions_warn():
    assert ledgers_item([]).status == "ok"
    item = ledgers_item([record("fills", "2025-01-06", "one")])
    assert item.status == "warn"
    assert "1 partitions have no rows there; first: fills 2025-01-06" in item.detail
