"""Older metadata databases are brought up to date with every row intact, on SQLite and PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store import alerts, migration
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import CheckOutcome, InputRecord, Manifest
from zanzibar_assets.store.migrations import HEAD
from zanzibar_assets.store.schema import METADATA
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets_tests.store.old_databases import OLDER, old_database

DAY = PartitionKey("ES", "2025-01-06")
JOURNAL = (
    "CREATE TABLE execution_intents (intent_id TEXT PRIMARY KEY); INSERT INTO execution_intents VALUES ('i')"
)


def fill(place, text):
    """Run a script in an empty database."""
    if place.kind == "sqlite":
        with closing(sqlite3.connect(place.path)) as link:
            link.execute("PRAGMA journal_mode=WAL")
            link.executescript(text)
        return
    place.prepare()
    with place.link.transaction() as cursor:
        cursor.execute(f"SET LOCAL search_path TO {place.schema}")
        cursor.execute(text)
    place.link.close()


def revision(database):
    with database.engine.connect() as connection:
        found = migration.revision_of(connection)
        connection.rollback()
    return found


def differences(database):
    """What alembic would change to turn the database into the declared tables; the journal is not ours."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": False,
                "include_object": lambda _, name, *__: not str(name).startswith("execution_"),
            },
        )
        found = compare_metadata(context, METADATA)
        connection.rollback()
    return found


def test_every_revision_before_the_newest_has_a_stored_database():
    assert list(OLDER) == [known for known in migration.known_revisions() if known != HEAD]


def test_the_newest_revision_is_the_one_that_the_code_names():
    scripts = ScriptDirectory(str(migration.SCRIPTS))
    assert scripts.get_heads() == [HEAD]
    assert [s.revision for s in reversed(list(scripts.walk_revisions()))] == migration.known_revisions()


def test_a_new_database_is_made_as_declared(database):
    assert revision(database) == HEAD
    assert differences(database) == []


@pytest.mark.parametrize("older", OLDER)
def test_an_older_database_is_migrated_with_its_rows(place, older):
    fill(place, old_database(older, place.kind))
    database = Database(place)
    assert revision(database) == HEAD
    assert differences(database) == []
    record = Manifest(database).get("bars", DAY)
    assert (record.fingerprint, record.bytes, record.rows, record.last_us) == ("ff01", 10, 3, None)
    assert record.simulated is True
    assert record.inputs == (InputRecord("source:ES.scid", "0+40", "beef"),)
    assert record.checks == (CheckOutcome("contract", True, "3 rows"),)
    assert record.notes == {"contract": "ESH25"}
    trials = TrialRows(database, lambda: 7)
    assert trials.of_instrument("ES") == [("z", {"n": 1}, {"sharpe": 0.5}), ("a", {"n": 2}, {})]
    trials.add("m", "ES", {"n": 3})
    assert [row[0] for row in trials.of_instrument("ES")] == ["z", "a", "m"]
    assert alerts.since(database, 0) == [(1_736_200_000_000_001, "failed_run", "bars")]
    alerts.add(database, 1_736_200_000_000_002, "again", "")
    assert len(alerts.since(database, 0)) == 2
    versions = [v.record.fingerprint for v in Manifest(database).versions("bars", DAY)]
    assert versions == ([] if older == "0001" else ["ff00"])
    database.close()


@pytest.mark.parametrize("older", OLDER)
def test_a_file_is_copied_beside_before_it_is_migrated(tmp_path, older):
    path = tmp_path / "m.sqlite"
    with closing(sqlite3.connect(path)) as link:
        link.executescript(old_database(older, "sqlite") + JOURNAL)
        before = list(link.iterdump())
    Database(path).close()
    copy = tmp_path / f"m.sqlite.before-{HEAD}"
    with closing(sqlite3.connect(copy)) as link:
        assert list(link.iterdump()) == before
        assert link.execute("PRAGMA user_version").fetchone() == (int(older),)
    with closing(sqlite3.connect(path)) as link:
        assert link.execute("SELECT * FROM execution_intents").fetchall() == [("i",)]
        assert link.execute("PRAGMA user_version").fetchone() == (int(HEAD),)
    assert not list(tmp_path.glob("*.partial"))


def test_a_current_or_new_file_is_not_copied(tmp_path):
    Database(tmp_path / "m.sqlite").close()
    Database(tmp_path / "m.sqlite").close()
    assert not list(tmp_path.glob("*before*"))


def test_a_file_that_holds_only_the_journal_gets_the_tables(tmp_path):
    path = tmp_path / "m.sqlite"
    with closing(sqlite3.connect(path)) as link:
        link.executescript(JOURNAL)
    database = Database(path)
    assert differences(database) == []
    assert Manifest(database).all() == []
    database.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(place):
    clash = "CREATE TABLE fills (something TEXT);"
    fill(place, old_database("0001", place.kind) + clash)
    with pytest.raises(StoreError, match="already exists"):
        Database(place)
    if place.kind == "sqlite":
        with closing(sqlite3.connect(place.path)) as link:
            names = {row[0] for row in link.execute("SELECT name FROM sqlite_master")}
            assert link.execute("PRAGMA user_version").fetchone() == (1,)
    else:
        with place.link.transaction() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (place.schema,))
            names = {row[0] for row in cursor.fetchall()}
        place.link.close()
    assert {"partitions", "trials", "fills"} <= names
    assert not {"partition_versions", "orders"} & names


def test_a_newer_schema_is_refused_and_not_touched(place):
    Database(place).close()
    database = Database(place)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(StoreError, match=re.escape("was written by a newer Zanzibar")) as caught:
        Database(place)
    assert "schema 0099" in str(caught.value)
    assert "install the newer version" in str(caught.value)
    assert revision(database) == "0099"
    database.close()


def test_a_newer_file_of_the_time_before_alembic_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "m.sqlite")) as link:
        link.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer Zanzibar"):
        Database(tmp_path / "m.sqlite")


def test_the_handbook_names_every_table():
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    stores = text.split("## Stores")[1].split("\n## ")[0]
    assert set(METADATA.tables) <= set(re.findall(r"`(\w+)`", stores))
