"""``zanzibar archive``, the doctor's line about it, and the job that does it by the clock."""

from __future__ import annotations

import json
import os

import dagster as dg
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.commands._health_archive import archive_item
from zanzibar_assets.config import load_config
from zanzibar_assets.errors import ConfigError, UsageError
from zanzibar_assets.orchestration.archiving import build_archive_schedule, depth_archive
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets_tests.builders.sierra import depth, us, write_depth

NAME = "ESH24-CME.2024-01-03.depth"


@pytest.fixture
def sierra(tmp_path, monkeypatch):
    folder = tmp_path / "sierra" / "MarketDepthData"
    folder.mkdir(parents=True)
    path = write_depth(folder / NAME, depth("2024-01-03T15:00:00", 2, 100.0, 5, flags=1))
    written = us("2024-01-04T00:00:03") * 1_000
    os.utime(path, ns=(written, written))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path / "home"))
    return tmp_path / "sierra"


def archive(*arguments: object) -> dict:
    done = CliRunner().invoke(root, ["archive", *map(str, arguments), "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


def test_archive_and_restore(sierra, tmp_path):
    found = archive("--sierra-data", sierra)
    assert [note["source"] for note in found["archived"]] == [NAME]
    assert found["held"] == {
        "files": 1, "versions": 1, "bytes": 88, "compressed_bytes": found["archived"][0]["compressed_bytes"],
    }  # fmt: skip
    assert archive("--sierra-data", sierra)["unchanged"] == [NAME]
    back = archive("--restore", NAME)
    assert back == {"restored": str(tmp_path / "home" / "archive" / "restored" / NAME), "bytes": 88}
    elsewhere = archive("--restore", NAME, "--version", 1, "--out", tmp_path / "out")
    assert elsewhere["restored"] == str(tmp_path / "out" / NAME)
    lines = CliRunner().invoke(root, ["archive", "--sierra-data", str(sierra)]).stdout
    assert "0 archived, 1 unchanged, 0 left; 1 files" in lines


def test_wrong_use_is_told(sierra, tmp_path):
    with pytest.raises(ConfigError, match="no Sierra folder"):
        archive()
    with pytest.raises(UsageError, match="belong to --restore"):
        archive("--sierra-data", sierra, "--out", tmp_path)


def test_the_doctor_warns_of_depth_that_will_be_forgotten(sierra, tmp_path):
    config = load_config(tmp_path / "home", sierra_dir=sierra)
    fresh, late = us("2024-01-23T00:00:00"), us("2024-01-25T00:00:00")
    assert archive_item(load_config(tmp_path / "home"), late) is None
    assert archive_item(config, fresh).status == "ok"
    warned = archive_item(config, late)
    assert (warned.status, NAME in warned.detail, "zanzibar archive" in warned.action) == ("warn", True, True)
    archive("--sierra-data", sierra)
    assert archive_item(config, late).status == "ok"


def test_the_job_calls_the_same_archive_and_its_schedule_is_off(sierra, tmp_path):
    zanzibar = ZanzibarResource(home=str(tmp_path / "home"), overrides={"sierra_dir": str(sierra)})
    with dg.DagsterInstance.ephemeral() as instance:
        assert depth_archive.execute_in_process(resources={"zanzibar": zanzibar}, instance=instance).success
    assert (tmp_path / "home" / "archive" / "depth" / "ESH24-CME" / f"{NAME}.zst").exists()
    assert build_archive_schedule().default_status is dg.DefaultScheduleStatus.STOPPED
