"""The watch over the source files: what a tick of the files sensor looks at, asks for and remembers.

A request stays open until the stored partition is seen to hold what the files hold. So a tick that
is killed before its cursor is kept repeats the same run keys, a run that is killed is asked for
again, and a run that read a file while it was being replaced is not taken for done. A run key is
made of the files' content and of what is stored: the same state gives the same key, and coming
back to an earlier state gives another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import SourceError, ZanzibarError
from zanzibar_assets.ingestion.sources import owner_of, refuse_copies, sierra_paths
from zanzibar_assets.store.file_look import look_at, mark_of, stat_of
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.source_audit import RAW_TABLES, audit, is_built
from zanzibar_assets.store.source_reading import CORRECTED, alert_once
from zanzibar_assets.store.watch_cursor import Asked, FileEntry, WatchCursor
from zanzibar_assets.vocabulary import US_PER_SECOND

if TYPE_CHECKING:
    from zanzibar_assets.instruments import Instrument
    from zanzibar_assets.store.workspace import Workspace

UNREADABLE = "source_unreadable"
LOST_CURSOR = "sensor_cursor"
NOT_BUILT = "not_built"
ATTEMPTS = 3
"""So often a session is asked for at once; then people are told, and the pauses double."""
PAUSE_US, LONGEST_PAUSE_US = 60 * US_PER_SECOND, 3_600 * US_PER_SECOND
BYTES_A_LOOK = 4 * 2**30
"""New and corrected files are read until this many bytes were; the others wait for the next look."""
RunStates = Callable[[list[str]], Mapping[str, Literal["running", "finished"]]]
"""State of the runs of some run keys; keys of no run are left out."""


@dataclass(frozen=True, slots=True)
class Request:
    """A session of an instrument to be built."""

    key: PartitionKey
    run_key: str


@dataclass(slots=True)
class Look:
    """What one look found; ``left`` files wait for the next one."""

    requests: list[Request] = field(default_factory=list)
    cursor: WatchCursor = field(default_factory=WatchCursor)
    files: int = 0
    read: int = 0
    left: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


def restore(workspace: Workspace, text: str | None) -> WatchCursor:
    """The kept cursor; one that cannot be read raises an alert and everything is looked at again.

    That builds nothing twice: what is stored of the same bytes is not asked for.
    """
    try:
        return WatchCursor.from_text(text)
    except SourceError as error:
        alert_once(workspace, LOST_CURSOR, f"all files are looked at again: {error}")
        return WatchCursor()


def look(
    workspace: Workspace,
    cursor: WatchCursor,
    run_states: RunStates,
    *,
    bytes_a_look: int = BYTES_A_LOOK,
    pause_us: int = PAUSE_US,
) -> Look:
    """Look at every source file once; nothing is built and only alerts are written.

    ``pause_us`` is the first pause before a session is asked for again whose runs failed.
    """
    watch = _Watch(workspace, cursor, bytes_a_look, pause_us)
    paths = _paths(workspace)
    # Files that are known come first: new ones may use up the bytes of this look.
    for path, instrument in sorted(paths, key=lambda pair: pair[0].name not in cursor.files):
        watch.file(path, instrument)
    audited = cursor.audited
    if not watch.touched and not watch.found.left:
        changed, audited = audit(workspace, {path.name: path for path, _ in paths}, audited)
        watch.touched |= {key: {mark} for key, mark in changed.items() if str(key) not in cursor.asked}
    asked = watch.reconcile(run_states)
    watch.found.cursor = WatchCursor(watch.entries, asked, audited)
    watch.found.requests.sort(key=lambda request: request.key)
    return watch.found


def _paths(workspace: Workspace) -> list[tuple[Path, Instrument]]:
    config, active = workspace.config, workspace.active_instruments()
    if config.sierra_dir is None:
        raise SourceError("no Sierra folder is configured", action="set `sierra_dir` in zanzibar.yaml")
    paths = sierra_paths(config.sierra_dir, config.depth_dir, config.restored_depth_dir)
    owned = [(path, owner_of(path, active)) for path in paths]
    refuse_copies([path for path, owner in owned if owner is not None])
    return [(path, owner) for path, owner in owned if owner is not None]


class _Watch:
    """One look in progress."""

    def __init__(self, workspace: Workspace, cursor: WatchCursor, bytes_left: int, pause_us: int) -> None:
        self.workspace, self.cursor = workspace, cursor
        self.bytes_left, self.pause_us = bytes_left, pause_us
        self.now_us = workspace.clock_us()
        self.found = Look()
        self.touched: dict[PartitionKey, set[str]] = {}
        self.entries: dict[str, FileEntry] = {}

    def file(self, path: Path, instrument: Instrument) -> None:
        """Look at one file unless it stands as it stood; when the bytes are used up it waits."""
        stat, entry = stat_of(path), self.cursor.files.get(path.name)
        if stat is None:
            return
        self.found.files += 1
        same = entry is not None and entry.settled and entry.stat == stat
        if not same and self.bytes_left > 0:
            self._read(path, instrument, stat, entry)
            return
        self.found.left += int(not same)
        if entry is not None:
            self.entries[path.name] = entry

    def _read(
        self, path: Path, instrument: Instrument, stat: tuple[int, int, int], entry: FileEntry | None
    ) -> None:
        """What cannot be read is told once and does not keep the other files from being read."""
        try:
            seen = look_at(self.workspace, path, instrument, stat, entry, self.now_us)
        except (ZanzibarError, OSError) as error:
            if entry is None or entry.problem != str(error):
                alert_once(self.workspace, UNREADABLE, f"{path.name}: {error}")
            self.entries[path.name] = FileEntry(stat, False, entry.tail if entry else None, str(error))
            return
        self.entries[path.name] = seen.entry
        self.bytes_left -= seen.bytes_read
        self.found.read += 1
        self.found.outcomes[seen.outcome.value] = self.found.outcomes.get(seen.outcome.value, 0) + 1
        if seen.correction:
            alert_once(self.workspace, CORRECTED, seen.correction)
        for session in seen.sessions:
            key = PartitionKey(instrument.id, session)
            self.touched.setdefault(key, set()).add(mark_of(path, seen.entry))

    def reconcile(self, run_states: RunStates) -> dict[str, Asked]:
        """New requests, and of the open ones those that are still waited for or asked for again."""
        open_requests = self.cursor.asked
        states = run_states(sorted({name for asked in open_requests.values() for name in asked.run_keys}))
        kept: dict[str, Asked] = {}
        for text, asked in open_requests.items():
            key = PartitionKey.parse(text)
            running = tuple(name for name in asked.run_keys if states.get(name) == "running")
            if key in self.touched or running:
                kept[text] = replace(asked, run_keys=running)
            elif not _seen_built(self.workspace, key):
                kept[text] = self._again(key, asked)
        for key, marks in self.touched.items():
            earlier = kept.get(str(key))
            kept[str(key)] = self._ask(key, tuple(sorted(marks)), 1, earlier.run_keys if earlier else ())
        return kept

    def _again(self, key: PartitionKey, asked: Asked) -> Asked:
        """A run that ended without its partition is asked for again: at once at first, never given up."""
        over = asked.attempt - ATTEMPTS
        if over == 0:
            detail = f"{key}: {ATTEMPTS} runs did not build what its files hold; it is tried again later"
            alert_once(self.workspace, NOT_BUILT, detail)
        pause_us = 0 if over < 0 else min(self.pause_us << min(over, 16), LONGEST_PAUSE_US)
        if self.now_us < asked.asked_us + pause_us:
            return replace(asked, run_keys=())
        return self._ask(key, asked.marks, asked.attempt + 1, ())

    def _ask(
        self, key: PartitionKey, marks: tuple[str, ...], attempt: int, running: tuple[str, ...]
    ) -> Asked:
        records = [self.workspace.manifest.get(table, key) for table in RAW_TABLES]
        stored = [record.written_us if record else 0 for record in records]
        run_key = f"bytes|{key}|{stable_hash([marks, stored, attempt])}"
        self.found.requests.append(Request(key, run_key))
        return Asked(marks, attempt, tuple(dict.fromkeys((*running, run_key))), self.now_us)


def _seen_built(workspace: Workspace, key: PartitionKey) -> bool:
    """False as well while a file of the instrument cannot be read: the attempts run out and say so."""
    try:
        return is_built(workspace, key)
    except ZanzibarError:
        return False
