"""Point-in-time reproduction: a stored partition computed again from exactly what it was made from.

Every input is read at the fingerprint that the partition recorded, also where newer versions stand
in its place, and the result is compared with what is stored, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zanzibar_assets.contracts.registry import TABLES, conform, empty
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.evolution import load
from zanzibar_assets.store.inputs import Inputs
from zanzibar_assets.store.keys import PartitionKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from zanzibar_assets.store.manifest import InputRecord, PartitionRecord
    from zanzibar_assets.store.specs import TableSpec
    from zanzibar_assets.store.workspace import Workspace


@dataclass(slots=True)
class PinnedInputs(Inputs):
    """Inputs whose partitions are the recorded versions, whatever is current now."""

    pinned: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def _usable(self, table: str, key: PartitionKey) -> PartitionRecord:
        wanted = self.pinned.get((table, str(key)))
        found = self.workspace.manifest.version(wanted, table, key) if wanted else None
        if found is None:
            raise MissingInput(
                f"{table} {key} is not stored as it was",
                expected=wanted or "a recorded input",
                action="its old version was pruned, or the code now reads a table that it did not read then",
            )
        return found.record


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

    For tables that read partitions by name. Raises MissingInput when it or an input is not stored.
    """
    record = _stored(workspace, spec.table, key, fingerprint)
    frame = load(workspace.lake, record)
    recomputed = conform(spec.table, _computed(workspace, spec, key, record.inputs))
    same = record.code_version == spec.code_version
    return Reproduced(
        spec.table, str(key), str(record.fingerprint), frame.height, same, differences(frame, recomputed)
    )


def _computed(
    workspace: Workspace, spec: TableSpec, key: PartitionKey, recorded: tuple[InputRecord, ...]
) -> pl.DataFrame:
    pinned = {(made.table, made.key): made.fingerprint for made in recorded}
    inputs = PinnedInputs(workspace, key, pinned=pinned)
    if not inputs.is_open_day():
        return empty(spec.table)
    result = spec.compute(inputs)
    return result[spec.table] if isinstance(result, dict) else result  # type: ignore[return-value]


def _stored(workspace: Workspace, table: str, key: PartitionKey, fingerprint: str | None) -> PartitionRecord:
    if fingerprint is None:
        record = workspace.manifest.get(table, key)
    else:
        found = workspace.manifest.version(fingerprint, table, key)
        record = found.record if found else None
    if record is None or record.fingerprint is None or table not in TABLES:
        raise MissingInput(f"{table} {key} is not stored", action="see `zanzibar versions`")
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
