"""Whether stored raw partitions still hold what their source files hold.

A cursor sees the beginning of a file and the records before its offset. A correction that leaves
both alone is seen here: the bytes that stored partitions were built from are hashed again, a
bounded number of bytes a look, round and round.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion.reading import ReadRange
from zanzibar_assets.ingestion.record_blocks import hash_range
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.source_reading import read_ranges
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import PartitionRecord
    from zanzibar_assets.store.workspace import Workspace

RAW_TABLES = {"raw_ticks": "scid", "raw_depth": "depth"}
"""Tables that are built from the bytes of Sierra files, and the kind of these files."""
AUDIT_BYTES = 64 * 2**20
"""Bytes hashed again in one look: about a tenth of a second."""


def is_built(workspace: Workspace, key: PartitionKey) -> bool:
    """True when the raw tables of a session hold exactly the bytes that its files hold now.

    What was built of a file that holds nothing of the session any more stays as it is. A build that
    was blocked by a source read nothing, whatever its record says of inputs.
    """
    for table, kind in RAW_TABLES.items():
        record = workspace.manifest.get(table, key)
        if record is None or record.verdict is Verdict.BLOCKED:
            return False
        gone = bool(record.inputs) and not workspace.sources.slices(kind, key)
        if not gone and not workspace.sources.holds(kind, key, record.inputs):
            return False
    return True


def audit(
    workspace: Workspace, paths: Mapping[str, Path], after: str, budget: int = AUDIT_BYTES
) -> tuple[dict[PartitionKey, str], str]:
    """Partitions whose bytes are other ones now, with a mark of these, and where to go on.

    ``paths`` are the files by name; a file that is gone says nothing against what was built of it.
    """
    records = {
        f"{record.table} {record.key}": record
        for instrument in workspace.active_instruments()
        for table in RAW_TABLES
        for record in workspace.manifest.of_table(table, instrument.id)
        if record.verdict is Verdict.OK
    }
    names = sorted(records)
    turned = [name for name in names if name > after] + [name for name in names if name <= after]
    changed: dict[PartitionKey, str] = {}
    for name in turned:
        if budget <= 0:
            break
        mark, cost = _changed(records[name], paths)
        if mark:
            changed[records[name].key] = mark
        budget -= cost
        after = name
    return changed, after


def _changed(record: PartitionRecord, paths: Mapping[str, Path]) -> tuple[str, int]:
    """A mark of the bytes that differ (empty: none does) and how many were hashed."""
    cost = 0
    for read in read_ranges(record.inputs):
        path = paths.get(read.name)
        if path is None:
            continue
        cost += read.end_byte - read.first_byte
        found = _hash_now(path, read)
        if found != read.fingerprint:
            return f"{read.name}|{read.first_byte}-{read.end_byte}|{found}", cost
    return "", cost


def _hash_now(path: Path, read: ReadRange) -> str:
    try:
        return hash_range(path, read.first_byte, read.end_byte)
    except SourceError:  # it became shorter or is gone: these bytes are not there
        return "missing"
