"""The manifest: what each stored partition is, what it was made from, its verdict and its versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.database import Database, Transaction
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.records import (
    CheckOutcome,
    InputRecord,
    PartitionRecord,
    PartitionVersion,
    change_reason,
    from_row,
    to_row,
)
from zanzibar_assets.vocabulary import Grain, Verdict

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Insert, Select

__all__ = [
    "ABSENT",
    "KNOWN_LATER",
    "UP_TO",
    "CheckOutcome",
    "InputRecord",
    "Manifest",
    "PartitionRecord",
    "PartitionVersion",
]

ABSENT = "absent"
UP_TO = "<="
KNOWN_LATER = "known_later"
"""State of an estimate that was fitted on the reader's own session or on a later one."""


class Manifest:
    """Reads and writes partition records in the metadata database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(
        self,
        record: PartitionRecord,
        reason: str = "",
        also: Callable[[Transaction], None] | None = None,
    ) -> None:
        """Insert or replace a partition's record; a row with another fingerprint becomes a version.

        ``reason`` says why the partition was built again; left empty it is read off what differs.
        ``also`` writes what belongs to the partition in the same transaction.
        """
        statements, row = _statements(), to_row(record)
        with self.database.writing() as transaction:
            transaction.lock(f"partition {record.table} {record.key}")
            found = transaction.rows(statements.one, table_name=record.table, partition_key=str(record.key))
            if found and found[0][_FINGERPRINT] not in (None, record.fingerprint):
                _supersede(transaction, found[0], record, reason)
            transaction.run(statements.put, row)
            if also is not None:
                also(transaction)

    def get(self, table: str, key: PartitionKey) -> PartitionRecord | None:
        """Record of a partition, or None."""
        with self.database.reading() as transaction:
            found = transaction.rows(_statements().one, table_name=table, partition_key=str(key))
        return from_row(found[0]) if found else None

    def of_table(
        self, table: str, instrument: str | None = None, through: str | None = None
    ) -> list[PartitionRecord]:
        """Records of a table (of one instrument, up to a session) ordered by session and instrument."""
        asked = {"table_name": table, "instrument": instrument, "through": through}
        return self._select(**{name: value for name, value in asked.items() if value is not None})

    def of_code(
        self, table: str, code_version: str, schema_version: int, notes: str
    ) -> list[PartitionRecord]:
        """Records of a table that one version of its code built, whose notes are like a pattern."""
        with self.database.reading() as transaction:
            rows = transaction.rows(
                _statements().of_code,
                table_name=table,
                code_version=code_version,
                schema_version=schema_version,
                notes=notes,
            )
        return [from_row(row) for row in sorted(rows, key=_in_order)]

    def all(self) -> list[PartitionRecord]:
        """Every record, ordered by table, session and instrument."""
        return self._select()

    def versions(self, table: str, key: PartitionKey) -> list[PartitionVersion]:
        """What a partition was before, the newest first; the current row is not among them."""
        with self.database.reading() as transaction:
            found = transaction.rows(_statements().versions, table_name=table, partition_key=str(key))
        return [_version(row) for row in found]

    def superseded(self) -> list[PartitionVersion]:
        """Everything that any partition was before, the newest first."""
        with self.database.reading() as transaction:
            found = transaction.rows(_statements().superseded)
        return [_version(row) for row in found]

    def version(
        self, fingerprint: str, table: str | None = None, key: PartitionKey | None = None
    ) -> PartitionVersion | None:
        """The newest version, current or superseded, with a fingerprint; None when there never was one.

        Raises StoreError when several partitions carry it (empty days hold equal bytes) and none is
        named.
        """
        statements = _statements()
        with self.database.reading() as transaction:
            now = transaction.rows(statements.with_fingerprint, fingerprint=fingerprint)
            before = transaction.rows(statements.versions_with_fingerprint, fingerprint=fingerprint)
        found = [PartitionVersion(from_row(row)) for row in now] + [_version(row) for row in before]
        found = [v for v in found if table in (None, v.record.table) and key in (None, v.record.key)]
        names = sorted({f"{v.record.table} {v.record.key}" for v in found})
        if len(names) > 1:
            raise StoreError(
                f"{len(names)} partitions carry the fingerprint {fingerprint}",
                got=", ".join(names[:5]),
                action="name the table and the partition too",
            )
        return found[0] if found else None

    def state_of(self, table: str, key: str) -> str:
        """Current fingerprint of an input as an InputRecord names it."""
        if UP_TO in key:
            instrument, through = key.split("|" + UP_TO, 1)
            return self.query_fingerprint(self.of_table(table, instrument, through))
        record = self.get(table, PartitionKey.parse(key))
        return ABSENT if record is None else record.state

    def as_of_state(self, record: PartitionRecord | None, session: str | None) -> str:
        """State of a record as a partition of ``session`` may see it.

        An estimate of an instrument (a model, its validation, its risk) that was fitted through
        that session or later did not exist then.
        """
        if record is None:
            return ABSENT
        if session is not None and record.key.grain is Grain.INSTRUMENT:
            through = record.notes.get("through")
            if through is not None and through >= session:
                return KNOWN_LATER
        return record.state

    def is_current(self, made_from: InputRecord, session: str | None) -> bool:
        """True when an input is what it was, for a reader of ``session``.

        What a session's partition was made from cannot be overtaken by a later estimate: a model
        that is retrained afterwards leaves the predictions of its predecessor as they were.
        """
        if UP_TO not in made_from.key and "|" not in made_from.key:
            record = self.get(made_from.table, PartitionKey.parse(made_from.key))
            state = self.as_of_state(record, session)
            return state in (made_from.fingerprint, KNOWN_LATER)
        return self.state_of(made_from.table, made_from.key) == made_from.fingerprint

    @staticmethod
    def query_fingerprint(records: Iterable[PartitionRecord]) -> str:
        """Fingerprint of a set of usable partitions."""
        usable = [[str(r.key), r.fingerprint] for r in records if r.verdict is Verdict.OK]
        return stable_hash(usable, 16)

    def _select(self, **values: str) -> list[PartitionRecord]:
        with self.database.reading() as transaction:
            rows = transaction.rows(_many(tuple(values)), **values)
        rows.sort(key=_in_order)
        return [from_row(row) for row in rows]


class _Statements(NamedTuple):
    one: Select[Any]
    of_code: Select[Any]
    put: Insert
    supersede: Insert
    versions: Select[Any]
    superseded: Select[Any]
    with_fingerprint: Select[Any]
    versions_with_fingerprint: Select[Any]


@cache
def _statements() -> _Statements:
    from sqlalchemy import bindparam, select

    from zanzibar_assets.store.schema import PARTITION_VERSIONS, PARTITIONS
    from zanzibar_assets.store.upsert import upsert

    now, before = PARTITIONS.c, PARTITION_VERSIONS.c
    fingerprint: BindParameter[str] = bindparam("fingerprint")
    newest_first = before.superseded_us.desc(), before.written_us.desc()
    of_partition = (
        before.table_name == bindparam("table_name"),
        before.partition_key == bindparam("partition_key"),
    )
    return _Statements(
        one=_many(("table_name", "partition_key")),
        of_code=_many(("table_name", "code_version", "schema_version")).where(
            now.notes.like(bindparam("notes"))
        ),
        put=upsert(PARTITIONS),
        supersede=upsert(PARTITION_VERSIONS),
        versions=select(PARTITION_VERSIONS).where(*of_partition).order_by(*newest_first),
        superseded=select(PARTITION_VERSIONS).order_by(*newest_first),
        with_fingerprint=select(PARTITIONS).where(now.fingerprint == fingerprint),
        versions_with_fingerprint=select(PARTITION_VERSIONS)
        .where(before.fingerprint == fingerprint)
        .order_by(*newest_first),
    )


@cache
def _many(names: tuple[str, ...]) -> Select[Any]:
    """Rows of the manifest by some of their columns."""
    from sqlalchemy import bindparam, select

    from zanzibar_assets.store.schema import PARTITIONS

    columns = PARTITIONS.c
    clauses = [
        columns.session <= bindparam(name) if name == "through" else columns[name] == bindparam(name)
        for name in names
    ]
    return select(PARTITIONS).where(*clauses)


_INSTRUMENT, _SESSION, _FINGERPRINT, _COLUMNS = 2, 3, 4, 20


def _in_order(row: tuple[Any, ...]) -> tuple[str, str, str]:
    """By table, session and instrument; not left to the server, whose language may sort otherwise."""
    return row[0], row[_SESSION] or "", row[_INSTRUMENT] or ""


def _version(row: tuple[Any, ...]) -> PartitionVersion:
    return PartitionVersion(from_row(row[:_COLUMNS]), *row[_COLUMNS:])


def _supersede(transaction: Transaction, row: tuple[Any, ...], new: PartitionRecord, reason: str) -> None:
    values = dict(zip(to_row(new), row, strict=True)) | {
        "superseded_us": new.written_us,
        "superseded_by": new.fingerprint,
        "reason": reason or change_reason(from_row(row), new),
    }
    transaction.run(_statements().supersede, values)
