"""Point-in-time reproduction: a stored partition computed again from exactly what it was made from.

Every input is read at the fingerprint that the partition recorded, also where newer versions stand
in its place, and the result is compared with what is stored, bit for bit.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zanzibar_assets.contracts.registry import TABLES, conform, empty
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.evolution import is_stored, load, obstacle
from zanzibar_assets.store.inputs import Inputs
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import ABSENT, KNOWN_LATER, UP_TO, Manifest
from zanzibar_assets.store.versions import as_read
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.manifest import InputRecord, PartitionRecord
    from zanzibar_assets.store.specs import TableSpec
    from zanzibar_assets.store.workspace import Workspace


class PinnedManifest(Manifest):
    """The manifest as one partition's builder found it: what is there is what its record names.

    Whatever the record does not name was not read then; asking for it raises MissingInput.
    """

    def __init__(self, whole: Manifest, reader: PartitionRecord) -> None:
        super().__init__(whole.database)
        self._whole, self._reader = whole, reader
        self._read = {(made.table, made.key): made.fingerprint for made in reader.inputs}

    def get(self, table: str, key: PartitionKey) -> PartitionRecord | None:
        """Record of a partition as it was read; None when it was absent or held back then."""
        state = self.state_of(table, str(key))
        if state == KNOWN_LATER:
            return self._whole.get(table, key)
        if state in {ABSENT, Verdict.BLOCKED.value, Verdict.FAILED.value}:
            return None
        found = self._whole.version(state, table, key)
        if found is None:
            raise _gone(f"{table} {key}", state)
        return found.record

    def of_table(
        self, table: str, instrument: str | None = None, through: str | None = None
    ) -> list[PartitionRecord]:
        """Records of a query over sessions as it was answered; MissingInput when that is not known."""
        key = f"{instrument}|{UP_TO}{through}"
        state = self.state_of(table, key)
        made = next(i for i in self._reader.inputs if (i.table, i.key) == (table, key))
        found = as_read(made, self._reader, self._whole)
        if not found.exact:
            raise _gone(f"{table} {key}", state)
        return [version.record for version in found.versions]

    def state_of(self, table: str, key: str) -> str:
        """Fingerprint or state that was recorded for an input."""
        if (table, key) not in self._read:
            raise MissingInput(
                f"the code now reads {table} {key}, which it did not read then",
                action="only the code that built a partition can compute it again from what it read",
            )
        return self._read[table, key]

    def as_of_state(self, record: PartitionRecord | None, session: str | None) -> str:
        """State of a record as the reader saw it."""
        return ABSENT if record is None else self.state_of(record.table, str(record.key))

    def is_current(self, made_from: InputRecord, session: str | None) -> bool:
        """True: what was read was current when it was read."""
        return True


def _gone(name: str, fingerprint: str) -> MissingInput:
    return MissingInput(
        f"{name} is not stored as it was read",
        expected=fingerprint,
        action="its old version was pruned: what was made from it cannot be computed again",
    )


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A partition beside its recomputation; ``differences`` is empty when they are equal bit for bit."""

    table: str
    key: str
    fingerprint: str
    rows: int
    same_code: bool
    differences: tuple[str, ...]


def reproduce(
    workspace: Workspace, spec: TableSpec, key: PartitionKey, fingerprint: str | None = None
) -> Reproduced:
    """Compute a stored partition (the current one, or an older ``fingerprint``) again and compare.

    For tables that read partitions alone. Raises MissingInput when it or an input is not stored.
    """
    record = stored_version(workspace, spec.table, key, fingerprint)
    frame = load_version(workspace, record)
    recomputed = conform(spec.table, _computed(workspace, spec, record))
    same = record.code_version == spec.code_version
    return Reproduced(
        spec.table, str(key), str(record.fingerprint), frame.height, same, differences(frame, recomputed)
    )


def _computed(workspace: Workspace, spec: TableSpec, record: PartitionRecord) -> pl.DataFrame:
    for made in record.inputs:
        if UP_TO not in made.key and made.fingerprint not in {ABSENT, KNOWN_LATER}:
            _require_stored(workspace, made)
    then = copy(workspace)
    then.manifest = PinnedManifest(workspace.manifest, record)
    inputs = Inputs(then, record.key, record.notes.get("through"))
    if not inputs.is_open_day():
        return empty(spec.table)
    result = spec.compute(inputs)
    return result[spec.table] if isinstance(result, dict) else result  # type: ignore[return-value]


def _require_stored(workspace: Workspace, made: InputRecord) -> None:
    """MissingInput that names the version whose bytes are gone, before anything is computed."""
    if made.table not in TABLES or made.fingerprint in {Verdict.BLOCKED.value, Verdict.FAILED.value}:
        return
    key = PartitionKey.parse(made.key)
    found = workspace.manifest.version(made.fingerprint, made.table, key)
    if found is None:
        raise _gone(f"{made.table} {made.key}", made.fingerprint)
    _require_bytes(workspace, found.record)


def _require_bytes(workspace: Workspace, record: PartitionRecord) -> None:
    version, stored = record.schema_version, record.fingerprint or ""
    if not is_stored(workspace.manifest, workspace.lake, record):
        raise _gone(f"{record.table} {record.key}", stored)
    reason = obstacle(record.table, version)
    if reason is not None:
        raise MissingInput(
            f"{record.table} {record.key} is stored in version {version} of its contract",
            expected=f"version {TABLES[record.table].version}",
            got=reason,
            action="the Zanzibar that wrote it computes it again",
        )


def load_version(workspace: Workspace, record: PartitionRecord) -> pl.DataFrame:
    """Frame of a version; MissingInput in plain words when its bytes were pruned."""
    _require_bytes(workspace, record)
    return load(workspace.lake, record)


def stored_version(
    workspace: Workspace, table: str, key: PartitionKey, fingerprint: str | None = None
) -> PartitionRecord:
    """Record of a partition (the current one, or an older ``fingerprint``); MissingInput without one."""
    if fingerprint is None:
        record = workspace.manifest.get(table, key)
    else:
        found = workspace.manifest.version(fingerprint, table, key)
        record = found.record if found else None
    if record is None or record.fingerprint is None or table not in TABLES:
        at = f" at {fingerprint}" if fingerprint else ""
        raise MissingInput(f"{table} {key}{at} is not stored", action="see `zanzibar versions`")
    return record


def differences(stored: pl.DataFrame, recomputed: pl.DataFrame) -> tuple[str, ...]:
    """What differs between two frames, in words: shape, or columns with the number of rows and the first."""
    if stored.shape != recomputed.shape or stored.columns != recomputed.columns:
        return (f"stored {stored.shape[0]} x {stored.shape[1]}, computed again "
                f"{recomputed.shape[0]} x {recomputed.shape[1]}",)  # fmt: skip
    found = []
    for name in stored.columns:
        unequal = stored[name].ne_missing(recomputed[name]).arg_true()
        if len(unequal):
            row = int(unequal[0])
            found.append(
                f"{name}: {len(unequal)} rows, first {row}: {stored[name][row]} stored, "
                f"{recomputed[name][row]} computed again"
            )
    return tuple(found)
