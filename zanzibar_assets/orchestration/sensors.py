"""Sensors. Belongs here: what starts jobs when something happens; a cursor each, short ticks."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from zanzibar_assets.calendars import session_at
from zanzibar_assets.errors import ZanzibarError
from zanzibar_assets.orchestration.drift_sensor import drift_sensor
from zanzibar_assets.orchestration.file_sensor import sierra_files_sensor
from zanzibar_assets.orchestration.jobs import (
    EXECUTION,
    PIPELINE_FEATURES,
    PIPELINE_SIGNALS,
    PIPELINE_TABLES,
    SESSION_PIPELINE,
)
from zanzibar_assets.orchestration.partitions import SESSION_DIMENSION, dagster_key, register
from zanzibar_assets.orchestration.resources import ZanzibarResource, clock_us
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets.vocabulary import Verdict


def build_sensors(jobs: dict[str, Any]) -> list[dg.SensorDefinition]:
    """Every sensor; those that start work are off until someone turns them on."""
    return [
        sierra_files_sensor(jobs),
        _narrative_inbox(jobs),
        _new_signals(jobs),
        drift_sensor(jobs),
        _follow(jobs, SESSION_PIPELINE, PIPELINE_TABLES, per_instrument=False),
        _follow(jobs, PIPELINE_TABLES, PIPELINE_FEATURES, per_instrument=True),
        _follow(jobs, PIPELINE_FEATURES, PIPELINE_SIGNALS, per_instrument=False),
        _failed_runs(),
    ]


def _workspace(context: Any) -> Workspace:
    resource: ZanzibarResource = context.resources.zanzibar
    return resource.workspace()


def _narrative_inbox(jobs: dict[str, Any]) -> dg.SensorDefinition:
    @dg.sensor(
        name="narrative_inbox",
        job=jobs[PIPELINE_TABLES],
        minimum_interval_seconds=30,
        required_resource_keys={"zanzibar"},
        description="A new narrative in the inbox: reads and scores its session again.",
    )
    def narrative_inbox(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace = _workspace(context)
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        sessions = workspace.sources.inbox_sessions()
        changed = {s: mark for s, mark in sessions.items() if seen.get(s) != mark}
        context.update_cursor(json.dumps(sessions, sort_keys=True))
        if not changed:
            yield dg.SkipReason("no new narrative")
        for session, mark in sorted(changed.items()):
            register(context.instance, [], [session])
            yield dg.RunRequest(run_key=f"inbox|{session}|{mark}", partition_key=session)

    return narrative_inbox


def _new_signals(jobs: dict[str, Any]) -> dg.SensorDefinition:
    @dg.sensor(
        name="new_signals",
        job=jobs[EXECUTION],
        minimum_interval_seconds=10,
        required_resource_keys={"zanzibar"},
        description="Kept signals of the running session: starts the execution job. Trades when on!",
    )
    def new_signals(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace = _workspace(context)
        found = list(running_signals(workspace, clock_us()))
        if not found:
            yield dg.SkipReason("no usable signals of a running session")
        for session, fingerprint in found:
            register(context.instance, [], [session])
            yield dg.RunRequest(run_key=f"signals|{session}|{fingerprint}", partition_key=session)

    return new_signals


def running_signals(workspace: Workspace, now_us: int) -> Iterator[tuple[str, str]]:
    """Sessions that are running now and have usable signals, with the signals' fingerprint."""
    if workspace.config.halt_file.exists():
        return
    for session in sorted({session_at(i, now_us) for i in workspace.active_instruments()}):
        record = workspace.manifest.get("signals", PartitionKey(session=session))
        if record is not None and record.verdict is Verdict.OK and record.rows and record.fingerprint:
            yield session, record.fingerprint


def _follow(jobs: dict[str, Any], first: str, then: str, *, per_instrument: bool) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=f"{then}_follows",
        monitored_jobs=[jobs[first]],
        request_job=jobs[then],
        minimum_interval_seconds=10,
        description=f"When {first} has built a session, starts {then} for it.",
    )
    def follow(
        context: dg.RunStatusSensorContext, zanzibar: ZanzibarResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        session = run_session(context.dagster_run.tags)
        if session is None:
            yield dg.SkipReason("the run was not of one session")
            return
        run_key = f"{then}|{context.dagster_run.run_id}"
        if not per_instrument:
            yield dg.RunRequest(run_key=run_key, partition_key=session)
            return
        workspace = zanzibar.workspace()
        keys = [PartitionKey(instrument.id, session) for instrument in workspace.active_instruments()]
        built = [key for key in keys if workspace.manifest.get("labels", key) is not None]
        for key in built:
            yield dg.RunRequest(run_key=f"{run_key}|{key.instrument}", partition_key=dagster_key(key))
        if not built:
            yield dg.SkipReason(f"no instrument has been built for {session} yet")

    return follow


def run_session(tags: Any) -> str | None:
    """Session of a run from its partition tags; None for range runs.

    Nothing follows a range: a backfill over history names every table it wants, and the command
    runs the jobs in order itself. A chain for each of its sessions would build them twice.
    """
    found = tags.get(f"dagster/partition/{SESSION_DIMENSION}") or tags.get("dagster/partition")
    if found is None:
        return None
    return PartitionKey.parse(str(found)).session


def _failed_runs() -> dg.SensorDefinition:
    # No list of jobs: every run of this code location, materializations from the UI among them.
    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="A failed run becomes an alert: kept in the metadata database, shown by `status`.",
    )
    def failed_runs(context: dg.RunFailureSensorContext, zanzibar: ZanzibarResource) -> None:
        run = context.dagster_run
        detail = f"{run.job_name} {run.tags.get('dagster/partition', '')}: {context.failure_event.message}"
        try:
            zanzibar.workspace().raise_alert("failed_run", detail)
        except ZanzibarError as error:
            context.log.error(f"alert could not be kept: {error}")
            raise
        context.log.warning(f"alert: {detail}")

    return failed_runs
