"""Reading the source bytes of a market partition, and saying what became of an earlier build's bytes.

A build reads its session's byte ranges whole, in one pass. That gives the same rows as reading the
finished file in one go, by construction, at any number of restarts: nothing of an earlier build is
carried over. (Appending to the stored partition was measured: to load it and to verify the bytes
behind it costs more than decoding them again.) The earlier build's ranges are hashed on the way.
When they are the beginning of today's, the partition grew; when not, a source was corrected: that
is kept with the partition and raised as an alert, never silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from zanzibar_assets.ingestion.reading import ReadRange, SliceBytes, growth, open_slices
from zanzibar_assets.store.inputs import SOURCE_PREFIX
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import InputRecord
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.inputs import Inputs
    from zanzibar_assets.store.workspace import Workspace

CORRECTED = "source_corrected"
"""Kind of the alerts that tell of source bytes that are gone or other ones now."""
TAIL_NOTE = "tail"
_BYTES = re.compile(r"^bytes (\d+)-(\d+)$")
ALERT_REPEATS_US = 3_600_000_000
"""The same alert is not raised again within this time: a look that is repeated says nothing new."""


def input_record(read: ReadRange) -> InputRecord:
    """How the manifest names bytes that were read."""
    return InputRecord(
        SOURCE_PREFIX + read.name, f"bytes {read.first_byte}-{read.end_byte}", read.fingerprint
    )


def read_ranges(records: Iterable[InputRecord]) -> list[ReadRange]:
    """Byte ranges among the inputs of a partition, in the order in which they were read."""
    found = []
    for record in records:
        span = _BYTES.match(record.key)
        if record.table.startswith(SOURCE_PREFIX) and span:
            name = record.table.removeprefix(SOURCE_PREFIX)
            found.append(ReadRange(name, int(span[1]), int(span[2]), record.fingerprint))
    return found


def open_sources(inputs: Inputs, table: str, kind: str) -> list[SliceBytes]:
    """Byte ranges of the source files that belong to a partition, to be read once from front to back."""
    sources = inputs.workspace.sources
    reason = sources.selection(inputs.key).reason
    if reason:
        inputs.notes["contract"] = reason
    earlier = _earlier(inputs.workspace, table, inputs.key)
    return open_slices(sources.slices(kind, inputs.key), earlier)


def record_sources(inputs: Inputs, table: str, kind: str, taken: Sequence[SliceBytes]) -> None:
    """Record what was read as inputs; note growth, and raise an alert where earlier bytes changed."""
    inputs.records += [input_record(piece.range) for piece in taken]
    inputs.records += inputs.workspace.sources.reading_records(kind, inputs.key)
    found = growth(_earlier(inputs.workspace, table, inputs.key), taken)
    if found is None:
        return
    inputs.notes[TAIL_NOTE] = found.text
    if found.corrected:
        alert_once(inputs.workspace, CORRECTED, f"{table} {inputs.key}: {found.text}")


def alert_once(workspace: Workspace, kind: str, detail: str) -> None:
    """Raise an alert unless the very same one was raised within the last hour."""
    recent = workspace.alerts_since(workspace.clock_us() - ALERT_REPEATS_US)
    if (kind, detail) not in [(known, text) for _, known, text in recent]:
        workspace.raise_alert(kind, detail)


def _earlier(workspace: Workspace, table: str, key: PartitionKey) -> list[ReadRange]:
    """What the last build that came to its end had read: a blocked one read nothing to compare with."""
    record = workspace.manifest.get(table, key)
    if record is None:
        return []
    if record.verdict is Verdict.BLOCKED:
        replaced = workspace.manifest.versions(table, key)
        return read_ranges(replaced[0].record.inputs) if replaced else []
    return read_ranges(record.inputs)
