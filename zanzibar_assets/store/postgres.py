"""Partitions in PostgreSQL: one table a contract version, a partition replaced in one transaction.

``<schema>.<table>_v<version>`` shows the partition columns and the contract's columns;
``<schema>.partitions`` names each partition's fingerprint. A write takes the partition's advisory
lock and copies in binary form; a killed writer leaves nothing. The fingerprint is the hash of the
COPY stream, which the server gives back byte for byte, so that a read checks what it got before it
decodes it. How rows stand in tables is a layout's: a table for each partition on plain PostgreSQL,
hypertables where TimescaleDB is. A table keeps the layout with which it was made.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zanzibar_assets.errors import ConfigError, CorruptPartition, MissingInput
from zanzibar_assets.store import postgres_tables as tables
from zanzibar_assets.store.partition_store import DATABASE_PREFIX, Written
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.postgres_tables import Layout, Place
from zanzibar_assets.store.timescale import Timescale, timescale

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.keys import PartitionKey

DEFAULT_SCHEMA = "zanzibar"
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

        Other rows than these are kept among the replaced ones, where their fingerprint finds them.
        """
        from zanzibar_assets.store.copy_format import schema_names
        from zanzibar_assets.store.copy_source import CopySource

        columns, place = schema_names(frame), self._place(table, key, version)
        with self._link.transaction() as cursor:
            tables.lock(cursor, self._schema, str(place))
            layout = self._made(cursor, place, columns)
            found = self._row(cursor, place)
            before = None if found is None else str(found[0])
            with CopySource(layout.encode(place, frame), layout.digest(place, columns)) as source:
                layout.receive(cursor, place, columns, source, before)
            fingerprint = DATABASE_PREFIX + source.digest.hexdigest()
            layout.settle(cursor, place, before, fingerprint)
            if before is not None:
                self._list_replaced(cursor, place)
                self._unlist_replaced(cursor, place, fingerprint)  # the same rows, or those of earlier
            self._record(cursor, place, (fingerprint, source.count, frame.height), columns)
        return Written(fingerprint, source.count, frame.height)

    def read(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> pl.DataFrame:
        """Frame of the partition, or of a replaced one, with that fingerprint.

        The stream that the server sends must hash to it. Raises MissingInput when the store holds no
        such partition, CorruptPartition when its rows are not those that were written, StoreError
        when the server cannot be reached.
        """
        from zanzibar_assets.store.copy_format import decode

        place = self._place(table, key, version)
        with self._link.transaction(read_only=True) as cursor:
            row = self._row(cursor, place) if self._has_ledger(cursor) else None
            if row is None or not fingerprint.startswith(DATABASE_PREFIX):
                raise MissingInput(
                    f"{table} {key} is in the manifest but not in PostgreSQL",
                    expected=self.location(table, key, version),
                    action=f"materialize {table} {key} again",
                )
            replaced = row[0] != fingerprint
            if replaced:
                row = self._replaced_row(cursor, place, fingerprint)
                if row is None:
                    raise self._corrupt(place, fingerprint, "neither current nor kept")
            layout, columns = self._layout(cursor, place), json.loads(row[1])
            origin = layout.source(cursor, place, columns, fingerprint, replaced=replaced)
            if origin is None:
                raise self._corrupt(place, fingerprint, "its table is gone")
            sink = io.BytesIO()
            cursor.copy_expert(f"COPY {origin} TO STDOUT (FORMAT binary)", sink, tables.PIECE_BYTES)
        stream, digest = sink.getbuffer(), layout.digest(place, columns)
        digest.update(stream)
        if DATABASE_PREFIX + digest.hexdigest() != fingerprint:
            raise self._corrupt(place, fingerprint, DATABASE_PREFIX + digest.hexdigest())
        return decode(stream, columns, int(row[2]), layout.skipped(place))

    def exists(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> bool:
        """Whether the ledger holds the partition with this fingerprint as the current one."""
        place = self._place(table, key, version)
        with self._link.transaction(read_only=True) as cursor:
            row = self._row(cursor, place) if self._has_ledger(cursor) else None
        return row is not None and row[0] == fingerprint

    def kept(self, table: str, key: PartitionKey, version: int) -> list[str]:
        """Fingerprints of the replaced partitions that are still there, in order."""
        ledger = f"{self._schema}.{tables.REPLACED_LEDGER}"
        with self._link.transaction(read_only=True) as cursor:
            if not tables.exists(cursor, ledger):
                return []
            asked = f"SELECT fingerprint FROM {ledger} WHERE {tables.LEDGER_KEY}"
            cursor.execute(asked, self._place(table, key, version).bound)
            return sorted(str(row[0]) for row in cursor.fetchall())

    def forget(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> int:
        """Remove a replaced partition for good; the bytes that its stream had, 0 when it is not kept."""
        place = self._place(table, key, version)
        with self._link.transaction() as cursor:
            tables.lock(cursor, self._schema, str(place))
            row = self._replaced_row(cursor, place, fingerprint)
            if row is None:
                return 0
            self._layout(cursor, place).drop(cursor, place, fingerprint)
            self._unlist_replaced(cursor, place, fingerprint)
            return int(row[3])

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

    def _place(self, table: str, key: PartitionKey, version: int) -> Place:
        return Place(self._schema, table, version, key)

    def _layout(self, cursor: Cursor, place: Place) -> Layout:
        """The layout that a table has, or that a new one gets."""
        from zanzibar_assets.store.postgres_children import Children
        from zanzibar_assets.store.postgres_rows import Rows

        kind = tables.kind_of(cursor, place.current)
        if kind is not None:
            return Children() if kind == "p" else Rows()
        added = timescale(cursor) if place.key.session is not None else None
        return Children() if added is None else Rows(added)

    def _made(self, cursor: Cursor, place: Place, columns: Mapping[str, str]) -> Layout:
        """The layout of a table that is there, with these columns; made where it is missing."""
        if not self._has_ledger(cursor) or not tables.exists(cursor, place.current):
            # of two first writers the second finds the first one's table
            tables.lock(cursor, self._schema, "tables")
            for statement in tables.ledger_statements(self._schema):
                cursor.execute(statement)
            for statement in self._layout(cursor, place).creation(place, columns):
                cursor.execute(statement)
        layout = self._layout(cursor, place)
        tables.check_columns(cursor, place.current, layout.definitions(place, columns))
        return layout

    def _list_replaced(self, cursor: Cursor, place: Place) -> None:
        """Copy a partition's ledger row among the replaced ones."""
        cursor.execute(
            f"INSERT INTO {self._schema}.{tables.REPLACED_LEDGER} SELECT l.*, now()"
            f" FROM {self._schema}.{tables.CURRENT_LEDGER} l WHERE {tables.LEDGER_KEY}"
            " ON CONFLICT DO NOTHING",
            place.bound,
        )

    def _unlist_replaced(self, cursor: Cursor, place: Place, fingerprint: str) -> None:
        cursor.execute(
            f"DELETE FROM {self._schema}.{tables.REPLACED_LEDGER}"
            f" WHERE fingerprint = %(fingerprint)s AND {tables.LEDGER_KEY}",
            {"fingerprint": fingerprint, **place.bound},
        )

    def _replaced_row(self, cursor: Cursor, place: Place, fingerprint: str) -> tuple[Any, ...] | None:
        """(fingerprint, columns as JSON, rows, bytes) of a replaced partition."""
        ledger = f"{self._schema}.{tables.REPLACED_LEDGER}"
        if not tables.exists(cursor, ledger):
            return None
        cursor.execute(
            f"SELECT fingerprint, columns, rows, bytes FROM {ledger}"
            f" WHERE fingerprint = %(fingerprint)s AND {tables.LEDGER_KEY}",
            {"fingerprint": fingerprint, **place.bound},
        )
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found

    @staticmethod
    def _corrupt(place: Place, expected: str, got: str) -> CorruptPartition:
        return CorruptPartition(
            f"stored rows of {place.table} {place.key} are not what was written",
            expected=expected,
            got=got,
            action=f"materialize {place.table} {place.key} again; check the server's disk, and that no other"
            " home uses the same schema of the database",
        )

    def _has_ledger(self, cursor: Cursor) -> bool:
        return tables.exists(cursor, f"{self._schema}.{tables.CURRENT_LEDGER}")

    def _row(self, cursor: Cursor, place: Place) -> tuple[Any, ...] | None:
        """(fingerprint, columns as JSON, rows) of a partition."""
        cursor.execute(
            f"SELECT fingerprint, columns, rows FROM {self._schema}.{tables.CURRENT_LEDGER}"
            f" WHERE {tables.LEDGER_KEY}",
            place.bound,
        )
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found

    def _record(
        self, cursor: Cursor, place: Place, written: tuple[str, int, int], columns: Mapping[str, str]
    ) -> None:
        cursor.execute(
            f"INSERT INTO {self._schema}.{tables.CURRENT_LEDGER} VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (table_name, version, partition_key) DO UPDATE SET fingerprint ="
            " excluded.fingerprint, bytes = excluded.bytes, rows = excluded.rows, columns = excluded.columns",
            (place.table, place.version, str(place.key), *written, json.dumps(columns)),
        )


def _plainly(added: Timescale | None) -> str:
    if added is None:
        return "plain partitioned tables (no TimescaleDB)"
    return f"TimescaleDB {added.version} hypertables, " + (
        "compressed" if added.compresses else "uncompressed"
    )
