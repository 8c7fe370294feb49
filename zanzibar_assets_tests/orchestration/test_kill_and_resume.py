"""kill -9 in the middle of a backfill, then the same command again."""

from __future__ import annotations

import os

import pytest

from zanzibar_assets_tests.benchmarks import backfill
from zanzibar_assets_tests.orchestration import home


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
def test_a_killed_backfill_resumes_to_the_same_bytes(tmp_path):
    home.make_market(tmp_path / "sierra", backfill.NAMES, 2, trades=400)
    sessions = ["2025-01-08", "2025-01-09"]
    whole = backfill.undisturbed(tmp_path / "whole", tmp_path / "sierra", sessions)
    stored = backfill.killed(tmp_path / "killed", tmp_path / "sierra", sessions, whole["partitions"] // 2)
    resumed = backfill.undisturbed(tmp_path / "killed", tmp_path / "sierra", sessions)
    assert 0 < stored < whole["partitions"]
    assert resumed["up_to_date"] > 0, "what was built before the kill is not built again"
    assert resumed["built"] > 0
    compared = backfill.compare(tmp_path / "whole", tmp_path / "killed")
    assert compared["different_files"] == []
    assert compared["metadata_equal"]
    assert whole["failed"] == resumed["failed"] == 0
