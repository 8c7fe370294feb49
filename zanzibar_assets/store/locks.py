"""One writer at a time: locks on files, held across threads and processes, freed when the holder dies.

A partition's name is hashed to one of a fixed number of files, so that no litter grows. Two
partitions may share a file and then wait for each other; a writer holds one lock only, so nobody
can wait in a ring.
"""

from __future__ import annotations

import errno
import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zanzibar_assets.errors import StoreError

LOCK_FILES = 256
POLL_SECONDS = 0.02


def lock_file(folder: Path, name: str) -> Path:
    """The file that stands for a name."""
    number = hashlib.blake2b(name.encode(), digest_size=2).digest()[0] % LOCK_FILES
    return folder / f"{number:02x}.lock"


@contextmanager
def holding(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of a name, waiting for whoever has it; the system frees it when the process ends.

    Raises StoreError where the file system knows no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = lock_file(folder, name)
    with path.open("ab") as stream:  # each holder opens the file itself: threads exclude each other too
        try:
            _acquire(stream.fileno())
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            raise StoreError(
                "this file system cannot lock files",
                got=str(path),
                action="put the home folder on a local disk",
            ) from None
        try:
            yield
        finally:
            _release(stream.fileno())


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> None:
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def _release(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
