"""Where a command may write: new or regular files alone, each whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

from zanzibar_assets.errors import UsageError

_KINDS = {
    stat.S_IFREG: "a regular file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def kind_of(mode: int) -> str:
    """What kind of file a mode is, in words."""
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def part_of(path: Path) -> Path:
    """Name of a file while it is being written."""
    return path.with_name(path.name + ".part")


def refuse_irregular(out: Path, option: str = "--out") -> None:
    """UsageError when a file, or the name it has while it is written, is there and no regular file.

    Links are not followed: the finished file is renamed onto the name, which would replace the link.
    """
    for place in (out, part_of(out)):
        try:
            mode = place.lstat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode):
            raise UsageError(
                f"{option} {place} cannot be written",
                expected="a new file or a regular one",
                got=kind_of(mode),
                action="name another file; to write nothing, leave the option out",
            )
