"""What the tests of the house share: where things stand and how a tool is run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "zanzibar_assets"
TESTS = ROOT / "zanzibar_assets_tests"


def source_files(folder: Path = PACKAGE) -> list[Path]:
    """Python files under a folder, sorted."""
    return sorted(folder.rglob("*.py"))


def tracked_files() -> Iterator[Path]:
    """Files that belong to the repository: git's list, or what a tree without git holds."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True,
        )  # fmt: skip
        names = [name for name in listed.stdout.decode().split("\0") if name]
        yield from (ROOT / name for name in names if (ROOT / name).is_file())
        return
    skipped = {"__pycache__", "data", "build", "dist"}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts)
        if path.is_file() and not hidden and not skipped.intersection(parts) and ".egg-info" not in str(path):
            yield path


def run_python(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a fresh process and capture what it prints."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **variables},
        capture_output=True, text=True, encoding="utf-8", timeout=600, check=False,
    )  # fmt: skip
