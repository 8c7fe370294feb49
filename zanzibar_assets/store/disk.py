"""What the lake asks of the disk: durable renames, second names for old bytes, errors in plain words."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from zanzibar_assets.errors import StoreError

TEMPORARY_SUFFIX = ".partial"
_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free space on it, then run the same command again"),
    errno.EDQUOT: (
        "the disk quota is used up",
        "free space or raise the quota, then run the same command again",
    ),
    errno.EFBIG: ("the file is larger than the system allows", "raise the limit on file sizes (ulimit -f)"),
    errno.EACCES: ("no right to write there", "give this user the right, or choose another home folder"),
    errno.EPERM: ("no right to write there", "give this user the right, or choose another home folder"),
    errno.EROFS: ("the disk is mounted read-only", "mount it for writing, or choose another home folder"),
    errno.EIO: ("the disk reports an input/output error", "check the disk before anything else is written"),
}
_NO_LINKS = (
    errno.EPERM,
    errno.EACCES,
    errno.EXDEV,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EINVAL,
)


@contextmanager
def explained(doing: str, place: Path) -> Iterator[None]:
    """Turn what the system says of a disk into a StoreError in plain words; other errors pass."""
    try:
        yield
    except OSError as error:
        code = _code_of(error)
        if code not in _CAUSES:
            raise
        cause, action = _CAUSES[code]
        raise StoreError(
            f"{doing} was not done: {cause}",
            got=f"{os.strerror(code)}: {place}",
            action=action,
        ) from error


def _code_of(error: OSError) -> int | None:
    """Its number; libraries that write for us keep it in the text only."""
    if error.errno is not None:
        return error.errno
    return next((code for code in _CAUSES if f"os error {code})" in str(error)), None)


def temporary_name(target: Path) -> Path:
    """A name beside the target that no other thread or process uses; ``sweep`` knows its writer."""
    writer = f"{threading.get_ident()}.{os.getpid()}"
    return target.with_name(f"{target.name}.{writer}{TEMPORARY_SUFFIX}")


def write_durably(
    target: Path, content: bytes | memoryview, before_replacing: Callable[[], None] = lambda: None
) -> None:
    """Replace a file: a temporary name, synced, then renamed. On any error the old file stays.

    ``before_replacing`` is called when the new bytes are safe and the old ones still stand.
    """
    temporary = temporary_name(target)
    try:
        with temporary.open("wb", buffering=0) as stream:
            rest = memoryview(content)
            while rest:
                rest = rest[stream.write(rest) or 0 :]
            os.fsync(stream.fileno())
        before_replacing()
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def keep_as(current: Path, kept: Path) -> None:
    """Give a file's bytes a second name that outlives its replacement: a hard link, else a copy."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(current, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        write_durably(kept, current.read_bytes())
    else:
        sync_folder(kept.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename itself durable; Windows has no folder handles to sync."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def process_lives(process_id: int) -> bool:
    """Whether a process of that number runs here."""
    if os.name == "nt":
        return process_id == os.getpid()
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
