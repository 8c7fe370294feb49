"""Compiled loops never outlive the text that they were made from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from zanzibar_assets.compiled import CACHE_VARIABLE, code_mark, kernel_files
from zanzibar_assets_tests.house.repository import PACKAGE, source_files

COMPILED = re.compile(r"^\s*(?:from numba|import numba)", re.MULTILINE)
PEER = "hftbacktest_depth.py"  # runs in an environment of its own

CALLER = """
from numba import njit
from {name} import inner
@njit(cache=True)
def outer(x):
    return inner(x)
"""
CALLEE = """
from numba import njit
@njit(cache=True)
def inner(x):
    return x + {step}
"""


def test_every_file_with_compiled_loops_counts():
    holding = {p for p in source_files(PACKAGE) if COMPILED.search(p.read_text(encoding="utf-8"))}
    assert {p for p in holding if p.name != PEER} <= set(kernel_files())


def test_an_edit_of_any_of_them_changes_the_mark(tmp_path):
    for name in ("ingestion/_a_kernel.py", "ingestion/record_kinds.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("X = 1\n")
    first = code_mark(tmp_path)
    assert code_mark(tmp_path) == first
    (tmp_path / "ingestion/_a_kernel.py").write_text("X = 2\n")
    assert code_mark(tmp_path) != first


def run(code: str, folder: Path, cache: str | None) -> str:
    settings = {k: v for k, v in os.environ.items() if k != CACHE_VARIABLE}
    settings |= {"PYTHONPATH": str(folder), **({CACHE_VARIABLE: cache} if cache else {})}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=settings, check=True
    )
    return done.stdout.strip()


def test_numba_alone_keeps_old_code_and_a_folder_by_code_does_not(tmp_path):
    """Why the folder is named by the code: the trap itself, and the way out of it."""
    (tmp_path / "caller.py").write_text(CALLER.format(name="callee"))
    (tmp_path / "callee.py").write_text(CALLEE.format(step=1))
    ask = "import caller; print(caller.outer(1))"
    assert run(ask, tmp_path, str(tmp_path / "one")) == "2"
    (tmp_path / "callee.py").write_text(CALLEE.format(step=100))
    assert run(ask, tmp_path, str(tmp_path / "one")) == "2", "numba looks at the caller's file alone"
    assert run(ask, tmp_path, str(tmp_path / "other")) == "101"


def test_the_package_names_the_folder_unless_the_environment_does():
    ask = "import os, zanzibar_assets; print(os.environ['NUMBA_CACHE_DIR'])"
    root = PACKAGE.parent
    assert run(ask, root, None).endswith(f"compiled-{code_mark()}")
    assert run(ask, root, "elsewhere") == "elsewhere"
