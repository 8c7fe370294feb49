"""When a stored partition stays although it cannot be built again: its source bytes are gone.

Sierra forgets depth after about a month, and a folder can be cleaned up. What was read from such
bytes is still what they held, so the partition stays usable, in the form of today's contract, and
its notes say that it stands on bytes that are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.store.evolution import obstacle
from zanzibar_assets.store.keys import SOURCE_PREFIX
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.keys import PartitionKey
    from zanzibar_assets.store.manifest import InputRecord, PartitionRecord
    from zanzibar_assets.store.specs import TableSpec
    from zanzibar_assets.store.workspace import Workspace

SOURCE_GONE = "source_gone"
MIGRATED_FROM = "migrated_from"
"""Note of a partition that is read in another contract version than it was written in."""


def kept_without_source(workspace: Workspace, spec: TableSpec, key: PartitionKey) -> PartitionRecord | None:
    """The usable record of a partition whose source holds nothing of it any more; else None.

    The record's notes say so, and from which contract version it is read; they are kept in the
    manifest. A partition of which the source holds other bytes now is not kept: that is a correction.
    """
    record = workspace.manifest.get(spec.table, key)
    if (
        spec.source is None
        or record is None
        or record.verdict is not Verdict.OK
        or record.fingerprint is None
    ):
        return None
    read = [i for i in record.inputs if i.table.startswith(SOURCE_PREFIX)]
    if not read or not _is_gone(workspace, spec.source, key, read):
        return None
    version = record.schema_version
    if obstacle(spec.table, version) or not workspace.lake.exists(
        spec.table, key, version, record.fingerprint
    ):
        return None
    names = ", ".join(sorted({i.table.removeprefix(SOURCE_PREFIX) for i in read}))
    notes: dict[str, Any] = {
        SOURCE_GONE: f"{names} holds nothing of {key} any more: what was read from it is kept"
    }
    if version != TABLES[spec.table].version:
        notes[MIGRATED_FROM] = {spec.table: version}
    marked = replace(record, notes=record.notes | notes)
    if marked != record:
        workspace.manifest.put(marked)
    return marked


def _is_gone(workspace: Workspace, kind: str, key: PartitionKey, read: Sequence[InputRecord]) -> bool:
    if kind == "inbox":
        return not workspace.config.inbox.is_dir()
    from zanzibar_assets.ingestion.sources import session_slices

    sources = workspace.sources
    if sources.slices(kind, key):
        return False
    names = {i.table.removeprefix(SOURCE_PREFIX) for i in read}
    instrument = workspace.instruments[str(key.instrument)]
    return not any(
        piece.session == key.session
        for file in sources.files(instrument)
        if file.path.name in names
        for piece in session_slices(file, instrument)
    )
