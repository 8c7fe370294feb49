"""The metadata database: one SQLite file with a versioned schema.

WAL mode and a busy timeout let the UI, the daemon and a command work side by side. Each thread
keeps one connection. A commit survives a killed process; ``synchronous=NORMAL`` may lose the last
commits in a power cut, after which the partitions concerned are simply built again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zanzibar_assets.errors import StoreError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE partitions (
  table_name TEXT NOT NULL, partition_key TEXT NOT NULL,
  instrument TEXT, session TEXT,
  fingerprint TEXT, bytes INTEGER, rows INTEGER, first_us INTEGER, last_us INTEGER,
  schema_version INTEGER NOT NULL, code_version TEXT NOT NULL, config_hash TEXT NOT NULL,
  verdict TEXT NOT NULL, reasons TEXT NOT NULL, checks TEXT NOT NULL,
  inputs TEXT NOT NULL, notes TEXT NOT NULL,
  simulated INTEGER NOT NULL, run_id TEXT NOT NULL, written_us INTEGER NOT NULL,
  PRIMARY KEY (table_name, partition_key));
CREATE INDEX partitions_by_instrument ON partitions (table_name, instrument, session);
CREATE TABLE trials (
  trial_id TEXT PRIMARY KEY, instrument TEXT NOT NULL, registered_us INTEGER NOT NULL,
  record TEXT NOT NULL, score TEXT);
CREATE INDEX trials_by_instrument ON trials (instrument);
CREATE TABLE alerts (
  alert_id INTEGER PRIMARY KEY AUTOINCREMENT, raised_us INTEGER NOT NULL,
  kind TEXT NOT NULL, detail TEXT NOT NULL);
"""


class Database:
    """A connection factory for one SQLite file; creates the schema on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.connect() as connection:
            self._migrate(connection)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """One transaction on this thread's connection: committed at the end, rolled back on error."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=30.0)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self._local.connection = connection
        with connection:
            yield connection

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by a newer Zanzibar",
                expected=f"schema {SCHEMA_VERSION} or older",
                got=f"schema {version}",
                action="install the newer version or use another home folder",
            )
        if version == 0:
            connection.execute("BEGIN IMMEDIATE")
            if int(connection.execute("PRAGMA user_version").fetchone()[0]) == 0:
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
