"""Names, columns and statements of the tables in which PostgreSQL holds partitions.

``<table>_v<version>`` holds the current rows of every partition, ``<table>_v<version>_replaced`` the
rows of replaced ones with the fingerprint that they had; ``partitions`` and ``replaced`` name both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.timescale import Timescale, hypertable_statements, timescale

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.keys import PartitionKey

CURRENT_LEDGER = "partitions"
REPLACED_LEDGER = "replaced"
_LEDGER_COLUMNS = (
    "table_name text, version integer, partition_key text, fingerprint text NOT NULL, bytes bigint NOT NULL,"
    " rows bigint NOT NULL, columns text NOT NULL"
)


def current_name(schema: str, table: str, version: int) -> str:
    """Quoted name of the table with the current rows."""
    return f'{schema}."{table}_v{int(version)}"'


def replaced_name(schema: str, table: str, version: int) -> str:
    """Quoted name of the table with the rows of replaced partitions."""
    return f'{schema}."{table}_v{int(version)}_replaced"'


def where(key: PartitionKey) -> str:
    """Condition of one partition; its values are bound by name."""
    return " AND ".join(f"{name} = %({name})s" for name in values(key))


def values(key: PartitionKey) -> dict[str, str]:
    """Partition columns and their values."""
    from zanzibar_assets.store.copy_format import partition_values

    return partition_values(key)


def column_list(key: PartitionKey, columns: Mapping[str, str]) -> str:
    """Every column of a partition's table, quoted, in the order of the COPY stream."""
    return ", ".join(f'"{name}"' for name in (*values(key), "row_no", *columns))


def exists(cursor: Cursor, name: str) -> bool:
    """Whether a table of that name is there."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (name,))
    return bool(one(cursor)[0])


def one(cursor: Cursor) -> tuple[Any, ...]:
    """The row that a statement must have given."""
    row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise StoreError("PostgreSQL gave no row where one was expected")
    return row


def create_current(
    cursor: Cursor, schema: str, name: str, key: PartitionKey, columns: Mapping[str, str]
) -> None:
    """Make the table of a contract version, and the ledger."""
    for statement in creation_statements(schema, name, key, definitions(key, columns), timescale(cursor)):
        cursor.execute(statement)


def check_columns(cursor: Cursor, name: str, key: PartitionKey, columns: Mapping[str, str]) -> None:
    """Raise StoreError when a table has other columns than a frame."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (name,),
    )
    found, wanted = dict(cursor.fetchall()), definitions(key, columns)
    if found != wanted:
        raise StoreError(
            f"{name} has other columns than the frame",
            expected=_plain_columns(wanted),
            got=_plain_columns(found),
            action="a contract that changes its columns gets a new version",
        )


def definitions(key: PartitionKey, columns: Mapping[str, str]) -> dict[str, str]:
    """Columns of a partition's table with their SQL types."""
    from zanzibar_assets.store.copy_format import TYPES

    partition = {name: "date" if name == "partition_session" else "text" for name in values(key)}
    return {**partition, "row_no": "integer", **{name: TYPES[kind].sql for name, kind in columns.items()}}


def replaced_creation(schema: str, current: str, replaced: str) -> Iterator[str]:
    """Statements that make the table of replaced rows beside that of the current ones."""
    yield (
        f"CREATE TABLE IF NOT EXISTS {schema}.{REPLACED_LEDGER} ({_LEDGER_COLUMNS},"
        " replaced_at timestamp with time zone NOT NULL DEFAULT now(),"
        " PRIMARY KEY (table_name, version, partition_key, fingerprint))"
    )
    yield f"CREATE TABLE IF NOT EXISTS {replaced} (fingerprint text NOT NULL, LIKE {current})"
    index = replaced.split('"')[1] + "_by_fingerprint"
    yield (
        f'CREATE INDEX IF NOT EXISTS "{index}" ON {replaced} USING brin (fingerprint)'
        " WITH (pages_per_range = 16, autosummarize = on)"
    )


def move_statements(current: str, replaced: str, schema: str, key: PartitionKey) -> Iterator[str]:
    """Statements that move a partition's rows and its ledger row among the replaced ones.

    Bound: the partition columns, ``fingerprint``, ``table``, ``version`` and ``key``.
    """
    yield (
        f"WITH moved AS (DELETE FROM {current} WHERE {where(key)} RETURNING *)"
        f" INSERT INTO {replaced} SELECT %(fingerprint)s, moved.* FROM moved"
    )
    yield (
        f"INSERT INTO {schema}.{REPLACED_LEDGER} SELECT l.*, now() FROM {schema}.{CURRENT_LEDGER} l"
        f" WHERE {LEDGER_KEY} ON CONFLICT DO NOTHING"
    )


LEDGER_KEY = "table_name = %(table)s AND version = %(version)s AND partition_key = %(key)s"


def creation_statements(
    schema: str, name: str, key: PartitionKey, columns: Mapping[str, str], added: Timescale | None
) -> Iterator[str]:
    """Statements that make a table of current rows with these SQL columns, and the ledger."""
    partition = ", ".join(values(key))
    body = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    yield (
        f"CREATE TABLE IF NOT EXISTS {schema}.{CURRENT_LEDGER} ({_LEDGER_COLUMNS},"
        " PRIMARY KEY (table_name, version, partition_key))"
    )
    yield f"CREATE TABLE IF NOT EXISTS {name} ({body})"
    # partitions are written in one piece: block ranges find them at a thousandth of a tree's cost
    index = name.split('"')[1] + "_by_partition"
    yield (
        f'CREATE INDEX IF NOT EXISTS "{index}" ON {name} USING brin ({partition})'
        " WITH (pages_per_range = 16, autosummarize = on)"
    )
    if added is not None and key.session is not None:
        yield from hypertable_statements(name, added, segmented=key.instrument is not None, columns=columns)


def _plain_columns(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
