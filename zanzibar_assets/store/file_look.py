"""One look at one source file: where its reader stands now, and which sessions are to be built."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zanzibar_assets.calendars import session_closes
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.reading import ReadRange
from zanzibar_assets.ingestion.record_blocks import hash_range, open_file, record_blocks
from zanzibar_assets.ingestion.scid import holds_bars, scale_of
from zanzibar_assets.ingestion.slices import SourceSlice, settled
from zanzibar_assets.ingestion.sources import (
    front_contract,
    session_slices,
    settled_before_us,
    source_file,
    symbol_of,
)
from zanzibar_assets.ingestion.tail import (
    CORRECTIONS,
    RESTARTS,
    WINDOW_RECORDS,
    Increment,
    Outcome,
    TailCursor,
    advance,
)
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.source_audit import RAW_TABLES, is_built
from zanzibar_assets.store.source_reading import read_ranges
from zanzibar_assets.store.watch_cursor import FileEntry
from zanzibar_assets.vocabulary import US_PER_SECOND, Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.workspace import Workspace

CLOCK_GRAIN_US = 2 * US_PER_SECOND
"""A file may change again within its file system's clock tick: younger times are not trusted."""
STAMP_BLOCK_RECORDS = 1 << 16


@dataclass(frozen=True, slots=True)
class FileLook:
    """The entry to keep, the sessions to build, the bytes read for it; ``correction`` for people."""

    entry: FileEntry
    outcome: Outcome
    sessions: tuple[str, ...] = ()
    bytes_read: int = 0
    correction: str = ""


def stat_of(path: Path) -> tuple[int, int, int] | None:
    """Size, modification time and inode; None when the file is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def look_at(
    workspace: Workspace,
    path: Path,
    instrument: Instrument,
    stat: tuple[int, int, int],
    entry: FileEntry | None,
    now_us: int,
) -> FileLook:
    """What a file holds beyond its entry.

    After a restart (a new file, a correction, another inode) each of its sessions is compared with
    what is stored. Raises SourceError or FormatError when the file cannot be read as what it is.
    """
    increment = _advance(path, instrument, entry, now_us)
    tail = increment.cursor
    quiet = stat[1] // 1_000 + CLOCK_GRAIN_US <= now_us
    kept = FileEntry(stat, quiet and not tail.last, tail)
    swapped = entry is not None and entry.stat[2] != stat[2]
    if increment.outcome in RESTARTS or swapped:
        return _restarted(workspace, path, instrument, kept, increment, now_us)
    if increment.outcome is Outcome.GROWN:
        sessions = _sessions_of(path, instrument, increment)
        if sessions is None:
            return _restarted(workspace, path, instrument, kept, increment, now_us)
        asked = [
            s for s in sessions if not _is_covered(workspace, path, PartitionKey(instrument.id, s), tail)
        ]
        return FileLook(kept, increment.outcome, tuple(asked))
    return FileLook(kept, increment.outcome)


def mark_of(path: Path, entry: FileEntry) -> str:
    """Mark of what a file holds: depends on its content alone."""
    tail = entry.tail
    return f"{path.name}|" + (f"{tail.offset}|{tail.head}|{tail.window}" if tail else "unread")


def _advance(path: Path, instrument: Instrument, entry: FileEntry | None, now_us: int) -> Increment:
    scale = scale_of(symbol_of(path), instrument)
    with open_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(min(size, formats.DEPTH_HEADER_BYTES))
        bars = path.suffix.lower() == ".scid" and not formats.header_is_torn(start)
        bars = bars and holds_bars(path, formats.parse_header(start, size, str(path)), scale)
        before = settled_before_us(instrument, now_us) if bars else 0
        return advance(
            stream, size, path.name, entry.tail if entry else None, bars=bars, final_before_us=before
        )


def _sessions_of(path: Path, instrument: Instrument, increment: Increment) -> tuple[str, ...] | None:
    """Sessions of the increment's records; None when only the file's beginning can tell.

    An impossible stamp goes with the record before it, which the look back shows.
    """
    keys, closes, first_open = session_closes(instrument)
    tail = increment.cursor
    back = max(0, increment.first_record - WINDOW_RECORDS)
    found: set[int] = set()
    carried = -1
    blocks = record_blocks(
        path, tail.kind, tail.header_bytes, back, increment.last_record, STAMP_BLOCK_RECORDS
    )
    for start, records in blocks:
        unix, valid = formats.unix_stamps(records["stamp"])
        valid &= (unix >= first_open) & (unix < closes[-1])
        session = np.searchsorted(closes, unix, side="right")
        latest = np.maximum.accumulate(np.where(valid, np.arange(len(unix)), -1))
        session = np.where(latest >= 0, session[np.maximum(latest, 0)], carried)
        found.update(session[max(0, increment.first_record - start) :].tolist())
        carried = int(session[-1])
    if -1 in found:
        return None
    return tuple(sorted(keys[position] for position in found))


def _is_covered(workspace: Workspace, path: Path, key: PartitionKey, tail: TailCursor) -> bool:
    """Whether a build has taken the file up to here already: a command's, or one of a tick that was lost."""
    record = workspace.manifest.get("raw_ticks" if tail.kind == "scid" else "raw_depth", key)
    if record is None:
        return False
    ends = [read.end_byte for read in read_ranges(record.inputs) if read.name == path.name]
    return tail.offset in ends and is_built(workspace, key)


def _restarted(
    workspace: Workspace,
    path: Path,
    instrument: Instrument,
    entry: FileEntry,
    increment: Increment,
    now_us: int,
) -> FileLook:
    pieces: list[SourceSlice] = []
    if increment.cursor.offset:
        file = source_file(path, instrument)
        pieces = [settled(piece, instrument, now_us) for piece in session_slices(file, instrument)]
    by_session: dict[str, list[SourceSlice]] = {}
    for piece in pieces:
        if piece.records:
            by_session.setdefault(piece.session, []).append(piece)
    sessions = [s for s, held in by_session.items() if not _is_stored(workspace, path, instrument, s, held)]
    correction = ""
    if increment.outcome in CORRECTIONS:
        correction = f"{path.name}: {increment.outcome.value}: {increment.detail}"
    if increment.outcome is not Outcome.NEW:
        sessions += _lost(workspace, path, instrument, by_session)
    size = entry.stat[0]
    return FileLook(entry, increment.outcome, tuple(sorted(set(sessions))), 2 * size, correction)


def _is_stored(
    workspace: Workspace, path: Path, instrument: Instrument, session: str, held: list[SourceSlice]
) -> bool:
    """Whether what a file holds of a session is what was built of it."""
    key = PartitionKey(instrument.id, session)
    table = "raw_ticks" if held[0].file.kind == "scid" else "raw_depth"
    records = {name: workspace.manifest.get(name, key) for name in RAW_TABLES}
    record = records[table]
    if record is None or any(r is None or r.verdict is Verdict.BLOCKED for r in records.values()):
        return False
    if scale_of(held[0].file.symbol, instrument).records == "auto":  # how it was read counts as well
        return is_built(workspace, key)
    stored = [read for read in read_ranges(record.inputs) if read.name == path.name]
    if not stored:  # another contract's file was taken for this session, or nothing
        passed_over = front_contract(instrument, session) not in (None, held[0].file.contract)
        return passed_over and is_built(workspace, key)
    spans = [(piece.first_byte, piece.end_byte) for piece in held]
    if spans != [(read.first_byte, read.end_byte) for read in stored]:
        return False
    return _same_bytes(path, stored)


def _same_bytes(path: Path, stored: Iterable[ReadRange]) -> bool:
    return all(hash_range(path, read.first_byte, read.end_byte) == read.fingerprint for read in stored)


def _lost(
    workspace: Workspace, path: Path, instrument: Instrument, held: dict[str, list[SourceSlice]]
) -> list[str]:
    """Sessions that were built in part of a file which holds nothing of them any more."""
    found = []
    for table in RAW_TABLES:
        for record in workspace.manifest.of_table(table, instrument.id):
            session = str(record.key.session)
            named = any(read.name == path.name for read in read_ranges(record.inputs))
            if named and session not in held and not is_built(workspace, record.key):
                found.append(session)
    return found
