"""Transactions on the metadata database: whole or not at all, from threads, forks and several processes."""

from __future__ import annotations

import os
import sqlite3
import threading
import traceback
from contextlib import closing

import pytest

from zanzibar_assets.errors import ConfigError, StoreError
from zanzibar_assets.store import alerts
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets.store.places import PostgresSchema, SqliteFile
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.schema import ALERTS, TRIALS
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets_tests.builders.postgres_server import PASSWORD
from zanzibar_assets_tests.reporting.frames import record
from zanzibar_assets_tests.store.conftest import running_server
from zanzibar_assets_tests.store.old_databases import old_database
from zanzibar_assets_tests.store.processes import run_at_once
from zanzibar_assets_tests.store.test_migrations import fill

PUTS = 200
WRITER = f"""
from dataclasses import replace
manifest = Manifest(Database(place))
for i in range({PUTS}):
    key = '2025-01-06' if i % 2 else f'{{1000 + 100 * number + i // 2}}-01-01'
    name = f'{{number}}.{{i}}'
    manifest.put(replace(record('bars', 'ES|' + key, name), written_us=i))
"""


@pytest.fixture
def url(kind, request):
    return request.getfixturevalue("metadata_server").url if kind == "postgresql" else ""


def count(database):
    return len(alerts.since(database, 0))


def test_an_error_undoes_the_whole_transaction(database):
    def write():
        with database.writing() as transaction:
            transaction.run(ALERTS.insert(), {"alert_id": 7, "raised_us": 1, "kind": "a", "detail": "b"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert count(database) == 0
    alerts.add(database, 1, "a", "b")
    assert alerts.since(database, 0) == [(1, "a", "b")]


def test_a_refused_statement_undoes_the_ones_before_it(database):
    row = {"alert_id": 7, "raised_us": 1, "kind": "a", "detail": "b"}
    with pytest.raises(StoreError), database.writing() as transaction:
        transaction.run_many(ALERTS.insert(), [row, row])
    assert count(database) == 0


@pytest.mark.parametrize("text", ["100 % of '%s' and \"?\" :name", "zażółć \U0001f600", ""])
def test_texts_come_back_as_they_went_in(database, text):
    alerts.add(database, 1, "kind", text)
    assert alerts.since(database, 0) == [(1, "kind", text)]


def test_threads_write_side_by_side(database):
    rows = TrialRows(database, lambda: 5)

    def write(number):
        for i in range(20):
            rows.add(f"{number}.{i}", "ES", {})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows.of_instrument("ES")) == 80
    with database.reading() as transaction:
        ordinals = [row[0] for row in transaction.rows(TRIALS.select().with_only_columns(TRIALS.c.ordinal))]
    assert sorted(ordinals) == list(range(1, 81))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_does_not_use_its_parents_connection(database):
    alerts.add(database, 1, "parent", "")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            alerts.add(database, 2, "child", "")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    alerts.add(database, 3, "parent", "")
    assert [kind for _, kind, _ in alerts.since(database, 0)] == ["parent", "child", "parent"]


def test_two_processes_write_and_nothing_is_lost(place, url):
    run_at_once(place, url, WRITER, 2)
    database = Database(place)
    manifest = Manifest(database)
    assert len(manifest.of_table("bars")) == PUTS + 1
    shared = PartitionKey("ES", "2025-01-06")
    found = {v.record.fingerprint for v in manifest.versions("bars", shared)}
    found.add(manifest.get("bars", shared).fingerprint)
    assert found == {f"{number}.{i}" for number in range(2) for i in range(1, PUTS, 2)}
    database.close()


@pytest.mark.parametrize("older", [None, "0001"])
def test_processes_that_open_at_once_make_or_migrate_it_once(place, url, older):
    if older is not None:
        fill(place, old_database(older, place.kind))
    run_at_once(place, url, "Database(place).close()", 3)
    database = Database(place)
    alerts.add(database, 2_000_000_000_000_000, "mine", "")
    assert count(database) == (1 if older is None else 2)
    database.close()


def test_a_writer_that_holds_the_file_too_long_is_named_as_the_cause(tmp_path, monkeypatch):
    monkeypatch.setattr("zanzibar_assets.store.places.BUSY_SECONDS", 0.05)
    database = Database(tmp_path / "m.sqlite")
    with closing(sqlite3.connect(tmp_path / "m.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="end the process that holds it"):
            alerts.add(database, 1, "a", "b")
        assert count(database) == 0  # readers do not wait
    alerts.add(database, 1, "a", "b")
    assert count(database) == 1
    database.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "m.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="restore it from a copy"):
        Database(path)
    assert path.read_bytes() == b"not a database at all" * 100


def test_a_file_keeps_its_settings(tmp_path):
    database = Database(tmp_path / "m.sqlite")
    with database.engine.connect() as connection:
        asked = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                 ("journal_mode", "synchronous", "busy_timeout")}  # fmt: skip
        connection.rollback()
    assert asked == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 30_000}
    database.close()


def test_the_home_may_be_removed_and_made_again_within_one_process(tmp_path):
    first = Database(tmp_path / "m.sqlite")
    alerts.add(first, 1, "a", "b")
    first.close()
    for file in tmp_path.iterdir():
        file.unlink()
    second = Database(tmp_path / "m.sqlite")
    assert count(second) == 0
    second.close()


def test_a_server_that_went_away_loses_nothing_that_was_committed():
    server = running_server()
    try:
        database = Database(PostgresSchema(PostgresLink(server.url), "home_meta"))
        manifest = Manifest(database)
        manifest.put(record("bars", "ES|2025-01-06", "one"))

        def write_while_it_dies():
            with database.writing() as transaction:
                transaction.run(ALERTS.insert(), {"alert_id": 7, "raised_us": 1, "kind": "a", "detail": "b"})
                server.kill()
                transaction.run(ALERTS.insert(), {"alert_id": 8, "raised_us": 1, "kind": "a", "detail": "b"})

        with pytest.raises(StoreError) as cut:
            write_while_it_dies()
        with pytest.raises(StoreError, match="cannot be reached") as away:
            manifest.get("bars", PartitionKey("ES", "2025-01-06"))
        for caught in (cut, away):
            assert PASSWORD not in "".join(traceback.format_exception(caught.value))
            assert caught.value.action
        server.start()
        assert manifest.get("bars", PartitionKey("ES", "2025-01-06")).fingerprint == "one"
        assert count(database) == 0
        manifest.put(record("bars", "ES|2025-01-06", "two"))
        database.close()
    finally:
        server.stop()


def test_the_engine_knows_no_address(metadata_server):
    place = PostgresSchema(PostgresLink(metadata_server.url), "home_meta")
    engine = place.engine()
    assert PASSWORD not in repr(engine) + str(engine.url) + str(place)
    engine.dispose()


def test_a_schema_name_is_checked_before_it_becomes_sql(metadata_server):
    with pytest.raises(ConfigError, match="bad name"):
        PostgresSchema(PostgresLink(metadata_server.url), 'x"; DROP SCHEMA public')


def test_a_folder_that_cannot_be_made_is_an_error_in_plain_words(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="is no folder"):
        Database(SqliteFile(tmp_path / "file" / "m.sqlite"))


def test_asking_whether_anything_is_there_makes_nothing(place):
    assert not place.exists()
    assert not place.exists()
    Database(place).close()
    assert place.exists()
