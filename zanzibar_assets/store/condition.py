"""How a metadata store fares, found out by looking only: nothing is made, migrated or written."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.places import BUSY_SECONDS, PostgresSchema, SqliteFile

ROUND_TRIPS = 5


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found; sizes in bytes, None where the server does not tell this user.

    ``revision`` is None where nothing was made yet; ``problem`` says what is damaged;
    ``reclaimable_bytes`` would be freed by a VACUUM; ``copies`` are those made before migrations,
    the newest last; ``archive`` says how PostgreSQL archives its log.
    """

    kind: str
    revision: str | None
    problem: str = ""
    round_trip_ms: float = 0.0
    size_bytes: int = 0
    log_bytes: int | None = None
    reclaimable_bytes: int = 0
    copies: tuple[Path, ...] = ()
    archive: str = ""
    trials: int = 0


def condition_of(place: SqliteFile | PostgresSchema) -> Condition:
    """Condition of a metadata store; StoreError when it cannot be read at all."""
    return _of_file(place.path) if isinstance(place, SqliteFile) else _of_server(place)


def _of_file(path: Path) -> Condition:
    if not path.exists():
        return Condition("SQLite", None)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS / 3)) as link:
            sound = str(link.execute("PRAGMA quick_check").fetchone()[0])
            page, free = (
                int(link.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_size", "freelist_count")
            )
            revision = _file_revision(link)
            trials = int(link.execute("SELECT count(*) FROM trials").fetchone()[0]) if revision else 0
            trip = _round_trip_ms(lambda: link.execute("SELECT count(*) FROM sqlite_master").fetchone())
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be read", got=str(error), action="restore it from a copy, or build again"
        ) from error
    log = path.with_name(path.name + "-wal")
    return Condition(
        kind=f"SQLite {sqlite3.sqlite_version}",
        revision=revision,
        problem="" if sound == "ok" else sound,
        round_trip_ms=trip,
        size_bytes=path.stat().st_size,
        log_bytes=log.stat().st_size if log.exists() else 0,
        reclaimable_bytes=page * free,
        trials=trials,
        copies=tuple(sorted(path.parent.glob(f"{path.name}.before-*"))),
    )


def _file_revision(link: sqlite3.Connection) -> str | None:
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    if link.execute(tables).fetchone():
        return str(link.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    number = int(link.execute("PRAGMA user_version").fetchone()[0])
    return f"{number:04d}" if number else None


_TABLES = (
    "SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = to_regnamespace(%s) AND relkind = 'r'"
)
_DEAD = "SELECT coalesce(sum(pg_relation_size(relid) * n_dead_tup / (n_live_tup + n_dead_tup)), 0)" + (
    " FROM pg_stat_user_tables WHERE schemaname = %s AND n_live_tup + n_dead_tup > 0"
)
_MAY_SEE_LOG = "SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE')"
_ARCHIVE = "SELECT current_setting('archive_mode'), last_archived_time::text, last_failed_time::text," + (
    " coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL) FROM pg_stat_archiver"
)


def _of_server(place: PostgresSchema) -> Condition:
    with place.link.transaction(read_only=True) as cursor:

        def one(text: str, *values: str) -> tuple[Any, ...]:
            cursor.execute(text, values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row or (None,)

        trip = _round_trip_ms(lambda: one("SELECT 1"))
        server = str(one("SHOW server_version")[0]).split()[0]
        cursor.execute(_TABLES, (place.schema,))
        tables = {name: oid for oid, name in cursor.fetchall()}
        size = sum(int(one("SELECT pg_total_relation_size(%s)", oid)[0]) for oid in tables.values())
        made = "alembic_version" in tables
        log = int(one("SELECT sum(size) FROM pg_ls_waldir()")[0]) if one(_MAY_SEE_LOG)[0] else None
        found = Condition(
            kind=f"PostgreSQL {server}",
            revision=str(one(f"SELECT version_num FROM {place.schema}.alembic_version")[0]) if made else None,
            round_trip_ms=trip,
            size_bytes=size,
            log_bytes=log,
            reclaimable_bytes=int(one(_DEAD, place.schema)[0]),
            archive=_archive(one(_ARCHIVE)),
        )
    place.link.close()
    return found


def _archive(row: tuple[Any, ...]) -> str:
    mode, last, failed, failing = row
    if mode == "off":
        return "off"
    if failing:
        return f"failing since {failed}"
    return f"last at {last}" if last else "nothing archived yet"


def _round_trip_ms(ask: Callable[[], object]) -> float:
    """The quickest of a few questions: what the store needs, not what else the machine does."""
    taken = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return min(taken) * 1_000
