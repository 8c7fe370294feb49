"""What partitions were before: which version a reader read, what is stale now, what may be forgotten."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from zanzibar_assets.store.keys import SOURCE_PREFIX, PartitionKey
from zanzibar_assets.store.manifest import ABSENT, KNOWN_LATER, UP_TO, InputRecord, Manifest, PartitionVersion
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import PartitionRecord
    from zanzibar_assets.store.partition_store import PartitionStore

SENT = ("orders", "fills", "account_state")
"""Tables of what happened: every version of them stands on what it was made from, for good."""
KEPT = (*SENT, "signals", "trained_model")
"""Tables whose current rows, and kept signals of every version, hold on to what they were made from."""
REPRODUCED = "predictions"
"""The table whose current rows can be computed again at any time from what they were made from."""


class Records(Protocol):
    """What the manifest is asked here."""

    def get(self, table: str, key: PartitionKey) -> PartitionRecord | None:
        """Record of a partition."""
        ...

    def of_table(
        self, table: str, instrument: str | None = None, through: str | None = None
    ) -> list[PartitionRecord]:
        """Records of a table, of an instrument, up to a session."""
        ...

    def versions(self, table: str, key: PartitionKey) -> list[PartitionVersion]:
        """What a partition was before, the newest first."""
        ...


class History(Manifest):
    """The manifest and its versions as they were at one moment, in memory."""

    def __init__(self, current: Iterable[PartitionRecord], before: Iterable[PartitionVersion]) -> None:
        self._current = {(record.table, record.key): record for record in current}
        self._tables: dict[tuple[str, str | None], list[PartitionRecord]] = {}
        for record in self._current.values():
            for name in (None, record.key.instrument) if record.key.instrument else (None,):
                self._tables.setdefault((record.table, name), []).append(record)
        self._before: dict[tuple[str, PartitionKey], list[PartitionVersion]] = {}
        for version in before:
            self._before.setdefault((version.record.table, version.record.key), []).append(version)

    @classmethod
    def of(cls, manifest: Manifest) -> History:
        """Everything that a manifest holds now."""
        return cls(manifest.all(), manifest.superseded())

    def get(self, table: str, key: PartitionKey) -> PartitionRecord | None:
        """Record of a partition."""
        return self._current.get((table, key))

    def of_table(
        self, table: str, instrument: str | None = None, through: str | None = None
    ) -> list[PartitionRecord]:
        """Records of a table (of one instrument, up to a session) in the manifest's order."""
        found = self._tables.get((table, instrument), [])
        if through is None:
            return list(found)
        return [r for r in found if r.key.session is not None and r.key.session <= through]

    def all(self) -> list[PartitionRecord]:
        """Every current record."""
        return list(self._current.values())

    def versions(self, table: str, key: PartitionKey) -> list[PartitionVersion]:
        """What a partition was before, the newest first."""
        return self._before.get((table, key), [])

    def superseded(self) -> list[PartitionVersion]:
        """Everything that any partition was before."""
        return [version for found in self._before.values() for version in found]


@dataclass(frozen=True, slots=True)
class AsRead:
    """The partitions that an input record names; ``exact`` when proven to be those that were read."""

    versions: tuple[PartitionVersion, ...]
    exact: bool


def as_read(read: InputRecord, reader: PartitionRecord, records: Records) -> AsRead:
    """The versions of partitions that a reader read under one of its input records.

    A query over sessions is taken as it stood when the reader was written; its fingerprint proves it.
    What cannot be found any more comes as it is now, and is not exact.
    """
    if UP_TO in read.key:
        return _query_as_read(read, reader, records)
    key = PartitionKey.parse(read.key)
    current = records.get(read.table, key)
    if current is not None and current.state == read.fingerprint:
        return AsRead((PartitionVersion(current),), exact=True)
    for version in records.versions(read.table, key):
        if version.record.state == read.fingerprint:
            return AsRead((version,), exact=True)
    return AsRead(() if current is None else (PartitionVersion(current),), exact=False)


def _query_as_read(read: InputRecord, reader: PartitionRecord, records: Records) -> AsRead:
    instrument, through = read.key.split("|" + UP_TO, 1)
    now = [PartitionVersion(record) for record in records.of_table(read.table, instrument, through)]
    if _fingerprint(now) == read.fingerprint:
        return AsRead(tuple(_usable(now)), exact=True)
    then = []
    for member in now:
        known = [member, *records.versions(read.table, member.record.key)]
        then += [version for version in known if _stood_at(version, reader.written_us)][:1]
    if _fingerprint(then) == read.fingerprint:
        return AsRead(tuple(_usable(then)), exact=True)
    return AsRead(tuple(_usable(now)), exact=False)


def _fingerprint(versions: Iterable[PartitionVersion]) -> str:
    return Manifest.query_fingerprint(version.record for version in versions)


def _usable(versions: Iterable[PartitionVersion]) -> list[PartitionVersion]:
    return [version for version in versions if version.record.verdict is Verdict.OK]


def _stood_at(version: PartitionVersion, stamp_us: int) -> bool:
    ended = version.superseded_us
    return version.record.written_us <= stamp_us and (ended is None or ended > stamp_us)


@dataclass(frozen=True, slots=True)
class Stale:
    """A usable partition that was made from something that is not there any more.

    ``reasons`` are its own outdated inputs in words; a partition that is stale only because what it
    read is stale has none, and ``chain`` leads from it to one that has.
    """

    record: PartitionRecord
    reasons: tuple[str, ...]
    chain: tuple[str, ...]

    @property
    def is_direct(self) -> bool:
        """Whether one of its own inputs was replaced."""
        return bool(self.reasons)


Changed = Callable[["PartitionRecord"], str | None]
"""Why the source bytes of a partition are other ones now; None when they are not."""


def stale(history: History, source_changed: Changed | None = None) -> list[Stale]:
    """Every stale partition, those nearest to the change first."""
    usable = [record for record in history.all() if record.verdict is Verdict.OK]
    readers: dict[tuple[str, PartitionKey], list[PartitionRecord]] = {}
    found: dict[tuple[str, PartitionKey], Stale] = {}
    for record in usable:
        reasons = list(_outdated(record, history))
        if source_changed is not None and (changed := source_changed(record)):
            reasons.append(changed)
        if reasons:
            found[record.table, record.key] = Stale(record, tuple(reasons), (_name(record),))
        for member in _read_now(record, history):
            readers.setdefault((member.table, member.key), []).append(record)
    waiting = deque(found.values())
    while waiting:
        cause = waiting.popleft()
        for record in readers.get((cause.record.table, cause.record.key), []):
            if (record.table, record.key) not in found:
                follows = Stale(record, (), (_name(record), *cause.chain))
                found[record.table, record.key] = follows
                waiting.append(follows)
    return list(found.values())


def _name(record: PartitionRecord) -> str:
    return f"{record.table} {record.key}"


def _outdated(record: PartitionRecord, history: History) -> Iterator[str]:
    """What a partition was made from and is not there any more, in words."""
    for read in record.inputs:
        if read.table.startswith(SOURCE_PREFIX) or history.is_current(read, record.key.session):
            continue
        if UP_TO in read.key:
            yield f"{read.table} {read.key.replace(UP_TO, 'up to ')}: sessions of it were built since"
            continue
        then = as_read(read, record, history)
        why = then.versions[0].reason if then.exact else ""
        state = history.state_of(read.table, read.key)
        yield f"{read.table} {read.key} was {read.fingerprint}, is {state}{f': {why}' if why else ''}"


def _read_now(record: PartitionRecord, history: History) -> Iterator[PartitionRecord]:
    """Current partitions under the inputs of a record; estimates that came after it are none of them."""
    for read in record.inputs:
        if read.table.startswith(SOURCE_PREFIX) or read.fingerprint in (ABSENT, KNOWN_LATER):
            continue
        if UP_TO in read.key:
            instrument, through = read.key.split("|" + UP_TO, 1)
            yield from history.of_table(read.table, instrument, through)
            continue
        found = history.get(read.table, PartitionKey.parse(read.key))
        if found is not None and history.as_of_state(found, record.key.session) != KNOWN_LATER:
            yield found


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A version whose stored bytes were removed; what it was stays in the manifest."""

    version: PartitionVersion
    bytes: int


HasKeptSignal = Callable[["PartitionRecord"], bool]


def releasable(
    history: History,
    cutoff_us: int,
    has_kept_signal: HasKeptSignal,
    evidence: Iterable[PartitionRecord] = (),
) -> list[PartitionVersion]:
    """Versions superseded before ``cutoff_us`` that nothing which is kept was made from.

    Kept are the current signals, predictions, orders, deals, account states and models, every version
    of what happened in the account, every version of the signals that holds a kept one, models that
    were superseded after the cutoff, and ``evidence`` (what champions were promoted on); with all that
    they were made from, however far away.
    """
    before = history.superseded()
    roots = [record for record in history.all() if record.table in (*KEPT, REPRODUCED)]
    roots += evidence
    for version in before:
        record, young = version.record, (version.superseded_us or 0) >= cutoff_us
        kept = record.table in SENT or (record.table in KEPT and young)
        if kept or (record.table == "signals" and has_kept_signal(record)):
            roots.append(record)
    pinned = _pinned(roots, history)
    return [
        version
        for version in before
        if (version.superseded_us or 0) < cutoff_us and _identity(version.record) not in pinned
    ]


def _identity(record: PartitionRecord) -> tuple[str, str, str | None]:
    return record.table, str(record.key), record.fingerprint


def _pinned(roots: Sequence[PartitionRecord], history: History) -> set[tuple[str, str, str | None]]:
    """The roots and everything that they were made from; where that is in doubt, every version of it."""
    found: set[tuple[str, str, str | None]] = set()
    waiting = list(roots)
    while waiting:
        record = waiting.pop()
        if _identity(record) in found:
            continue
        found.add(_identity(record))
        for read in record.inputs:
            if read.table.startswith(SOURCE_PREFIX) or read.fingerprint in (ABSENT, KNOWN_LATER):
                continue
            then = as_read(read, record, history)
            waiting += [version.record for version in then.versions]
            if not then.exact:
                names = {(version.record.table, version.record.key) for version in then.versions}
                waiting += [old.record for name in names for old in history.versions(*name)]
    return found


def forget(store: PartitionStore, versions: Iterable[PartitionVersion]) -> list[Forgotten]:
    """Remove the stored bytes of versions; those that hold none any more are left out."""
    found = []
    for version in versions:
        record = version.record
        if record.fingerprint is not None:
            size = store.forget(record.table, record.key, record.schema_version, record.fingerprint)
            found += [Forgotten(version, size)] if size else []
    return found
