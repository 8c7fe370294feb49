"""The sensor over the Sierra folder. Belongs here: the tick around ``store.source_watch``, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from zanzibar_assets.orchestration.jobs import SESSION_PIPELINE
from zanzibar_assets.orchestration.partitions import dagster_key, register
from zanzibar_assets.store.source_watch import Look, look, restore

if TYPE_CHECKING:
    from zanzibar_assets.orchestration.resources import ZanzibarResource

RUN_KEY_TAG = "dagster/run_key"
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def sierra_files_sensor(jobs: dict[str, Any]) -> dg.SensorDefinition:
    """Sensor that asks for the sessions to which new or corrected bytes belong."""

    @dg.sensor(
        name="sierra_files",
        job=jobs[SESSION_PIPELINE],
        minimum_interval_seconds=30,
        required_resource_keys={"zanzibar"},
        description="New bytes in the Sierra folder: builds the sessions that they belong to.",
    )
    def sierra_files(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        resource: ZanzibarResource = context.resources.zanzibar
        workspace = resource.workspace()
        cursor = restore(workspace, context.cursor)
        found = look(workspace, cursor, partial(run_states, context.instance))
        for request in found.requests:
            register(context.instance, [str(request.key.instrument)], [str(request.key.session)])
            yield dg.RunRequest(run_key=request.run_key, partition_key=dagster_key(request.key))
        if not found.requests:
            yield dg.SkipReason(skip_reason(found))
        context.update_cursor(found.cursor.to_text())

    return sierra_files


def skip_reason(found: Look) -> str:
    """Why a tick asks for nothing."""
    waits = len(found.cursor.asked)
    parts = ["no new bytes"]
    parts += [f"{waits} sessions are being built"] if waits else []
    parts += [f"{found.left} files wait for the next tick"] if found.left else []
    return "; ".join(parts)


def run_states(
    instance: dg.DagsterInstance, run_keys: list[str]
) -> Mapping[str, Literal["running", "finished"]]:
    """State of the runs of some run keys; a key of several runs counts as running while one of them does."""
    if not run_keys:
        return {}
    found: dict[str, Literal["running", "finished"]] = {}
    for run in instance.get_runs(filters=dg.RunsFilter(tags={RUN_KEY_TAG: run_keys})):
        name = run.tags[RUN_KEY_TAG]
        if found.get(name) != "running":
            found[name] = "finished" if run.status in FINISHED else "running"
    return found
