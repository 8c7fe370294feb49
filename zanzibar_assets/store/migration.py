"""Brings a metadata database to the newest schema on opening, once, whoever else opens it meanwhile.

A new database is made as ``store.schema`` says. An SQLite home of the first schema (known by
``user_version`` 1 alone) is taken as revision 0001. A file is copied beside before it is migrated.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.disk import explained, sync_folder, temporary_name
from zanzibar_assets.store.migrations import HEAD
from zanzibar_assets.store.places import READS_ONLY, PostgresSchema, SqliteFile
from zanzibar_assets.store.schema import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

FIRST = "0001"
SCRIPTS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = threading.Lock()  # alembic keeps the running migration in module globals


def bring_up_to_date(place: SqliteFile | PostgresSchema, engine: Engine) -> None:
    """Migrate to ``HEAD`` where that is not reached; StoreError when the schema is a newer one."""
    with engine.connect().execution_options(**{READS_ONLY: True}) as connection:
        if revision_of(connection) == HEAD:
            return
    with _ONE_AT_A_TIME, engine.begin() as connection:
        place.lock(connection)
        found = revision_of(connection)
        if found is None:
            _create(connection)
        elif found != HEAD:
            _upgrade(place, connection, found)


def revision_of(connection: Connection) -> str | None:
    """Revision of a database's schema, None for an empty one."""
    if _exists(connection, "alembic_version"):
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    if connection.dialect.name == "sqlite":
        number = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        return f"{number:04d}" if number else None
    return None


def known_revisions() -> list[str]:
    """Every revision that this version of the code can migrate from, oldest first."""
    return sorted(path.stem[1:5] for path in (SCRIPTS / "versions").glob("r[0-9]*.py"))


def newer_schema(place: object, found: str) -> StoreError:
    """What to say of a database that a newer version wrote."""
    return StoreError(
        f"{place} was written by a newer Zanzibar",
        expected=f"schema {HEAD} or older",
        got=f"schema {found}",
        action="install the newer version or use another home folder",
    )


def _exists(connection: Connection, table: str) -> bool:
    if connection.dialect.name == "sqlite":
        text, values = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    else:
        # to_regclass would answer from a cache that the wait for the lock does not renew
        text = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = %s"
        values = (table,)
    return connection.exec_driver_sql(text, values).first() is not None


def _create(connection: Connection) -> None:
    METADATA.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    _mark(connection)


def _upgrade(place: SqliteFile | PostgresSchema, connection: Connection, found: str) -> None:
    from alembic import command
    from alembic.config import Config

    if found not in known_revisions():
        raise newer_schema(place, found)
    if isinstance(place, SqliteFile):
        _copy_beside(place.path)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if not _exists(connection, "alembic_version"):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)
    _mark(connection)


def _mark(connection: Connection) -> None:
    """SQLite's own version number too: code from before the migrations reads it and stops."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={int(HEAD)}")


def _copy_beside(path: Path) -> Path:
    """``<file>.before-<revision>``: the database as it is now, whole and synced."""
    target = path.with_name(f"{path.name}.before-{HEAD}")
    temporary = temporary_name(target)
    with explained(f"copying {path.name} before its migration", target):
        try:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(temporary)) as copy:
                source.backup(copy)
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return target
