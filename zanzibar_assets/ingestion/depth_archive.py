"""The archive of depth files: Sierra Chart keeps about thirty days, the archive keeps them all.

``<archive>/<symbol>/<file>.zst`` is plain Zstandard, which any ``zstd -d`` reads, with a JSON note of
the source beside it. Each copy was read back and compared before it got its name. A source that is
another one later makes a further version; nothing is overwritten. Each run reads the stored copies
again and makes a damaged one anew while its source is there. Level 3 makes real depth files 4.5 times
smaller at 280 MB/s of one core; level 9 gains 2 to 5 % at a sixth of the speed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from zanzibar_assets.errors import StoreError, UsageError
from zanzibar_assets.ingestion.depth_archive_files import (
    NOTE_SUFFIX,
    PART_SUFFIX,
    Archived,
    blocks,
    damaged_copy,
    digest_of,
    is_sound,
    notes_in,
    pack,
    put_aside,
    stored_path,
    sync,
    unpacked,
    write_note,
)
from zanzibar_assets.vocabulary import US_PER_SECOND, from_us

SETTLED_US = 600 * US_PER_SECOND
"""A file that was written to within the last ten minutes may still grow."""
US_PER_DAY = 86_400 * US_PER_SECOND
GROWING = "still growing"
UNSETTLED = "written to less than ten minutes ago: looked at again next time"
_NAME = re.compile(r"^(?P<symbol>[^/\\]+)\.(?P<day>\d{4}-\d{2}-\d{2})\.depth$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ArchiveRun:
    """What a run did: new versions, sources that stand unchanged, and sources left alone with the reason.

    ``repaired`` are copies that were damaged and made anew from their source, ``damaged`` those whose
    source is gone or another one now.
    """

    archived: tuple[Archived, ...]
    unchanged: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    repaired: tuple[Archived, ...] = ()
    damaged: tuple[Archived, ...] = ()


def depth_day_end_us(path: Path) -> int | None:
    """End of the UTC day in a depth file's name (UTC microseconds); None for another name."""
    found = _NAME.match(path.name)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    return ((day - date(1970, 1, 1)).days + 1) * US_PER_DAY


def archive_depth(paths: Iterable[Path], archive: Path, now_us: int) -> ArchiveRun:
    """Archive each depth file whose UTC day is over and that is no longer written to.

    Raises StoreError when a copy does not read back as its source, SourceError when a source cannot be
    read. A run that was killed leaves nothing that counts; the next one does the same work again.
    """
    known = sorted((p for p in paths if depth_day_end_us(p) is not None), key=lambda path: path.name)
    repaired, damaged = _check_copies({path.name: path for path in known}, archive, now_us)
    made: list[Archived] = []
    unchanged: list[str] = []
    left: list[tuple[str, str]] = []
    mended = {note.source for note in repaired}
    for path in known:
        if reason := _unready(path, now_us):
            left.append((path.name, reason))
            continue
        stat, versions = path.stat(), versions_of(archive, path)
        done = next((version for version in versions if _same_file(version, stat)), None)
        done = done or _archive_one(path, archive, versions, now_us)
        if done is None:
            left.append((path.name, "changed while it was read"))
        elif done not in versions:
            made.append(done)
        elif path.name not in mended:
            unchanged.append(path.name)
    return ArchiveRun(tuple(made), tuple(unchanged), tuple(left), tuple(repaired), tuple(damaged))


def _unready(path: Path, now_us: int) -> str:
    """Why a source is not archived now; empty when it can be."""
    end_us, stat = depth_day_end_us(path), path.stat()
    if not stat.st_size:
        return "empty"
    if end_us is None or end_us > now_us:
        return GROWING
    return UNSETTLED if stat.st_mtime_ns // 1_000 > now_us - SETTLED_US else ""


def _check_copies(
    sources: dict[str, Path], archive: Path, now_us: int
) -> tuple[list[Archived], list[Archived]]:
    """Read every stored copy again: those made anew from their source, and those that cannot be."""
    repaired: list[Archived] = []
    damaged: list[Archived] = []
    for note in archived_files(archive):
        if is_sound(archive, note):
            continue
        source = sources.get(note.source)
        anew = None if source is None else _repair(source, archive, note, now_us)
        if anew is None:
            damaged.append(note)
        else:
            repaired.append(anew)
    return repaired, damaged


def _repair(source: Path, archive: Path, note: Archived, now_us: int) -> Archived | None:
    """Make a damaged copy anew and keep the damaged one aside; None when the source has other bytes now.

    Killed at any point, the next run finds the copy missing or other than its note, and does it again.
    """
    if source.stat().st_size != note.bytes:
        return None
    stored = stored_path(archive, note)
    part = stored.with_name(stored.name + PART_SUFFIX)
    try:
        if pack(source, part) != (note.blake2b, note.bytes):
            return None
        anew = _described(part, note, now_us)
        if stored.exists():
            put_aside(stored)
        part.replace(stored)
    finally:
        part.unlink(missing_ok=True)
    write_note(stored.with_name(stored.name + NOTE_SUFFIX), anew)
    return anew


def _described(part: Path, note: Archived, now_us: int) -> Archived:
    """The note of a copy just written, after it was read back; StoreError when it differs from its source."""
    if digest_of(unpacked(part)) != note.blake2b:
        raise StoreError(
            f"the copy of {note.source} does not read back as its source", action="check the disk"
        )
    return replace(
        note,
        compressed_bytes=part.stat().st_size,
        compressed_blake2b=digest_of(blocks(part)),
        archived_at=from_us(now_us).isoformat().replace("+00:00", "Z"),
    )


def versions_of(archive: Path, source: Path) -> list[Archived]:
    """Archived versions of a source by its name, oldest first."""
    found = _NAME.match(source.name)
    if found is None:
        return []
    folder = archive / found["symbol"]
    return [note for note in notes_in(folder) if note.source == source.name]


def archived_files(archive: Path) -> list[Archived]:
    """Every archived version, by symbol, name and version."""
    folders = sorted(p for p in archive.iterdir() if p.is_dir()) if archive.is_dir() else []
    return [note for folder in folders for note in notes_in(folder)]


def unarchived(paths: Iterable[Path], archive: Path, now_us: int, older_than_days: int) -> list[Path]:
    """Depth files whose day ended more than so many days ago and of which no version is archived as is."""
    limit = now_us - older_than_days * US_PER_DAY
    return [
        path
        for path in sorted(paths, key=lambda path: path.name)
        if (end := depth_day_end_us(path)) is not None
        and end < limit
        and not _is_archived(path, versions_of(archive, path))
    ]


def _is_archived(path: Path, versions: list[Archived]) -> bool:
    """Whether a version holds the file's bytes; they are hashed only where size and time do not tell."""
    stat = path.stat()
    if not stat.st_size or any(_same_file(version, stat) for version in versions):
        return True
    alike = {version.blake2b for version in versions if version.bytes == stat.st_size}
    return bool(alike) and digest_of(blocks(path)) in alike


def restore(archive: Path, source: str, out_dir: Path, version: int | None = None) -> Path:
    """Write a source back, byte for byte, and return its path; the newest version unless one is named.

    Raises UsageError when it is not archived or another file of that name is there, StoreError when
    the archived bytes are not those that were written.
    """
    held = versions_of(archive, Path(source))
    found = [note for note in held if version in (None, note.version)]
    if held and not found:
        raise UsageError(
            f"{source} has no version {version} in the archive",
            expected=", ".join(str(note.version) for note in held),
        )
    if not found:
        kept = sorted({note.source for note in archived_files(archive)})
        raise UsageError(
            f"{source} is not in the archive",
            expected=", ".join(kept[-5:]) or "an archived file; the archive is empty",
            action="`zanzibar archive` lists what is there",
        )
    note = found[-1]
    target = out_dir / note.source
    if target.exists():
        if digest_of(blocks(target)) == note.blake2b:
            return target
        raise UsageError(
            f"{target} is there with other content", action="move it away, or name another --out"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + PART_SUFFIX)
    try:
        digest = hashlib.blake2b(digest_size=16)
        with part.open("wb") as stream:
            for block in unpacked(archive / note.symbol / note.file):
                digest.update(block)
                stream.write(block)
            sync(stream)
        if digest.hexdigest() != note.blake2b:
            raise damaged_copy(archive / note.symbol / note.file)
        os.utime(part, ns=(note.modified_ns, note.modified_ns))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _archive_one(path: Path, archive: Path, versions: list[Archived], now_us: int) -> Archived | None:
    """A new version, the old one that has the very same bytes, or None when the source changed meanwhile."""
    before = path.stat()
    symbol = str(_NAME.match(path.name)["symbol"])  # type: ignore[index]  # the caller looked at the name
    folder = archive / symbol
    folder.mkdir(parents=True, exist_ok=True)
    number = max((version.version for version in versions), default=0) + 1
    name = f"{path.name}.zst" if number == 1 else f"{path.name}.v{number}.zst"
    part = folder / (name + PART_SUFFIX)
    try:
        digest, size = pack(path, part)
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (
            before.st_size,
            before.st_mtime_ns,
        ) or size != before.st_size:
            return None
        if known := [version for version in versions if version.blake2b == digest]:
            return known[0]
        note = Archived(path.name, symbol, number, name, size, digest, 0, before.st_mtime_ns, "")
        note = _described(part, note, now_us)
        part.replace(folder / name)
    finally:
        part.unlink(missing_ok=True)
    write_note(folder / (name + NOTE_SUFFIX), note)
    return note


def _same_file(version: Archived, stat: os.stat_result) -> bool:
    return (version.bytes, version.modified_ns) == (stat.st_size, stat.st_mtime_ns)
