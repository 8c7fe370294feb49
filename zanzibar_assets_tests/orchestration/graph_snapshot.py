"""The graph as plain data, compared with what was agreed.

Run ``python -m zanzibar_assets_tests.orchestration.graph_snapshot`` to write it anew after a change
that is meant, and read the difference before it is committed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg

from zanzibar_assets.definitions import defs
from zanzibar_assets.orchestration.partitions import INSTRUMENTS, MARKET, SESSIONS

FILE = Path(__file__).resolve().parents[1] / "reference" / "graph_snapshot.json"
COMMAND = "python -m zanzibar_assets_tests.orchestration.graph_snapshot"
PARTITIONS = ((MARKET, "instrument x session"), (SESSIONS, "session"), (INSTRUMENTS, "instrument"))


def snapshot() -> dict[str, Any]:
    """Assets, jobs, schedules and sensors of the code location."""
    return {
        "assets": {key.to_user_string(): asset(key) for key in sorted(graph().get_all_asset_keys())},
        "jobs": {job.name: job_of(job) for job in sorted(defs.jobs, key=lambda j: j.name)},
        "schedules": {s.name: schedule_of(s) for s in sorted(defs.schedules, key=lambda s: s.name)},
        "sensors": {s.name: sensor_of(s) for s in sorted(defs.sensors, key=lambda s: s.name)},
    }


def graph():
    return defs.resolve_asset_graph()


def asset(key: dg.AssetKey) -> dict[str, Any]:
    node = graph().get(key)
    policy = node.backfill_policy
    return {
        "group": node.group_name,
        "deps": {
            parent.to_user_string(): mapping_of(node.partition_mappings.get(parent))
            for parent in sorted(node.parent_keys)
        },
        "partitions": next(name for known, name in PARTITIONS if known == node.partitions_def),
        "owners": sorted(node.owners),
        "kinds": sorted(node.kinds),
        "checks": sorted(check.name for check in node.check_keys),
        "backfill": None if policy is None else f"{policy.max_partitions_per_run or 'all'} partitions a run",
    }


def mapping_of(mapping: dg.PartitionMapping | None) -> str:
    if isinstance(mapping, dg.MultiToSingleDimensionPartitionMapping):
        return f"by {mapping.partition_dimension_name}"
    names = {dg.IdentityPartitionMapping: "same", dg.AllPartitionMapping: "all"}
    return names[type(mapping)]


def job_of(job: Any) -> dict[str, Any]:
    layer = defs.resolve_job_def(job.name).asset_layer
    tables = sorted(key.to_user_string() for key in layer.executable_asset_keys)
    return {"tables": tables, "tags": dict(sorted(job.tags.items()))}


def schedule_of(schedule: Any) -> dict[str, Any]:
    return {
        "cron": schedule.cron_schedule,
        "zone": schedule.execution_timezone,
        "job": schedule.job_name,
        "default": schedule.default_status.value,
    }


def sensor_of(sensor: Any) -> dict[str, Any]:
    return {
        "jobs": sorted(target.job_name for target in sensor.targets),
        "default": sensor.default_status.value,
        "seconds": sensor.minimum_interval_seconds,
    }


def text() -> str:
    return json.dumps(snapshot(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8", newline="\n")
