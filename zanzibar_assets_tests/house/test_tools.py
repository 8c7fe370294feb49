"""The linter and the type checker pass on the whole repository."""

from __future__ import annotations

from zanzibar_assets_tests.house.repository import ROOT, run_python


def test_ruff_finds_nothing():
    done = run_python("-m", "ruff", "check", "--no-cache", "zanzibar_assets", "zanzibar_assets_tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_strict_finds_nothing():
    # A cache of its own: mypy runs of an editor or another terminal would spoil a shared one.
    cache = ROOT / ".mypy_cache" / "house"
    done = run_python(
        "-m", "mypy", "--strict", "--cache-dir", str(cache), "--config-file", str(ROOT / "pyproject.toml")
    )
    assert done.returncode == 0, done.stdout + done.stderr
