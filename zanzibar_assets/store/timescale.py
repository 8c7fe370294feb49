"""What TimescaleDB adds when the database has it: hypertables; by its licence compression and bars.

Only the statements are tested: they have not met a real TimescaleDB yet.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

CHUNK = "7 days"
COMPRESS_AFTER = "30 days"
TICK_TIME = "event_ts"
TICK_COLUMNS = {TICK_TIME, "price_ticks", "size", "kind"}
_TICKS = re.compile(r'"clean_ticks_v\d+"$')


@dataclass(frozen=True, slots=True)
class Timescale:
    """The extension's version and licence: ``apache`` has hypertables, ``timescale`` compresses too."""

    version: str
    licence: str

    @property
    def compresses(self) -> bool:
        """Whether the licence allows compression and continuous aggregates."""
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


def hypertable_statements(
    name: str, added: Timescale, *, segmented: bool, columns: Collection[str] = ()
) -> Iterator[str]:
    """Statements that make a new, empty table with a ``partition_session`` column a hypertable.

    Chunks go by session; by the ticks' own time where minute bars are aggregated from them, because
    an aggregate's buckets must be of the column that the chunks go by.
    """
    time = TICK_TIME if has_minute_bars(name, columns) else "partition_session"
    yield (
        f"SELECT create_hypertable('{name}', '{time}',"
        f" chunk_time_interval => interval '{CHUNK}', create_default_indexes => false, if_not_exists => true)"
    )
    if added.compresses:
        segment = ", timescaledb.compress_segmentby = 'partition_instrument'" if segmented else ""
        order = f"timescaledb.compress_orderby = '{time}, row_no'"
        yield f"ALTER TABLE {name} SET (timescaledb.compress{segment}, {order})"
        yield f"SELECT add_compression_policy('{name}', interval '{COMPRESS_AFTER}', if_not_exists => true)"
        if has_minute_bars(name, columns):
            yield from minute_bar_statements(name)


def has_minute_bars(name: str, columns: Collection[str]) -> bool:
    """Whether a table holds ticks of which minute bars can be made."""
    return _TICKS.search(name) is not None and set(columns) >= TICK_COLUMNS


def minute_bar_statements(name: str) -> Iterator[str]:
    """A continuous aggregate: bars of a minute of the trades, per instrument and session.

    ``row_no`` orders trades of one instant, so that the first and the last are those of the tape.
    """
    bars = name.removesuffix('"') + '_1m"'
    yield (
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {bars} WITH (timescaledb.continuous) AS"
        " SELECT partition_instrument, partition_session,"
        f" time_bucket(interval '1 minute', {TICK_TIME}) AS minute,"
        " first(price_ticks, row_no) AS open_ticks, max(price_ticks) AS high_ticks,"
        " min(price_ticks) AS low_ticks, last(price_ticks, row_no) AS close_ticks,"
        f" sum(size) AS volume, count(*) AS trades FROM {name} WHERE kind = 'trade'"
        " GROUP BY partition_instrument, partition_session, minute WITH NO DATA"
    )
    yield (
        f"SELECT add_continuous_aggregate_policy('{bars}', start_offset => interval '{COMPRESS_AFTER}',"
        " end_offset => interval '1 minute', schedule_interval => interval '1 hour', if_not_exists => true)"
    )
