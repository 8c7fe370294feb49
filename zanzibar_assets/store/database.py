"""The metadata database: an SQLite file by default, a schema of PostgreSQL when one is configured.

Statements are SQLAlchemy's, compiled once and run on the driver's own cursor: a backfill reads and
writes the manifest thousands of times. Opening brings the schema up to date (``store.migration``).
A commit survives a killed process; SQLite's ``synchronous=NORMAL`` may lose the last commits in a
power cut, after which the partitions concerned are simply built again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zanzibar_assets.store.places import PostgresSchema, SqliteFile, as_driver_errors

if TYPE_CHECKING:
    from sqlalchemy import Engine, Executable


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || %s, 0))"
_INHERITED: list[object] = []
"""What a forked process got from its parent: never used there, and never closed under the parent."""


class Prepared(NamedTuple):
    """A statement's text for one kind of database, its values that never change, the order of all."""

    text: str
    fixed: dict[str, Any]
    order: tuple[str, ...] | None


class Transaction:
    """Statements within one transaction, on the driver's cursor; rows come back as tuples."""

    def __init__(self, kind: str, cursor: Any) -> None:
        self.kind = kind
        self._cursor = cursor

    def rows(self, statement: Executable, **values: Any) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        self._run(statement, values)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def run(self, statement: Executable, values: Mapping[str, Any] | None = None) -> int:
        """Number of rows that a statement changed."""
        self._run(statement, values or {})
        return int(self._cursor.rowcount)

    def run_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """The statement once a row."""
        for row in rows:
            self._run(statement, row)

    def lock(self, name: str) -> None:
        """Be the schema's only transaction under a name until the end; SQLite has one writer anyway."""
        if self.kind == "postgresql":
            self._cursor.execute(_LOCK, (name,))

    def _run(self, statement: Executable, values: Mapping[str, Any]) -> None:
        prepared = _prepare(self.kind, statement)
        if prepared.fixed:
            values = {**prepared.fixed, **values}
        if prepared.order is None:
            self._cursor.execute(prepared.text, values)
        else:
            self._cursor.execute(prepared.text, [values[name] for name in prepared.order])


class Database:
    """Transactions on one metadata database, from any thread; a forked process connects anew."""

    def __init__(self, place: Path | SqliteFile | PostgresSchema) -> None:
        self.place = SqliteFile(place) if isinstance(place, Path) else place
        self._guard = threading.Lock()
        self._process = os.getpid()
        self._local = threading.local()
        self._engine: Engine | None = None
        self.place.prepare()
        from zanzibar_assets.store.migration import bring_up_to_date

        with self.place.errors(), as_driver_errors():
            bring_up_to_date(self.place, self.engine)

    @property
    def engine(self) -> Engine:
        """This process's engine, made on first use."""
        if self._process != os.getpid():
            _INHERITED.append((self._engine, self._local))
            self._process, self._local, self._engine = os.getpid(), threading.local(), None
        with self._guard:
            if self._engine is None:
                self._engine = self.place.engine()
            return self._engine

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Queries; nothing may be changed."""
        with self.place.errors(), self._connection() as connection:
            cursor = connection.cursor()
            try:
                yield Transaction(self.place.kind, cursor)
            finally:
                cursor.close()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """One transaction: committed at the end, rolled back on any error."""
        with self.place.errors(), self._connection() as connection:
            cursor = connection.cursor()
            self.place.begin(cursor)
            try:
                yield Transaction(self.place.kind, cursor)
            except BaseException:
                self.place.roll_back(connection)
                raise
            self.place.commit(connection)
            cursor.close()

    def close(self) -> None:
        """Close what this thread holds and what lies idle."""
        held = getattr(self._local, "connection", None)
        if held is not None:
            self._local.connection = None
            held.close()
        if self._engine is not None and self._process == os.getpid():
            self._engine.dispose()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """The driver's connection: kept by the thread for a file, out of the pool for a server."""
        engine = self.engine
        if not self.place.kept_by_thread:
            with as_driver_errors():
                pooled = engine.raw_connection()
            try:
                yield pooled.dbapi_connection
            finally:
                pooled.close()
            return
        held = getattr(self._local, "connection", None)
        if held is None:
            with as_driver_errors():
                held = self._local.connection = engine.raw_connection()
        yield held.dbapi_connection


@lru_cache(maxsize=256)
def _prepare(kind: str, statement: Executable) -> Prepared:
    from sqlalchemy.dialects.postgresql import psycopg2
    from sqlalchemy.dialects.sqlite import pysqlite

    dialects: dict[str, Any] = {"sqlite": pysqlite.dialect, "postgresql": psycopg2.dialect}
    compiled: Any = statement.compile(dialect=dialects[kind]())  # type: ignore[attr-defined]
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    order = tuple(compiled.positiontup) if compiled.positional else None
    return Prepared(str(compiled), fixed, order)
