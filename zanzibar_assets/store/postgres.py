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
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zanzibar_assets.errors import ConfigError, CorruptPartition, MissingInput
from zanzibar_assets.store import postgres_tables as tables
from zanzibar_assets.store.partition_store import DATABASE_PREFIX, Written
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.timescale import Timescale, timescale

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.keys import PartitionKey

DEFAULT_SCHEMA = "zanzibar"
PIECE_BYTES = 1 << 24
_SCHEMA_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")


class PostgresStore:
    """A ``PartitionStore`` in one schema of one database; a home has a schema of its own."""

    def __init__(self, link: PostgresLink, schema: str = DEFAULT_SCHEMA) -> None:
        if not _SCHEMA_NAME.match(schema):
            raise ConfigError("bad name of a PostgreSQL schema", expected=_SCHEMA_NAME.pattern, got=schema)
        self._link = link
        self._schema = schema

    def write(self, table: str, key: PartitionKey, version: int, frame: pl.DataFrame) -> Written:
        """Replace a partition in one transaction, alone on it until the commit.

        Other rows than these are moved among the replaced ones, where their fingerprint finds them.
        """
        from zanzibar_assets.store.copy_format import encode, new_digest, schema_names
        from zanzibar_assets.store.copy_source import CopySource

        columns = schema_names(frame)
        name = tables.current_name(self._schema, table, version)
        with (
            self._link.transaction() as cursor,
            CopySource(encode(frame, key), new_digest(columns)) as source,
        ):
            self._lock(cursor, f"{table}_v{version} {key}")
            if not tables.exists(cursor, name):
                self._lock(cursor, "tables")  # two first writers: the second finds the first one's table
                tables.create_current(cursor, self._schema, name, key, columns)
            tables.check_columns(cursor, name, key, columns)
            before = self._row(cursor, table, key, version)
            if before is not None:
                self._move(cursor, table, key, version, str(before[0]))
            names = tables.column_list(key, columns)
            cursor.copy_expert(f"COPY {name} ({names}) FROM STDIN (FORMAT binary)", source, PIECE_BYTES)
            fingerprint = DATABASE_PREFIX + source.digest.hexdigest()
            if before is not None:  # the same rows again, or those of an earlier time
                self._drop_replaced(cursor, table, key, version, fingerprint)
            self._record(cursor, table, key, version, (fingerprint, source.count, frame.height), columns)
        return Written(fingerprint, source.count, frame.height)

    def read(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> pl.DataFrame:
        """Frame of the partition, or of a replaced one, with that fingerprint.

        The stream that the server sends must hash to it. Raises MissingInput when the store holds no
        such partition, CorruptPartition when its rows are not those that were written, StoreError
        when the server cannot be reached.
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
            replaced = row[0] != fingerprint
            if replaced:
                row = self._replaced_row(cursor, table, key, version, fingerprint)
                if row is None:
                    raise self._corrupt(table, key, fingerprint, "neither current nor kept")
            columns = json.loads(row[1])
            sink = self._copy_out(cursor, table, key, version, columns, fingerprint if replaced else None)
        stream = sink.getbuffer()
        found = _fingerprint(columns, stream)
        if found != fingerprint:
            raise self._corrupt(table, key, fingerprint, found)
        skipped = len(tables.values(key)) + 1
        return decode(stream, columns, int(row[2]), skipped)

    def exists(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> bool:
        """Whether the ledger holds the partition with this fingerprint as the current one."""
        with self._link.transaction(read_only=True) as cursor:
            row = self._row(cursor, table, key, version) if self._has_ledger(cursor) else None
        return row is not None and row[0] == fingerprint

    def kept(self, table: str, key: PartitionKey, version: int) -> list[str]:
        """Fingerprints of the replaced partitions that are still there, in order."""
        ledger = f"{self._schema}.{tables.REPLACED_LEDGER}"
        with self._link.transaction(read_only=True) as cursor:
            if not tables.exists(cursor, ledger):
                return []
            asked = f"SELECT fingerprint FROM {ledger} WHERE {tables.LEDGER_KEY}"
            cursor.execute(asked, {"table": table, "version": version, "key": str(key)})
            return sorted(str(row[0]) for row in cursor.fetchall())

    def forget(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> int:
        """Remove a replaced partition for good; the bytes that its stream had, 0 when it is not kept."""
        with self._link.transaction() as cursor:
            self._lock(cursor, f"{table}_v{version} {key}")
            return self._drop_replaced(cursor, table, key, version, fingerprint)

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
            (server,) = tables.one(cursor)
            added = timescale(cursor)
        return f"PostgreSQL {str(server).split()[0]}, schema {self._schema}, {_plainly(added)}"

    def close(self) -> None:
        """Close this thread's connection."""
        self._link.close()

    def _copy_out(
        self,
        cursor: Cursor,
        table: str,
        key: PartitionKey,
        version: int,
        columns: Mapping[str, str],
        replaced: str | None,
    ) -> io.BytesIO:
        """The stream of the current rows, or of those that were replaced under a fingerprint."""
        sink = io.BytesIO()
        bound, condition = dict(tables.values(key)), tables.where(key)
        name = tables.current_name(self._schema, table, version)
        if replaced is not None:
            name = tables.replaced_name(self._schema, table, version)
            bound, condition = (
                bound | {"fingerprint": replaced},
                f"fingerprint = %(fingerprint)s AND {condition}",
            )
        text = cursor.mogrify(
            f"SELECT {tables.column_list(key, columns)} FROM {name} WHERE {condition} ORDER BY row_no", bound
        ).decode()
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.copy_expert(f"COPY ({text}) TO STDOUT (FORMAT binary)", sink, PIECE_BYTES)
        return sink

    def _move(self, cursor: Cursor, table: str, key: PartitionKey, version: int, fingerprint: str) -> None:
        """Move a partition's rows among the replaced ones."""
        current = tables.current_name(self._schema, table, version)
        replaced = tables.replaced_name(self._schema, table, version)
        if not tables.exists(cursor, replaced):
            self._lock(cursor, "tables")
            for statement in tables.replaced_creation(self._schema, current, replaced):
                cursor.execute(statement)
        bound = {"fingerprint": fingerprint, "table": table, "version": version, "key": str(key)}
        for statement in tables.move_statements(current, replaced, self._schema, key):
            cursor.execute(statement, bound | tables.values(key))

    def _drop_replaced(
        self, cursor: Cursor, table: str, key: PartitionKey, version: int, fingerprint: str
    ) -> int:
        row = self._replaced_row(cursor, table, key, version, fingerprint)
        if row is None:
            return 0
        bound = {"fingerprint": fingerprint, "table": table, "version": version, "key": str(key)}
        rows, ledger = tables.replaced_name(self._schema, table, version), tables.REPLACED_LEDGER
        mine = f"fingerprint = %(fingerprint)s AND {tables.where(key)}"
        cursor.execute(f"DELETE FROM {rows} WHERE {mine}", bound | tables.values(key))
        mine = f"fingerprint = %(fingerprint)s AND {tables.LEDGER_KEY}"
        cursor.execute(f"DELETE FROM {self._schema}.{ledger} WHERE {mine}", bound)
        return int(row[3])

    def _replaced_row(
        self, cursor: Cursor, table: str, key: PartitionKey, version: int, fingerprint: str
    ) -> tuple[Any, ...] | None:
        """(fingerprint, columns as JSON, rows, bytes) of a replaced partition."""
        ledger = f"{self._schema}.{tables.REPLACED_LEDGER}"
        if not tables.exists(cursor, ledger):
            return None
        cursor.execute(
            f"SELECT fingerprint, columns, rows, bytes FROM {ledger}"
            f" WHERE fingerprint = %(fingerprint)s AND {tables.LEDGER_KEY}",
            {"fingerprint": fingerprint, "table": table, "version": version, "key": str(key)},
        )
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found

    @staticmethod
    def _corrupt(table: str, key: PartitionKey, expected: str, got: str) -> CorruptPartition:
        return CorruptPartition(
            f"stored rows of {table} {key} are not what was written",
            expected=expected,
            got=got,
            action=f"materialize {table} {key} again; check the server's disk, and that no other home"
            " uses the same schema of the database",
        )

    def _lock(self, cursor: Cursor, name: str) -> None:
        """Hold an advisory lock until the transaction ends."""
        text = f"{self._schema} {name}".encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (number,))

    def _has_ledger(self, cursor: Cursor) -> bool:
        return tables.exists(cursor, f"{self._schema}.{tables.CURRENT_LEDGER}")

    def _row(self, cursor: Cursor, table: str, key: PartitionKey, version: int) -> tuple[Any, ...] | None:
        """(fingerprint, columns as JSON, rows) of a partition."""
        cursor.execute(
            f"SELECT fingerprint, columns, rows FROM {self._schema}.{tables.CURRENT_LEDGER}"
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
            f"INSERT INTO {self._schema}.{tables.CURRENT_LEDGER} VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (table_name, version, partition_key) DO UPDATE SET fingerprint ="
            " excluded.fingerprint, bytes = excluded.bytes, rows = excluded.rows, columns = excluded.columns",
            (table, version, str(key), *written, json.dumps(columns)),
        )


def _fingerprint(columns: Mapping[str, str], stream: memoryview) -> str:
    from zanzibar_assets.store.copy_format import new_digest

    digest = new_digest(columns)
    digest.update(stream)
    return DATABASE_PREFIX + digest.hexdigest()


def _plainly(added: Timescale | None) -> str:
    if added is None:
        return "plain tables (no TimescaleDB)"
    return f"TimescaleDB {added.version} hypertables, " + (
        "compressed" if added.compresses else "uncompressed"
    )
