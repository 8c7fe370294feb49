"""``zanzibar versions`` tells a partition that was never stored from one that was never replaced."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets_tests.reporting.frames import record


@pytest.mark.parametrize("more", [[], ["--json"], ["--stale"], ["--prune", "--older-than", "90d"]])
def test_a_key_that_never_existed_is_told(tmp_path, monkeypatch, more):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    Manifest(Database(tmp_path / "zanzibar.sqlite")).put(record("bars", "SIM_ES|2025-01-06", "f1"))
    known = CliRunner().invoke(root, ["versions", "bars", "SIM_ES|2025-01-06"])
    assert (known.exit_code, "no partition was ever replaced" in known.stdout) == (0, True)
    unknown = CliRunner().invoke(root, ["versions", "bars", "XX|2020-01-01", *more])
    assert isinstance(unknown.exception, StoreError)
    assert unknown.exception.message == "no such partition was ever stored: bars XX|2020-01-01"
    assert unknown.stdout == ""
