"""A partition as a table of its own, attached to the partitioned table of its contract version.

The stream is copied, frozen, into a table that nobody else sees yet and that has the frame's columns
alone: no index, nothing deleted, no dead rows. The partition's columns come after the copy as
defaults of the whole table, which no row stores. Then the table takes the old one's place among the
partitions; the old one stays beside, detached. The order of the rows is that of the table's pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from zanzibar_assets.store import postgres_tables as tables
from zanzibar_assets.store.copy_format import Digest, columns_mark, encode
from zanzibar_assets.store.postgres_tables import Place

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from zanzibar_assets.store.copy_source import CopySource

MOST_NAME_BYTES = 63
LOCK_WAIT = "60s"
"""How long the exchange of two partitions waits for those who read the whole table in SQL."""


def child_name(place: Place, fingerprint: str) -> str:
    """Quoted name of the table with the rows of that fingerprint, current or replaced."""
    whole = f"{place.table} {place.version} {place.key} {fingerprint}".encode()
    mark = hashlib.blake2b(whole, digest_size=8).hexdigest()
    plain = f"{place.table}_v{place.version}_{str(place.key).replace('|', '_')}"
    return f'{place.schema}."{plain[: MOST_NAME_BYTES - len(mark) - 1]}_{mark}"'


class Children:
    """The layout on plain PostgreSQL."""

    def creation(self, place: Place, columns: Mapping[str, str]) -> Iterator[str]:
        """Statements that make the partitioned table."""
        wanted = self.definitions(place, columns)
        body = ", ".join(f'"{name}" {kind}' for name, kind in wanted.items())
        parts = tables.values(place.key)
        kind = "RANGE" if len(parts) > 1 else "LIST"
        yield f"CREATE TABLE IF NOT EXISTS {place.current} ({body}) PARTITION BY {kind} ({', '.join(parts)})"

    def definitions(self, place: Place, columns: Mapping[str, str]) -> dict[str, str]:
        """Columns of the partitioned table with their SQL types."""
        return {**tables.partition_definitions(place.key), **tables.frame_definitions(columns)}

    def digest(self, place: Place, columns: Mapping[str, str]) -> Digest:
        """Hash that knows the columns and the partition; the stream's bytes follow.

        SHA-256, which processors have instructions for: it competes with the encoder for the same
        core, and blake2b took a seventh of a whole write.
        """
        return hashlib.sha256(columns_mark(columns) + str(place.key).encode())

    def encode(self, place: Place, frame: pl.DataFrame) -> Iterator[bytes]:
        """The frame's columns alone."""
        return encode(frame, None)

    def skipped(self, place: Place) -> int:
        """Fields before the frame's columns: none."""
        return 0

    def receive(
        self, cursor: Cursor, place: Place, columns: Mapping[str, str], source: CopySource, before: str | None
    ) -> None:
        """Copy the stream into a new table that only this transaction sees."""
        incoming = child_name(place, "incoming")
        body = ", ".join(f'"{name}" {kind}' for name, kind in tables.frame_definitions(columns).items())
        cursor.execute(f"CREATE TABLE {incoming} ({body})")
        tables.copy_in(cursor, f"COPY {incoming} FROM STDIN (FORMAT binary, FREEZE)", source)

    def settle(self, cursor: Cursor, place: Place, before: str | None, fingerprint: str) -> None:
        """Put the new table in the old one's place; the old one stays unless it holds the same rows.

        Last of all, because from here to the commit who asks the whole table in SQL has to wait.
        """
        cursor.execute("SET LOCAL lock_timeout = %s", (LOCK_WAIT,))
        incoming, name = child_name(place, "incoming"), child_name(place, fingerprint)
        if before is not None:
            self._detach(cursor, place, child_name(place, before))
        cursor.execute(f"DROP TABLE IF EXISTS {name}")
        cursor.execute(f"ALTER TABLE {incoming} RENAME TO {name.partition('.')[2]}")
        parts = tables.values(place.key)
        added = (
            f"ADD COLUMN {column} {kind} DEFAULT %({column})s NOT NULL"
            for column, kind in tables.partition_definitions(place.key).items()
        )
        cursor.execute(f"ALTER TABLE {name} {', '.join(added)}", parts)
        cursor.execute(f"ALTER TABLE {place.current} ATTACH PARTITION {name} FOR VALUES {_bounds(parts)}")

    def _detach(self, cursor: Cursor, place: Place, name: str) -> None:
        attached = (
            "SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s) AND inhparent = to_regclass(%s)"
        )
        cursor.execute(attached, (name, place.current))
        if cursor.fetchone() is not None:
            cursor.execute(f"ALTER TABLE {place.current} DETACH PARTITION {name}")

    def drop(self, cursor: Cursor, place: Place, fingerprint: str) -> None:
        """Remove replaced rows."""
        cursor.execute(f"DROP TABLE IF EXISTS {child_name(place, fingerprint)}")

    def source(
        self, cursor: Cursor, place: Place, columns: Mapping[str, str], fingerprint: str, *, replaced: bool
    ) -> str | None:
        """What to copy out for the rows of a fingerprint; None when their table is gone."""
        name = child_name(place, fingerprint)
        if not tables.exists(cursor, name):
            return None
        cursor.execute("SET LOCAL synchronize_seqscans = off")  # from the first page on, in order
        quoted = ", ".join(f'"{column}"' for column in columns)
        return f"{name} ({quoted})"


def _bounds(parts: Mapping[str, str]) -> str:
    """The partition that holds these values alone; they come from a checked key."""
    if len(parts) == 1:
        return f"IN ('{next(iter(parts.values()))}')"
    instrument, session = parts["partition_instrument"], parts["partition_session"]
    after = date.fromisoformat(session) + timedelta(days=1)
    return f"FROM ('{instrument}', '{session}') TO ('{instrument}', '{after}')"
