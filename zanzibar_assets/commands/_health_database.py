"""Checks of `zanzibar doctor` on the metadata store: which one, its schema, answers, room, care, copies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from zanzibar_assets.commands._health import BUILD_FIRST, FAIL, OK, WARN, Item
from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.condition import Condition, condition_of
from zanzibar_assets.store.migrations import HEAD
from zanzibar_assets.store.places import PostgresSchema, SqliteFile

SLOW_MS = 20.0
"""A build asks the manifest some ten times: beyond this the asking takes longer than most builds."""
LARGE_LOG_BYTES = 256 << 20
LEAST_RECLAIMABLE_BYTES = 64 << 20
RECLAIMABLE_SHARE = 0.3


def database_items(place: SqliteFile | PostgresSchema) -> Iterator[Item]:
    """The metadata store in lines; the first says whether its rows can be read."""
    try:
        found = condition_of(place)
    except StoreError as error:
        detail = f"{place}: {error.message}" + (f" ({error.got})" if error.got else "")
        yield Item("database", FAIL, detail, error.action)
        return
    yield database_item(place, found)
    if found.revision is not None and not found.problem:
        yield room_item(found)
        yield copies_item(place, found)


def database_item(place: SqliteFile | PostgresSchema, found: Condition) -> Item:
    """Which metadata store is in use, that it is sound, of this version's schema, and quick."""
    name = f"metadata in {found.kind}, {place.schema if isinstance(place, PostgresSchema) else place}"
    if found.problem:
        action = "restore it from a copy, or build again"
        return Item("database", FAIL, f"{name} is damaged: {found.problem}", action)
    if found.revision is None:
        return Item("database", OK, f"{name}: not made yet", BUILD_FIRST)
    if found.revision > HEAD:
        action = "install the newer Zanzibar or use another home folder"
        return Item("database", FAIL, f"{name}: schema {found.revision}, this version knows {HEAD}", action)
    detail = f"{name}: sound, schema {found.revision}, answers in {found.round_trip_ms:.2f} ms"
    if found.revision < HEAD:
        action = "the next command that builds brings it up to date; a file is copied beside it first"
        return Item("database", WARN, f"{detail}; this version writes schema {HEAD}", action)
    if found.round_trip_ms > SLOW_MS:
        action = "keep the home on a local disk, or the server near: builds ask it all the time"
        return Item("database", WARN, detail, action)
    return Item("database", OK, detail)


def room_item(found: Condition) -> Item:
    """Size, write-ahead log, and what a VACUUM would free."""
    log = "log not visible to this user" if found.log_bytes is None else f"log {_size(found.log_bytes)}"
    free = f"{_size(found.reclaimable_bytes)} to reclaim"
    detail = f"{_size(found.size_bytes)}, {log}, {free}"
    on_server = found.kind.startswith("PostgreSQL")
    if not on_server and (found.log_bytes or 0) > LARGE_LOG_BYTES:
        action = "a process has read for long: end it; the log is folded in when the last one closes"
        return Item("database_room", WARN, detail, action)
    spare = found.reclaimable_bytes
    if spare > LEAST_RECLAIMABLE_BYTES and spare > RECLAIMABLE_SHARE * found.size_bytes:
        action = "VACUUM the schema's tables" if on_server else "`VACUUM` the file while nothing runs"
        return Item("database_room", WARN, detail, action)
    if on_server:
        detail += "; the server's disk is not visible from here"
    return Item("database_room", OK, detail)


def copies_item(place: SqliteFile | PostgresSchema, found: Condition) -> Item:
    """What is known of copies: Zanzibar makes one before a migration, and PostgreSQL archives its log."""
    if isinstance(place, PostgresSchema):
        detail = f"the server's archive: {found.archive}; pg_dump -n {place.schema} copies the metadata"
        if found.archive.startswith("failing"):
            return Item("database_copy", WARN, detail, "look at archive_command and the server's log")
        return Item("database_copy", OK, detail)
    if not found.copies:
        detail = "no copy beside it; copy the home while nothing runs"
        return Item("database_copy", OK, detail)
    newest = found.copies[-1]
    made = datetime.fromtimestamp(newest.stat().st_mtime, UTC)
    return Item("database_copy", OK, f"{newest.name}, before its migration at {made:%Y-%m-%d %H:%M} UTC")


def journal_item(path: Path) -> Item | None:
    """The file that keeps the execution journal when PostgreSQL keeps the metadata; None where all is one."""
    if not path.exists():
        return None
    try:
        found = condition_of(SqliteFile(path))
    except StoreError as error:
        return Item("journal", FAIL, f"{error.message} ({error.got})", error.action)
    if found.problem:
        action = "restore it from a copy before anything is sent"
        return Item("journal", FAIL, f"{path} is damaged: {found.problem}", action)
    if found.trials:
        detail = f"{found.trials} trials stand in {path}, not in PostgreSQL: validation does not count them"
        return Item(
            "journal", WARN, detail, "train again, or unset ZANZIBAR_DATABASE_URL to go on with the file"
        )
    return Item("journal", OK, f"order intents in {path}: sound, {_size(found.size_bytes)}")


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
