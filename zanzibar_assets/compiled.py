"""Where compiled loops are kept between runs: a folder for each text of all of them.

numba looks only at a function's own file to see whether its stored machine code is current. A loop
of one file that calls a loop of another would run the other's old code after an update: wrong
numbers without a word. So the folder's name holds a hash of every file with compiled loops.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
_PACKAGE = Path(__file__).parent
_CONSTANTS = ("ingestion/record_kinds.py",)
"""Modules whose constants compiled loops take in."""


def kernel_files(package: Path = _PACKAGE) -> list[Path]:
    """Files with compiled loops (private modules of the stages), and those whose constants they take in."""
    return sorted([*package.glob("*/_[a-z]*.py"), *(package / name for name in _CONSTANTS)])


def code_mark(package: Path = _PACKAGE) -> str:
    """Hash of the text of every file with compiled loops."""
    digest = hashlib.blake2b(digest_size=8)
    for path in kernel_files(package):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def keep_by_code() -> None:
    """Point numba's cache at the folder of this code, beside Python's own compiled files.

    A folder that the environment names is left alone. Where the package cannot be written to, the
    user's cache folder is taken.
    """
    if os.environ.get(CACHE_VARIABLE):
        return
    beside = _PACKAGE / "__pycache__"
    root = beside if os.access(beside if beside.exists() else _PACKAGE, os.W_OK) else _user_folder()
    folder = str(root / f"compiled-{code_mark()}")
    os.environ[CACHE_VARIABLE] = folder
    if "numba" in sys.modules:  # it read the environment when it was imported
        sys.modules["numba"].config.CACHE_DIR = folder


def _user_folder() -> Path:
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(named) if named else Path.home() / ".cache") / "zanzibar"
