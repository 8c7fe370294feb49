"""``zanzibar archive``, the doctor's line about it, and the job that does it by the clock."""

from __future__ import annotations

import json
import os

import dagster as dg
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.commands import _health_sample as sample
from zanzibar_assets.commands._health_archive import archive_item, copies_item
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
    (note,) = found["archived"]
    assert found["held"] == {
        "files": 1, "versions": 1, "bytes": 88, "compressed_bytes": note["compressed_bytes"],
        "copies": [
            {name: note[name] for name in ("source", "version", "bytes", "compressed_bytes", "archived_at")}
        ],
    }  # fmt: skip
    assert archive("--sierra-data", sierra)["unchanged"] == [NAME]
    back = archive("--restore", NAME)
    assert back == {"restored": str(tmp_path / "home" / "archive" / "restored" / NAME), "bytes": 88}
    (tmp_path / "out").mkdir()
    elsewhere = archive("--restore", NAME, "--version", 1, "--out", tmp_path / "out")
    assert elsewhere["restored"] == str(tmp_path / "out" / NAME)
    lines = CliRunner().invoke(root, ["archive", "--sierra-data", str(sierra)]).stdout
    assert "0 archived, 1 unchanged, 0 left, 0 repaired, 0 damaged; 1 files" in lines
    assert f"held       {NAME} version 1: " in lines


def test_a_damaged_copy_is_repaired_or_the_command_fails(sierra):
    archive("--sierra-data", sierra)
    stored = load_config().depth_archive_dir / "ESH24-CME" / f"{NAME}.zst"
    for is_there in (True, False):
        content = bytearray(stored.read_bytes())
        content[-1] ^= 1
        stored.write_bytes(content)
        if not is_there:
            (sierra / "MarketDepthData" / NAME).unlink()
        done = CliRunner().invoke(root, ["archive", "--sierra-data", str(sierra), "--json"])
        found = json.loads(done.stdout)
        assert done.exit_code == (0 if is_there else 1)
        assert [note["source"] for note in found["repaired"]] == [NAME] * is_there
        assert [note["source"] for note in found["damaged"]] == [NAME] * (not is_there)
    done = CliRunner().invoke(root, ["archive", "--sierra-data", str(sierra)])
    assert (done.exit_code, "is not what was archived" in done.stdout) == (1, True)


def test_restore_makes_no_folder_and_names_the_versions(sierra, tmp_path):
    archive("--sierra-data", sierra)
    with pytest.raises(UsageError, match="a folder that exists"):
        archive("--restore", NAME, "--out", tmp_path / "none" / "dir")
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match=r"has no version 9 in the archive; expected: 1$"):
        archive("--restore", NAME, "--version", 9)


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


def test_the_doctor_hashes_archived_copies(sierra, monkeypatch):
    config = load_config()
    assert copies_item(config, 1) is None
    for day in ("2024-01-04", "2024-01-05"):
        (sierra / "MarketDepthData" / NAME).with_name(f"ESH24-CME.{day}.depth").write_bytes(b"x" * 500)
    for path in (sierra / "MarketDepthData").iterdir():
        os.utime(path, (1_704_500_000, 1_704_500_000))
    archive("--sierra-data", sierra)
    assert copies_item(config, 1).detail == "all 3 archived copies hashed again, as written"
    stored = config.depth_archive_dir / "ESH24-CME" / f"{NAME}.zst"
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    assert (copies_item(config, 1).status, NAME in copies_item(config, 1).detail) == ("fail", True)
    monkeypatch.setattr(sample, "CHECKED_BYTES", 1)
    found = [copies_item(config, seed) for seed in range(20)]
    assert {item.status for item in found} == {"ok", "fail"}
    assert all("1 of 3 archived copies hashed again (a sample" in item.detail for item in found)
    full = copies_item(config, 1, full=True)
    assert (full.status, "all 3" in full.detail) == ("fail", True)


def test_the_job_calls_the_same_archive_and_its_schedule_is_off(sierra, tmp_path):
    zanzibar = ZanzibarResource(home=str(tmp_path / "home"), overrides={"sierra_dir": str(sierra)})
    with dg.DagsterInstance.ephemeral() as instance:
        assert depth_archive.execute_in_process(resources={"zanzibar": zanzibar}, instance=instance).success
    assert (tmp_path / "home" / "archive" / "depth" / "ESH24-CME" / f"{NAME}.zst").exists()
    assert build_archive_schedule().default_status is dg.DefaultScheduleStatus.STOPPED
