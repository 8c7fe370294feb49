"""Rows of the manifest as objects: what a partition is, its earlier versions, and why it changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from zanzibar_assets.store.keys import SOURCE_PREFIX, PartitionKey
from zanzibar_assets.vocabulary import Verdict

SOURCE_CHANGED = "source changed"
CODE_CHANGED = "code changed"
CONFIGURATION_CHANGED = "configuration changed"
INPUTS_CHANGED = "inputs changed"
FORCED = "forced"


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


@dataclass(frozen=True, slots=True)
class PartitionVersion:
    """A partition as it was written once: still current, or superseded at an instant and why.

    ``superseded_by`` is the fingerprint that took its place; None while it is current, and when
    what took its place holds no frame (a blocked build).
    """

    record: PartitionRecord
    superseded_us: int | None = None
    superseded_by: str | None = None
    reason: str = ""

    @property
    def is_current(self) -> bool:
        """Whether the manifest's row of the partition is this one."""
        return self.superseded_us is None


def to_row(record: PartitionRecord) -> dict[str, Any]:
    """Columns of a record."""
    return {
        "table_name": record.table,
        "partition_key": str(record.key),
        "instrument": record.key.instrument,
        "session": record.key.session,
        "fingerprint": record.fingerprint,
        "bytes": record.bytes,
        "rows": record.rows,
        "first_us": record.first_us,
        "last_us": record.last_us,
        "schema_version": record.schema_version,
        "code_version": record.code_version,
        "config_hash": record.config_hash,
        "verdict": record.verdict.value,
        "reasons": json.dumps(record.reasons),
        "checks": json.dumps([[c.name, c.passed, c.detail, c.blocking] for c in record.checks]),
        "inputs": json.dumps([[i.table, i.key, i.fingerprint] for i in record.inputs]),
        "notes": json.dumps(record.notes, sort_keys=True, default=str),
        "simulated": record.simulated,
        "run_id": record.run_id,
        "written_us": record.written_us,
    }


def from_row(row: tuple[Any, ...]) -> PartitionRecord:
    """Record of the columns in their order in the schema."""
    (
        table, _key, instrument, session, fingerprint, size, rows, first_us, last_us, schema_version,
        code_version, config_hash, verdict, reasons, checks, inputs, notes, simulated, run_id, written_us,
    ) = row  # fmt: skip
    return PartitionRecord(
        table=table,
        key=PartitionKey(instrument, session),
        verdict=Verdict(verdict),
        fingerprint=fingerprint,
        bytes=size,
        rows=rows,
        first_us=first_us,
        last_us=last_us,
        schema_version=schema_version,
        code_version=code_version,
        config_hash=config_hash,
        inputs=tuple(InputRecord(*item) for item in json.loads(inputs)),
        reasons=tuple(json.loads(reasons)),
        checks=tuple(CheckOutcome(*item) for item in json.loads(checks)),
        notes=json.loads(notes),
        simulated=bool(simulated),
        run_id=run_id,
        written_us=written_us,
    )


def change_reason(old: PartitionRecord, new: PartitionRecord) -> str:
    """Why a partition was built again: everything of its identity that differs, else ``forced``."""
    causes = {
        SOURCE_CHANGED: _sources(old) != _sources(new),
        CODE_CHANGED: (old.code_version, old.schema_version) != (new.code_version, new.schema_version),
        CONFIGURATION_CHANGED: old.config_hash != new.config_hash,
        INPUTS_CHANGED: _tables(old) != _tables(new),
    }
    return ", ".join(cause for cause, holds in causes.items() if holds) or FORCED


def _sources(record: PartitionRecord) -> list[InputRecord]:
    return [i for i in record.inputs if i.table.startswith(SOURCE_PREFIX)]


def _tables(record: PartitionRecord) -> list[InputRecord]:
    return [i for i in record.inputs if not i.table.startswith(SOURCE_PREFIX)]
