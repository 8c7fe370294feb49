"""The two instance files say the same, and Dagster reads both."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from zanzibar_assets.config import load_config
from zanzibar_assets.orchestration.instance import open_instance, prepare_instance
from zanzibar_assets_tests.house.repository import ROOT, run_python


@pytest.fixture
def config(tmp_path):
    return load_config(tmp_path)


def settings(text: str, base: str) -> dict:
    """The file with its folder named BASE."""
    return json.loads(json.dumps(yaml.safe_load(text)).replace(base, "BASE"))


def test_both_files_agree_in_everything_but_their_folder(config):
    root = settings((ROOT / "dagster.yaml").read_text(encoding="utf-8"), "data/dagster")
    folder = prepare_instance(config)
    own = settings((folder / "dagster.yaml").read_text(encoding="utf-8"), folder.as_posix())
    assert root == own
    assert root["storage"]["sqlite"]["base_dir"] == "BASE"
    assert root["telemetry"] == {"enabled": False}
    assert root["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_everything_that_the_instance_writes_lies_in_its_folder(config):
    folder = config.dagster_dir.as_posix()
    with open_instance(config) as instance:
        assert instance.telemetry_enabled is False
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 0
        assert instance.get_settings("run_retries")["retry_on_asset_or_op_failure"] is False
        assert instance.run_monitoring_enabled
        paths = [instance.event_log_storage._base_dir, instance.compute_log_manager._base_dir]
        assert all(str(path).startswith(folder) for path in paths)
    assert {path.name for path in config.home.iterdir()} == {"dagster"}


def test_an_instance_file_that_someone_edited_is_kept(config):
    file = prepare_instance(config) / "dagster.yaml"
    edited = file.read_text(encoding="utf-8").replace("max_concurrent_runs: 1", "max_concurrent_runs: 2")
    file.write_text(edited, encoding="utf-8")
    prepare_instance(config)
    assert file.read_text(encoding="utf-8") == edited


def test_plain_dagster_reads_the_file_at_the_root(tmp_path):
    """In a folder of its own, since the base folder is relative to where Dagster starts."""
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    program = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.from_config('.') as i: print(i.telemetry_enabled, i.run_monitoring_enabled)"
    )
    done = run_python("-c", program, cwd=tmp_path, DAGSTER_HOME=os.fspath(tmp_path))
    assert done.stdout.split() == ["False", "True"], done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"dagster.yaml", "data"}


def test_the_workspace_file_names_the_code_location():
    loaded = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    (location,) = loaded["load_from"]
    assert location["python_module"]["module_name"] == "zanzibar_assets.definitions"
