"""The manifest: what each stored partition is, what it was made from, and its verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from zanzibar_assets.config import stable_hash
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Grain, Verdict

ABSENT = "absent"
UP_TO = "<="
KNOWN_LATER = "known_later"
"""State of an estimate that was fitted on the reader's own session or on a later one."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One input of a partition: a partition of a table, a query over one, or bytes of a source.

    ``fingerprint`` is its content hash, or ``absent``/``blocked``/``failed`` as it was found.
    """

    table: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One check of one partition."""

    name: str
    passed: bool
    detail: str
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """One row of the manifest."""

    table: str
    key: PartitionKey
    verdict: Verdict
    fingerprint: str | None
    bytes: int | None
    rows: int | None
    first_us: int | None
    last_us: int | None
    schema_version: int
    code_version: str
    config_hash: str
    inputs: tuple[InputRecord, ...]
    reasons: tuple[str, ...] = ()
    checks: tuple[CheckOutcome, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False
    run_id: str = ""
    written_us: int = 0

    @property
    def state(self) -> str:
        """What a reader sees of it: the fingerprint when usable, else the verdict."""
        return self.fingerprint if self.verdict is Verdict.OK and self.fingerprint else self.verdict.value


class Manifest:
    """Reads and writes partition records in the metadata database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, record: PartitionRecord) -> None:
        """Insert or replace a partition's record."""
        values = (
            record.table,
            str(record.key),
            record.key.instrument,
            record.key.session,
            record.fingerprint,
            record.bytes,
            record.rows,
            record.first_us,
            record.last_us,
            record.schema_version,
            record.code_version,
            record.config_hash,
            record.verdict.value,
            json.dumps(record.reasons),
            json.dumps([[c.name, c.passed, c.detail, c.blocking] for c in record.checks]),
            json.dumps([[i.table, i.key, i.fingerprint] for i in record.inputs]),
            json.dumps(record.notes, sort_keys=True, default=str),
            int(record.simulated),
            record.run_id,
            record.written_us,
        )
        with self.database.connect() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO partitions VALUES ({','.join('?' * len(values))})", values
            )

    def get(self, table: str, key: PartitionKey) -> PartitionRecord | None:
        """Record of a partition, or None."""
        found = self._select("table_name = ? AND partition_key = ?", (table, str(key)))
        return found[0] if found else None

    def of_table(
        self, table: str, instrument: str | None = None, through: str | None = None
    ) -> list[PartitionRecord]:
        """Records of a table (of one instrument, up to a session) ordered by session and instrument."""
        clauses, values = ["table_name = ?"], [table]
        if instrument is not None:
            clauses.append("instrument = ?")
            values.append(instrument)
        if through is not None:
            clauses.append("session <= ?")
            values.append(through)
        return self._select(" AND ".join(clauses), values)

    def all(self) -> list[PartitionRecord]:
        """Every record, ordered by table, session and instrument."""
        return self._select("1 = 1", ())

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

    def _select(self, where: str, values: Sequence[object]) -> list[PartitionRecord]:
        # `where` is one of this class's own literals; values are always bound.
        with self.database.connect() as connection:
            rows = connection.execute(
                f"SELECT * FROM partitions WHERE {where} ORDER BY table_name, session, instrument", values
            ).fetchall()
        return [_record(dict(row)) for row in rows]


def _record(row: dict[str, Any]) -> PartitionRecord:
    return PartitionRecord(
        table=row["table_name"],
        key=PartitionKey.parse(row["partition_key"]),
        verdict=Verdict(row["verdict"]),
        fingerprint=row["fingerprint"],
        bytes=row["bytes"],
        rows=row["rows"],
        first_us=row["first_us"],
        last_us=row["last_us"],
        schema_version=row["schema_version"],
        code_version=row["code_version"],
        config_hash=row["config_hash"],
        inputs=tuple(InputRecord(*item) for item in json.loads(row["inputs"])),
        reasons=tuple(json.loads(row["reasons"])),
        checks=tuple(CheckOutcome(*item) for item in json.loads(row["checks"])),
        notes=json.loads(row["notes"]),
        simulated=bool(row["simulated"]),
        run_id=row["run_id"],
        written_us=row["written_us"],
    )
