"""Partitions as rows of one table, told apart by columns: what a TimescaleDB hypertable needs.

A write moves the old rows to ``<table>_v<version>_replaced`` with the fingerprint that they had and
copies the new ones in; ``row_no`` keeps their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from zanzibar_assets.store import postgres_tables as tables
from zanzibar_assets.store.copy_format import Digest, columns_mark, encode
from zanzibar_assets.store.postgres_tables import Place
from zanzibar_assets.store.timescale import Timescale, hypertable_statements

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.copy_source import CopySource


class Rows:
    """The layout of hypertables; ``added`` is None for a table that is there already."""

    def __init__(self, added: Timescale | None = None) -> None:
        self._added = added

    def creation(self, place: Place, columns: Mapping[str, str]) -> Iterator[str]:
        """Statements that make the table of current rows, a hypertable where there are some."""
        wanted = self.definitions(place, columns)
        partition = ", ".join(tables.values(place.key))
        body = ", ".join(f'"{column}" {kind}' for column, kind in wanted.items())
        yield f"CREATE TABLE IF NOT EXISTS {place.current} ({body})"
        # partitions are written in one piece: block ranges find them at a thousandth of a tree's cost
        index = place.current.split('"')[1] + "_by_partition"
        yield (
            f'CREATE INDEX IF NOT EXISTS "{index}" ON {place.current} USING brin ({partition})'
            " WITH (pages_per_range = 16, autosummarize = on)"
        )
        if self._added is not None and place.key.session is not None:
            segmented = place.key.instrument is not None
            yield from hypertable_statements(place.current, self._added, segmented=segmented, columns=wanted)

    def definitions(self, place: Place, columns: Mapping[str, str]) -> dict[str, str]:
        """Columns of the table with their SQL types."""
        partition = {name: "date" if name == "partition_session" else "text" for name in _values(place)}
        return {**partition, "row_no": "integer", **tables.frame_definitions(columns)}

    def digest(self, place: Place, columns: Mapping[str, str]) -> Digest:
        """Hash that knows the columns; the stream names the partition."""
        return hashlib.blake2b(columns_mark(columns), digest_size=16)

    def encode(self, place: Place, frame: pl.DataFrame) -> Iterator[bytes]:
        """The partition's columns, ``row_no`` and the frame's columns."""
        return encode(frame, place.key)

    def skipped(self, place: Place) -> int:
        """Fields before the frame's columns."""
        return len(_values(place)) + 1

    def receive(
        self, cursor: Cursor, place: Place, columns: Mapping[str, str], source: CopySource, before: str | None
    ) -> None:
        """Move the old rows away and copy the stream."""
        if before is not None:
            self._move(cursor, place, before)
        names = _column_list(place, columns)
        tables.copy_in(cursor, f"COPY {place.current} ({names}) FROM STDIN (FORMAT binary)", source)

    def settle(self, cursor: Cursor, place: Place, before: str | None, fingerprint: str) -> None:
        """Drop replaced rows that are current now: the same again, or those of an earlier time."""
        if before is not None:
            self.drop(cursor, place, fingerprint)

    def drop(self, cursor: Cursor, place: Place, fingerprint: str) -> None:
        """Remove replaced rows."""
        cursor.execute(
            f"DELETE FROM {place.replaced} WHERE fingerprint = %(fingerprint)s AND {_where(place)}",
            {"fingerprint": fingerprint, **_values(place)},
        )

    def source(
        self, cursor: Cursor, place: Place, columns: Mapping[str, str], fingerprint: str, *, replaced: bool
    ) -> str | None:
        """What to copy out for the current rows, or for those replaced under a fingerprint."""
        name, condition = place.current, _where(place)
        if replaced:
            name, condition = place.replaced, f"fingerprint = %(fingerprint)s AND {condition}"
        cursor.execute("SET LOCAL work_mem = '128MB'")
        asked = f"(SELECT {_column_list(place, columns)} FROM {name} WHERE {condition} ORDER BY row_no)"
        text: bytes = cursor.mogrify(asked, {"fingerprint": fingerprint, **_values(place)})
        return text.decode()

    def _move(self, cursor: Cursor, place: Place, fingerprint: str) -> None:
        if not tables.exists(cursor, place.replaced):
            tables.lock(cursor, place.schema, "tables")
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {place.replaced}"
                f" (fingerprint text NOT NULL, LIKE {place.current})"
            )
            index = place.replaced.split('"')[1] + "_by_fingerprint"
            cursor.execute(
                f'CREATE INDEX IF NOT EXISTS "{index}" ON {place.replaced} USING brin (fingerprint)'
                " WITH (pages_per_range = 16, autosummarize = on)"
            )
        cursor.execute(
            f"WITH moved AS (DELETE FROM {place.current} WHERE {_where(place)} RETURNING *)"
            f" INSERT INTO {place.replaced} SELECT %(fingerprint)s, moved.* FROM moved",
            {"fingerprint": fingerprint, **_values(place)},
        )


def _values(place: Place) -> dict[str, str]:
    return tables.values(place.key)


def _where(place: Place) -> str:
    """Condition of one partition; its values are bound by name."""
    return " AND ".join(f"{name} = %({name})s" for name in _values(place))


def _column_list(place: Place, columns: Mapping[str, str]) -> str:
    """Every column of the table, quoted, in the order of the stream."""
    return ", ".join(f'"{name}"' for name in (*_values(place), "row_no", *columns))
