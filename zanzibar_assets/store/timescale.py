"""What TimescaleDB adds when the database has it: hypertables, and compression by its licence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

CHUNK = "7 days"
COMPRESS_AFTER = "30 days"


@dataclass(frozen=True, slots=True)
class Timescale:
    """The extension's version and licence: ``apache`` has hypertables, ``timescale`` compresses too."""

    version: str
    licence: str

    @property
    def compresses(self) -> bool:
        """Whether the licence allows compression."""
        return self.licence == "timescale"


def timescale(cursor: Cursor) -> Timescale | None:
    """The extension as this database has it; None on plain PostgreSQL."""
    cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    row = cursor.fetchone()
    if row is None:
        return None
    cursor.execute("SELECT current_setting('timescaledb.license', true)")
    licence = cursor.fetchone()
    return Timescale(str(row[0]), str(licence[0]) if licence is not None and licence[0] else "apache")


def hypertable_statements(name: str, added: Timescale, *, segmented: bool) -> Iterator[str]:
    """Statements that make a new, empty table with a ``partition_session`` column a hypertable."""
    yield (
        f"SELECT create_hypertable('{name}', 'partition_session',"
        f" chunk_time_interval => interval '{CHUNK}', create_default_indexes => false, if_not_exists => true)"
    )
    if added.compresses:
        segment = ", timescaledb.compress_segmentby = 'partition_instrument'" if segmented else ""
        order = "timescaledb.compress_orderby = 'partition_session, row_no'"
        yield f"ALTER TABLE {name} SET (timescaledb.compress{segment}, {order})"
        yield f"SELECT add_compression_policy('{name}', interval '{COMPRESS_AFTER}', if_not_exists => true)"
