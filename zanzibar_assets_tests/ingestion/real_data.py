"""Where the real files are: the folder named by ZANZIBAR_REAL_DATA, if it is there."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("ZANZIBAR_REAL_DATA") or "missing") / "sierra"
needs_real_data = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="ZANZIBAR_REAL_DATA names no folder with sierra/: not run on real files"
)
