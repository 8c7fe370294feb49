"""From stored partitions back to source bytes: the walk over the manifest's input records.

Breadth first: each partition once, at its least number of steps from the start. A partition that was
replaced since is followed in the version that was read then; a link's ``state`` says so, and where
that version is not known any more.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.store.inputs import SOURCE_PREFIX
from zanzibar_assets.store.manifest import (
    ABSENT,
    KNOWN_LATER,
    InputRecord,
    PartitionRecord,
    PartitionVersion,
)
from zanzibar_assets.store.partition_store import DATABASE_PREFIX
from zanzibar_assets.store.versions import Records, as_read
from zanzibar_assets.vocabulary import Grain, Stage, from_us

CURRENT = "as it was read"
REBUILT = "rebuilt since: this is not what was read"
SUPERSEDED = "superseded"
"""State of a version that was read and has been replaced since; when and why follow."""
NOT_USED = "not used"
SAME_BYTES = "the same bytes now"
OTHER_BYTES = "CHANGED: the file does not hold these bytes any more"
ROOT = "start"
_BYTE_RANGE = re.compile(r"^(?P<path>.+) bytes (?P<first>\d+)-(?P<end>\d+)$")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain.

    ``kind``: deal, order, signal, raw_signal, evidence, bar, prediction, features (rows), model (the
    training behind a prediction), table (a partition) or source (bytes). ``fingerprint`` is the content
    hash of the partition that holds it, or of the bytes; ``source`` where it stands; ``steps`` how many
    reads away from the start.
    """

    kind: str
    id: str
    fingerprint: str | None
    source: str
    state: str = CURRENT
    steps: int = 0
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """The link as a JSON object."""
        return asdict(self)


PathOf = Callable[[str], str]
"""Where a source file or the inbox stands, by the name that the manifest keeps."""


def walk(
    starts: Iterable[PartitionRecord], records: Records, *, instrument: str | None, path_of: PathOf
) -> list[Link]:
    """Every partition and source that the starting partitions were made from, nearest first.

    Tables of the trading stages hold rows of all instruments: with ``instrument`` only its inputs
    and those of no instrument are followed from there.
    """
    links: list[Link] = []
    seen: set[tuple[str, str, str]] = set()
    rebuilt: set[str] = set()  # read by one of the others, and not any more what was read
    for visit in visits(starts, records, instrument=instrument):
        links.append(_table_link(visit.record, visit.state, visit.steps))
        for read in visit.record.inputs:
            if _concerns_another(visit.record, read, instrument):
                continue
            if read.table.startswith(SOURCE_PREFIX):
                _add_once(links, seen, _source_link(read, visit.steps + 1, path_of))
                continue
            for found, state in _resolve(read, visit.record, records):
                if found is None:
                    _add_once(links, seen, _absent_link(read, visit.steps + 1))
                elif state == REBUILT:
                    rebuilt.add(f"{found.table} {found.key}")
    return [replace(link, state=REBUILT) if link.id in rebuilt else link for link in links]


@dataclass(frozen=True, slots=True)
class Visit:
    """A partition on the walk, in the version that was read."""

    record: PartitionRecord
    state: str
    steps: int


def visits(starts: Iterable[PartitionRecord], records: Records, *, instrument: str | None) -> Iterator[Visit]:
    """The starting partitions and every one that they were made from, nearest first, each version once."""
    queue = deque(Visit(record, ROOT, 0) for record in starts)
    seen = {_identity(visit.record) for visit in queue}
    while queue:
        visit = queue.popleft()
        yield visit
        for read in visit.record.inputs:
            if read.table.startswith(SOURCE_PREFIX) or _concerns_another(visit.record, read, instrument):
                continue
            for found, state in _resolve(read, visit.record, records):
                if found is not None and _identity(found) not in seen:
                    seen.add(_identity(found))
                    queue.append(Visit(found, state, visit.steps + 1))


def _identity(record: PartitionRecord) -> tuple[str, str, str | None]:
    return record.table, str(record.key), record.fingerprint


def _add_once(links: list[Link], seen: set[tuple[str, str, str]], link: Link) -> None:
    name = (link.kind, f"{link.id} {link.source}", link.fingerprint or "")
    if name not in seen:
        seen.add(name)
        links.append(link)


def _concerns_another(record: PartitionRecord, read: InputRecord, instrument: str | None) -> bool:
    trading = TABLES[record.table].stage in (Stage.SIGNALS, Stage.EXECUTION, Stage.REPORTING)
    if instrument is None or not trading or read.table.startswith(SOURCE_PREFIX):
        return False
    if TABLES[read.table].grain is Grain.SESSION:
        return False
    return read.key.split("|", 1)[0] != instrument


def _resolve(
    read: InputRecord, reader: PartitionRecord, records: Records
) -> Iterator[tuple[PartitionRecord | None, str]]:
    """The partitions that an input record names, and whether they are what was read."""
    if read.fingerprint in (ABSENT, KNOWN_LATER):
        yield None, NOT_USED
        return
    then = as_read(read, reader, records)
    if not then.versions:
        yield None, REBUILT
    for version in then.versions:
        yield version.record, _state_of(version) if then.exact else REBUILT


def _state_of(version: PartitionVersion) -> str:
    if version.superseded_us is None:
        return CURRENT
    when = f"{from_us(version.superseded_us):%Y-%m-%d %H:%M:%S} UTC"
    return f"{SUPERSEDED} at {when} because {version.reason}"


def _place(record: PartitionRecord) -> str:
    """Where the partition stands, by the kind of store that its fingerprint names."""
    key = record.key
    if (record.fingerprint or "").startswith(DATABASE_PREFIX):
        return f"postgresql: {record.table}_v{record.schema_version} {key}"
    folder = [record.table, f"v{record.schema_version}"]
    folder += [f"instrument={key.instrument}"] if key.instrument else []
    folder += [f"session={key.session}"] if key.session else []
    return "/".join(["lake", *folder, "part.parquet"])


def _table_link(record: PartitionRecord, state: str, steps: int) -> Link:
    rows = "" if record.rows is None else f"{record.rows} rows"
    return Link(
        kind="table",
        id=f"{record.table} {record.key}",
        fingerprint=record.fingerprint,
        source=_place(record),
        state=CURRENT if state == ROOT else state,
        steps=steps,
        detail=", ".join(text for text in (rows, "SIMULATED" if record.simulated else "") if text),
    )


def _source_link(read: InputRecord, steps: int, path_of: PathOf) -> Link:
    name = read.table.removeprefix(SOURCE_PREFIX)
    return Link("source", name, read.fingerprint, f"{path_of(name)} {read.key}", steps=steps)


def _absent_link(read: InputRecord, steps: int) -> Link:
    return Link(
        kind="table",
        id=f"{read.table} {read.key}",
        fingerprint=None,
        source="",
        state=NOT_USED,
        steps=steps,
        detail=f"was {read.fingerprint.replace('_', ' ')} when it was looked for",
    )


def verify(links: Iterable[Link]) -> list[Link]:
    """The same links; byte ranges of files are read and hashed again and their state says the outcome."""
    return [replace(link, state=_state_of_bytes(link)) for link in links]


def _state_of_bytes(link: Link) -> str:
    found = _BYTE_RANGE.match(link.source)
    if link.kind != "source" or link.fingerprint is None or found is None:
        return link.state
    first, end = int(found["first"]), int(found["end"])
    try:
        with Path(found["path"]).open("rb") as file:
            file.seek(first)
            content = file.read(end - first)
    except OSError:
        return OTHER_BYTES
    same = hashlib.blake2b(content, digest_size=16).hexdigest() == link.fingerprint
    return SAME_BYTES if same else OTHER_BYTES
