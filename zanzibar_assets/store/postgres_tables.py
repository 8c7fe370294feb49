"""Names, ledgers and statements that both layouts of partitions in PostgreSQL share.

``<table>_v<version>`` shows the current rows of every partition; ``partitions`` and ``replaced``
name the current and the replaced partitions with their fingerprints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.copy_format import Digest

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.copy_source import CopySource
    from zanzibar_assets.store.keys import PartitionKey

CURRENT_LEDGER = "partitions"
REPLACED_LEDGER = "replaced"
PIECE_BYTES = 1 << 24
LEDGER_KEY = "table_name = %(table)s AND version = %(version)s AND partition_key = %(key)s"
_LEDGER_COLUMNS = (
    "table_name text, version integer, partition_key text, fingerprint text NOT NULL, bytes bigint NOT NULL,"
    " rows bigint NOT NULL, columns text NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Place:
    """One partition of one contract version in one schema."""

    schema: str
    table: str
    version: int
    key: PartitionKey

    @property
    def current(self) -> str:
        """Quoted name of the table that shows the current rows."""
        return f'{self.schema}."{self.table}_v{int(self.version)}"'

    @property
    def replaced(self) -> str:
        """Quoted name of the table with replaced rows, where rows are moved."""
        return f'{self.schema}."{self.table}_v{int(self.version)}_replaced"'

    @property
    def bound(self) -> dict[str, object]:
        """Values of ``LEDGER_KEY``."""
        return {"table": self.table, "version": self.version, "key": str(self.key)}

    def __str__(self) -> str:
        return f"{self.table}_v{self.version} {self.key}"


class Layout(Protocol):
    """How the rows of partitions stand in tables; each method works inside the caller's transaction.

    A write calls ``receive`` and then, once the stream's hash is known, ``settle``; ``before`` is the
    fingerprint of the partition that is replaced, if there is one.
    """

    def creation(self, place: Place, columns: Mapping[str, str]) -> Iterator[str]:
        """Statements that make the table of a contract version."""
        ...

    def definitions(self, place: Place, columns: Mapping[str, str]) -> dict[str, str]:
        """Columns of that table with their SQL types."""
        ...

    def digest(self, place: Place, columns: Mapping[str, str]) -> Digest:
        """A hash that knows columns and partition; the stream's bytes follow."""
        ...

    def encode(self, place: Place, frame: pl.DataFrame) -> Iterator[bytes]:
        """The stream of a frame, in pieces."""
        ...

    def skipped(self, place: Place) -> int:
        """Fields of each row of the stream before the frame's."""
        ...

    def receive(
        self, cursor: Cursor, place: Place, columns: Mapping[str, str], source: CopySource, before: str | None
    ) -> None:
        """Copy the stream to where nobody else sees it before the commit."""
        ...

    def settle(self, cursor: Cursor, place: Place, before: str | None, fingerprint: str) -> None:
        """Make what was received the current partition."""
        ...

    def drop(self, cursor: Cursor, place: Place, fingerprint: str) -> None:
        """Remove the rows of a replaced partition."""
        ...

    def source(
        self, cursor: Cursor, place: Place, columns: Mapping[str, str], fingerprint: str, *, replaced: bool
    ) -> str | None:
        """What to copy out for the rows of a fingerprint; None when they are gone."""
        ...


def values(key: PartitionKey) -> dict[str, str]:
    """Partition columns and their values."""
    from zanzibar_assets.store.copy_format import partition_values

    return partition_values(key)


def partition_definitions(key: PartitionKey) -> dict[str, str]:
    """Partition columns with their SQL types, ordered by their bytes whatever the database's language."""
    return {name: "date" if name == "partition_session" else 'text COLLATE "C"' for name in values(key)}


def frame_definitions(columns: Mapping[str, str]) -> dict[str, str]:
    """A frame's columns with their SQL types."""
    from zanzibar_assets.store.copy_format import TYPES

    return {name: TYPES[kind].sql for name, kind in columns.items()}


def lock(cursor: Cursor, schema: str, name: str) -> None:
    """Hold an advisory lock until the transaction ends."""
    text = f"{schema} {name}".encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


def copy_in(cursor: Cursor, statement: str, source: CopySource) -> None:
    """Send a stream to its end."""
    cursor.copy_expert(statement, source, PIECE_BYTES)


def kind_of(cursor: Cursor, name: str) -> str | None:
    """``p`` for a partitioned table, ``r`` for one with rows; None when there is none of that name."""
    cursor.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", (name,))
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def exists(cursor: Cursor, name: str) -> bool:
    """Whether a table of that name is there."""
    return kind_of(cursor, name) is not None


def one(cursor: Cursor) -> tuple[Any, ...]:
    """The row that a statement must have given."""
    row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise StoreError("PostgreSQL gave no row where one was expected")
    return row


def ledger_statements(schema: str) -> Iterator[str]:
    """Statements that make the schema and both ledgers."""
    yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    yield (
        f"CREATE TABLE IF NOT EXISTS {schema}.{CURRENT_LEDGER} ({_LEDGER_COLUMNS},"
        " PRIMARY KEY (table_name, version, partition_key))"
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {schema}.{REPLACED_LEDGER} ({_LEDGER_COLUMNS},"
        " replaced_at timestamp with time zone NOT NULL DEFAULT now(),"
        " PRIMARY KEY (table_name, version, partition_key, fingerprint))"
    )


def check_columns(cursor: Cursor, name: str, wanted: Mapping[str, str]) -> None:
    """Raise StoreError when a table has other columns than these."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (name,),
    )
    found = dict(cursor.fetchall())
    plain = {column: kind.partition(" COLLATE")[0] for column, kind in wanted.items()}
    if found != plain:
        raise StoreError(
            f"{name} has other columns than the frame",
            expected=_plain_columns(plain),
            got=_plain_columns(found),
            action="a contract that changes its columns gets a new version",
        )


def _plain_columns(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
