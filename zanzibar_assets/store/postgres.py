"""Partitions in PostgreSQL: one table a contract version, a partition replaced in one transaction.

``<schema>.<table>_v<version>`` holds the partition columns, ``row_no`` and the contract's columns;
``<schema>.partitions`` names each partition's fingerprint. A write takes the partition's advisory
lock, deletes and copies in binary form; a killed writer leaves nothing. The fingerprint is the hash
of the COPY stream, which the server gives back byte for byte, so that a read checks what it got
before it decodes it. With TimescaleDB, tables that have a session become hypertables.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zanzibar_assets.errors import ConfigError, CorruptPartition, MissingInput, StoreError
from zanzibar_assets.store.partition_store import DATABASE_PREFIX, Written
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.timescale import Timescale, hypertable_statements, timescale

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.keys import PartitionKey

DEFAULT_SCHEMA = "zanzibar"
PIECE_BYTES = 1 << 20
_SCHEMA_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")


class PostgresStore:
    """A ``PartitionStore`` in one schema of one database; a home has a schema of its own."""

    def __init__(self, link: PostgresLink, schema: str = DEFAULT_SCHEMA) -> None:
        if not _SCHEMA_NAME.match(schema):
            raise ConfigError("bad name of a PostgreSQL schema", expected=_SCHEMA_NAME.pattern, got=schema)
        self._link = link
        self._schema = schema

    def write(self, table: str, key: PartitionKey, version: int, frame: pl.DataFrame) -> Written:
        """Replace a partition in one transaction, alone on it until the commit."""
        from zanzibar_assets.store.copy_format import encode, new_digest, schema_names

        columns = schema_names(frame)
        source = _Source(encode(frame, key), new_digest(columns))
        with self._link.transaction() as cursor:
            self._lock(cursor, f"{table}_v{version} {key}")
            self._ensure_table(cursor, table, key, version, columns)
            if self._row(cursor, table, key, version) is not None:
                cursor.execute(f"DELETE FROM {self._name(table, version)} WHERE {_where(key)}", _values(key))
            names = _columns(key, columns)
            cursor.copy_expert(
                f"COPY {self._name(table, version)} ({names}) FROM STDIN (FORMAT binary)", source, PIECE_BYTES
            )
            fingerprint = DATABASE_PREFIX + source.digest.hexdigest()
            self._record(cursor, table, key, version, (fingerprint, source.count, frame.height), columns)
        return Written(fingerprint, source.count, frame.height)

    def read(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> pl.DataFrame:
        """Frame of a partition; the stream that the server sends must hash to ``fingerprint``.

        Raises MissingInput when the store holds no such partition, CorruptPartition when its rows
        are not those that were written, StoreError when the server cannot be reached.
        """
        from zanzibar_assets.store.copy_format import decode

        with self._link.transaction(read_only=True) as cursor:
            row = self._row(cursor, table, key, version) if self._has_ledger(cursor) else None
            if row is None or not fingerprint.startswith(DATABASE_PREFIX):
                raise MissingInput(
                    f"{table} {key} is in the manifest but not in PostgreSQL",
                    expected=self.location(table, key, version),
                    action=f"materialize {table} {key} again",
                )
            columns = json.loads(row[1])
            sink = self._copy_out(cursor, table, key, version, columns)
        stream = sink.getbuffer()
        found = _fingerprint(columns, stream)
        if found != fingerprint:
            raise CorruptPartition(
                f"stored rows of {table} {key} are not what was written",
                expected=fingerprint,
                got=found,
                action=f"materialize {table} {key} again; check the server's disk, and that no other home"
                " uses the same schema of the database",
            )
        skipped = len(_values(key)) + 1
        return decode(stream, columns, int(row[2]), skipped)

    def exists(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> bool:
        """Whether the ledger holds the partition with this fingerprint."""
        with self._link.transaction(read_only=True) as cursor:
            row = self._row(cursor, table, key, version) if self._has_ledger(cursor) else None
        return row is not None and row[0] == fingerprint

    def location(self, table: str, key: PartitionKey, version: int) -> str:
        """Table and partition, without the server's address."""
        return f"postgresql: {self._schema}.{table}_v{version} {key}"

    def sweep(self) -> int:
        """Nothing to remove: the server rolls back what a killed writer began."""
        return 0

    def describe(self) -> str:
        """Server version, schema and what TimescaleDB adds."""
        with self._link.transaction(read_only=True) as cursor:
            cursor.execute("SHOW server_version")
            (server,) = _one(cursor)
            added = timescale(cursor)
        return f"PostgreSQL {str(server).split()[0]}, schema {self._schema}, {_plainly(added)}"

    def close(self) -> None:
        """Close this thread's connection."""
        self._link.close()

    def _copy_out(
        self, cursor: Cursor, table: str, key: PartitionKey, version: int, columns: Mapping[str, str]
    ) -> io.BytesIO:
        sink = io.BytesIO()
        text = cursor.mogrify(
            f"SELECT {_columns(key, columns)} FROM {self._name(table, version)} WHERE {_where(key)}"
            " ORDER BY row_no",
            _values(key),
        ).decode()
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.copy_expert(f"COPY ({text}) TO STDOUT (FORMAT binary)", sink, PIECE_BYTES)
        return sink

    def _lock(self, cursor: Cursor, name: str) -> None:
        """Hold an advisory lock until the transaction ends."""
        text = f"{self._schema} {name}".encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (number,))

    def _has_ledger(self, cursor: Cursor) -> bool:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{self._schema}.partitions",))
        return bool(_one(cursor)[0])

    def _row(self, cursor: Cursor, table: str, key: PartitionKey, version: int) -> tuple[Any, ...] | None:
        """(fingerprint, columns as JSON, rows) of a partition."""
        cursor.execute(
            f"SELECT fingerprint, columns, rows FROM {self._schema}.partitions"
            " WHERE table_name = %s AND version = %s AND partition_key = %s",
            (table, version, str(key)),
        )
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found

    def _record(
        self,
        cursor: Cursor,
        table: str,
        key: PartitionKey,
        version: int,
        written: tuple[str, int, int],
        columns: Mapping[str, str],
    ) -> None:
        cursor.execute(
            f"INSERT INTO {self._schema}.partitions VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (table_name, version, partition_key) DO UPDATE SET fingerprint ="
            " excluded.fingerprint, bytes = excluded.bytes, rows = excluded.rows, columns = excluded.columns",
            (table, version, str(key), *written, json.dumps(columns)),
        )

    def _name(self, table: str, version: int) -> str:
        return f'{self._schema}."{table}_v{int(version)}"'

    def _ensure_table(
        self, cursor: Cursor, table: str, key: PartitionKey, version: int, columns: Mapping[str, str]
    ) -> None:
        """Make the table of a contract version, or check that it has these columns."""
        name = self._name(table, version)
        wanted = _definitions(key, columns)
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (name,))
        if not _one(cursor)[0]:
            self._lock(cursor, "tables")  # two first writers: the second finds the first one's table
            for statement in self._creation(name, key, wanted, timescale(cursor)):
                cursor.execute(statement)
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (name,),
        )
        found = dict(cursor.fetchall())
        if found != wanted:
            raise StoreError(
                f"{name} has other columns than the frame",
                expected=_plain_columns(wanted),
                got=_plain_columns(found),
                action="a contract that changes its columns gets a new version",
            )

    def _creation(
        self, name: str, key: PartitionKey, columns: Mapping[str, str], added: Timescale | None
    ) -> Iterator[str]:
        partition = ", ".join(_values(key))
        body = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        yield f"CREATE SCHEMA IF NOT EXISTS {self._schema}"
        yield (
            f"CREATE TABLE IF NOT EXISTS {self._schema}.partitions (table_name text, version integer,"
            " partition_key text, fingerprint text NOT NULL, bytes bigint NOT NULL, rows bigint NOT NULL,"
            " columns text NOT NULL, PRIMARY KEY (table_name, version, partition_key))"
        )
        yield f"CREATE TABLE IF NOT EXISTS {name} ({body})"
        # partitions are written in one piece: block ranges find them at a thousandth of a tree's cost
        index = name.split('"')[1] + "_by_partition"
        yield (
            f'CREATE INDEX IF NOT EXISTS "{index}" ON {name} USING brin ({partition})'
            " WITH (pages_per_range = 16, autosummarize = on)"
        )
        if added is not None and key.session is not None:
            yield from hypertable_statements(name, added, segmented=key.instrument is not None)


class _Source:
    """The stream as psycopg2 reads it: hashed and counted on its way."""

    def __init__(self, pieces: Iterator[bytes], digest: hashlib.blake2b) -> None:
        self.digest = digest
        self.count = 0
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        while not self._rest:
            piece = next(self._pieces, b"")
            if not piece:
                return b""
            self.digest.update(piece)
            self.count += len(piece)
            self._rest = memoryview(piece)
        found, self._rest = self._rest[:size], self._rest[size:]
        return bytes(found)


def _fingerprint(columns: Mapping[str, str], stream: memoryview) -> str:
    from zanzibar_assets.store.copy_format import new_digest

    digest = new_digest(columns)
    digest.update(stream)
    return DATABASE_PREFIX + digest.hexdigest()


def _values(key: PartitionKey) -> dict[str, str]:
    from zanzibar_assets.store.copy_format import partition_values

    return partition_values(key)


def _where(key: PartitionKey) -> str:
    return " AND ".join(f"{name} = %({name})s" for name in _values(key))


def _columns(key: PartitionKey, columns: Mapping[str, str]) -> str:
    return ", ".join(f'"{name}"' for name in (*_values(key), "row_no", *columns))


def _definitions(key: PartitionKey, columns: Mapping[str, str]) -> dict[str, str]:
    """Columns of a partition's table with their SQL types."""
    from zanzibar_assets.store.copy_format import TYPES

    partition = {name: "date" if name == "partition_session" else "text" for name in _values(key)}
    return {**partition, "row_no": "integer", **{name: TYPES[kind].sql for name, kind in columns.items()}}


def _plain_columns(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _plainly(added: Timescale | None) -> str:
    if added is None:
        return "plain tables (no TimescaleDB)"
    return f"TimescaleDB {added.version} hypertables, " + (
        "compressed" if added.compresses else "uncompressed"
    )


def _one(cursor: Cursor) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise StoreError("PostgreSQL gave no row where one was expected")
    return row
