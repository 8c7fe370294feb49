"""Where metadata can stand: an SQLite file, or a schema of PostgreSQL; what differs between the two."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zanzibar_assets.errors import ConfigError, StoreError
from zanzibar_assets.store.disk import explained

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from zanzibar_assets.store.postgres_link import PostgresLink

BUSY_SECONDS = 30.0
WAIT_SECONDS = 0.01
READS_ONLY = "zanzibar_reads_only"
"""Execution option of an SQLite connection that only looks: it takes no lock."""
METADATA_SUFFIX = "_meta"
"""The metadata's schema beside the partitions': ``zanzibar`` and ``zanzibar_meta``."""
_SCHEMA_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


class SqliteFile:
    """One SQLite file in WAL mode: readers never wait, writers wait up to 30 seconds for each other."""

    kind: Final = "sqlite"
    kept_by_thread: Final = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SqliteFile) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def exists(self) -> bool:
        """Whether anything was kept here yet."""
        return self.path.exists()

    def prepare(self) -> None:
        """Make the folder."""
        try:
            with explained("making the home folder", self.path.parent):
                self.path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreError(
                f"{self.path.parent} is no folder", action="choose another home with ZANZIBAR_HOME"
            ) from error

    def engine(self) -> Engine:
        """An engine whose transactions this module begins: the driver's own come too late for DDL."""
        import sqlalchemy as sa
        from sqlalchemy.pool import NullPool

        engine = sa.create_engine("sqlite://", creator=self._open, poolclass=NullPool)
        sa.event.listen(engine, "begin", _begin_immediate)
        return engine

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def begin(self, cursor: Any) -> None:
        """Take the write lock at once: a lock taken at the first change can deadlock."""
        cursor.execute("BEGIN IMMEDIATE")

    def commit(self, connection: Any) -> None:
        """Make the transaction last."""
        connection.execute("COMMIT")

    def roll_back(self, connection: Any) -> None:
        """Undo the transaction, where the failure did not end it already."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def lock(self, connection: Connection) -> None:
        """Held already: the migration's transaction began as a writer."""

    @contextmanager
    def errors(self) -> Iterator[None]:
        """SQLite's errors as StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._plainly(error) from error

    def _plainly(self, error: sqlite3.Error) -> StoreError:
        if "locked" in str(error):
            action = "end the process that holds it (a backup tool, an open transaction), then run again"
        elif isinstance(error, sqlite3.OperationalError):
            action = "look at the disk's free space and the folder's permissions, then run again"
        else:
            action = "restore it from a copy, or move it away and build again"
        return StoreError(f"the metadata database {self.path} failed", got=str(error), action=action)


class PostgresSchema:
    """One schema of a PostgreSQL database; the link keeps the address and its password to itself."""

    kind: Final = "postgresql"
    kept_by_thread: Final = False

    def __init__(self, link: PostgresLink, schema: str) -> None:
        if not _SCHEMA_NAME.match(schema):
            raise ConfigError("bad name of a PostgreSQL schema", expected=_SCHEMA_NAME.pattern, got=schema)
        self.link = link
        self.schema = schema

    def __str__(self) -> str:
        return f"PostgreSQL schema {self.schema}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PostgresSchema):
            return NotImplemented
        return self.schema == other.schema and self.link == other.link

    def __hash__(self) -> int:
        return hash((self.schema, self.link))

    def exists(self) -> bool:
        """Whether the tables were made; StoreError when the server cannot be reached."""
        with self.link.transaction(read_only=True) as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'alembic_version'",
                (self.schema,),
            )
            found = cursor.fetchone() is not None
        self.link.close()
        return found

    def prepare(self) -> None:
        """Make the schema where it is missing."""
        with self.link.transaction() as cursor:
            if not self._exists(cursor):
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self.schema,))
                if not self._exists(cursor):
                    cursor.execute(f"CREATE SCHEMA {self.schema}")
        self.link.close()

    def _exists(self, cursor: Any) -> bool:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (self.schema,))
        return cursor.fetchone() is not None

    def engine(self) -> Engine:
        """A pool whose connections are tried before use; the engine itself knows no address."""
        import sqlalchemy as sa

        return sa.create_engine("postgresql+psycopg2://", creator=self._open, pool_pre_ping=True)

    def _open(self) -> Any:
        connection = self.link.open()
        with connection, connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {self.schema}")
        return connection

    def begin(self, cursor: Any) -> None:
        """The driver begins by itself."""

    def commit(self, connection: Any) -> None:
        """Make the transaction last."""
        connection.commit()

    def roll_back(self, connection: Any) -> None:
        """Undo the transaction; a connection that is gone took it along."""
        if not connection.closed:
            connection.rollback()

    def lock(self, connection: Connection) -> None:
        """One migration at a time, over all processes and machines."""
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{self.schema} migration",)
        )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """The driver's errors as StoreError without the address."""
        import psycopg2

        try:
            yield
        except psycopg2.Error as error:
            raise self.link.plainly(error) from None


@contextmanager
def as_driver_errors() -> Iterator[None]:
    """SQLAlchemy's errors as the driver's own, which the place then tells plainly."""
    import sqlalchemy as sa

    try:
        yield
    except sa.exc.DBAPIError as error:
        raise (error.orig or error) from error
    except sa.exc.TimeoutError as error:
        raise StoreError(
            "no connection to the metadata database came free",
            got=str(error),
            action="run fewer steps at once",
        ) from error


def _use_wal(connection: sqlite3.Connection) -> None:
    """Write-ahead logging; SQLite does not wait by itself while another process turns it on."""
    ends = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
            time.sleep(WAIT_SECONDS)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    if not connection.get_execution_options().get(READS_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
