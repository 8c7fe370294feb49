"""Dagster's instance of a home folder. Belongs here: where it lives and how it is opened."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from zanzibar_assets.config import Config

INSTANCE_YAML = """\
# Written by Zanzibar. SQLite under this folder; telemetry off; one run at a time, because a run
# over a range builds sessions in order and later ones read earlier ones.
storage:
  sqlite:
    base_dir: {base}
local_artifact_storage:
  module: dagster.core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: {base}
compute_logs:
  module: dagster.core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {base}/compute_logs
concurrency:
  runs:
    max_concurrent_runs: 1
run_retries:
  enabled: true
  max_retries: 0
  retry_on_asset_or_op_failure: false
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  max_runtime_seconds: 21600
  free_slots_after_run_end_seconds: 60
telemetry:
  enabled: false
nux:
  enabled: false
"""


def prepare_instance(config: Config) -> Path:
    """Make the instance folder with its dagster.yaml (an edited one is kept); returns the folder."""
    folder = config.dagster_dir
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    if not file.exists():
        file.write_text(INSTANCE_YAML.format(base=folder.as_posix()), encoding="utf-8")
    return folder


def open_instance(config: Config) -> dg.DagsterInstance:
    """The home's instance; use it as a context manager."""
    return dg.DagsterInstance.from_config(str(prepare_instance(config)))
