"""Schedules and sensors evaluated as the daemon does, on a home of the test."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime

import dagster as dg

from zanzibar_assets.orchestration.file_sensor import RUN_KEY_TAG
from zanzibar_assets.orchestration.graph import build_definitions
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import PartitionRecord
from zanzibar_assets.vocabulary import Verdict

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps events in the run's log and off the terminal."""


class Desk:
    """A home with its open instance and the code location over it."""

    def __init__(self, zanzibar, instance):
        self.zanzibar, self.instance = zanzibar, instance
        self.repository = build_definitions(zanzibar=zanzibar).get_repository_def()
        self.workspace = zanzibar.workspace()
        self.cursor = None

    @property
    def common(self):
        return {
            "instance": self.instance,
            "repository_def": self.repository,
            "resources": {"zanzibar": self.zanzibar},
        }

    def schedule(self, name: str, at: datetime):
        """Requests of a schedule's tick, or the reason why there are none."""
        with dg.build_schedule_context(scheduled_execution_time=at, **self.common) as context:
            found = self.repository.get_schedule_def(name).evaluate_tick(context)
        return found.run_requests or found.skip_message

    def sensor(self, name: str, *, start: bool = True):
        """Requests of a sensor's tick, or the reason why there are none; the cursor is kept.

        With ``start`` a run is started for each request, which does nothing.
        """
        # A context that is left open opens the instance again and, when it is collected, leaves
        # Dagster with the state storage of an instance that is gone.
        with (
            dg.build_sensor_context(cursor=self.cursor, **self.common) as context,
            dg.partition_loading_context(dynamic_partitions_store=self.instance),
        ):
            found = self.repository.get_sensor_def(name).evaluate_tick(context)
        self.cursor = found.cursor
        for request in (found.run_requests or []) if start else []:
            self.start(request.run_key)
        return found.run_requests or found.skip_message

    def start(self, run_key: str) -> None:
        """Start a run as the daemon does: one for each run key, ever."""
        tags = {RUN_KEY_TAG: run_key}
        if not self.instance.get_runs(filters=dg.RunsFilter(tags=tags)):
            self.instance.add_run(dg.DagsterRun("a_job", tags=tags, status=dg.DagsterRunStatus.STARTED))

    def run(self, job: str, request, tables: list[str]):
        """Carry a request out as the daemon does: nothing for a run key that had a run already."""
        tags = {RUN_KEY_TAG: request.run_key}
        if self.instance.get_runs(filters=dg.RunsFilter(tags=tags)):
            return None
        return self.repository.get_job(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=tags,
            run_config=QUIET,
            asset_selection=[dg.AssetKey(table) for table in tables],
            raise_on_error=False,
            resources={"zanzibar": self.zanzibar},
        )

    def end_runs(self) -> None:
        """All runs end without having done anything."""
        for run in self.instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            self.instance.report_run_failed(run, "killed")

    def after_run(self, sensor: str, job: str, tags: dict, *, failed: str = ""):
        """What a run status sensor does after a run of a job ended."""
        run = self.instance.create_run_for_job(self.repository.get_job(job), tags=tags)
        if failed:
            self.instance.report_run_failed(run, failed)
        else:
            event = dg.DagsterEvent("PIPELINE_SUCCESS", job, message="done")
            self.instance.report_dagster_event(event, run.run_id)
        logged = [e.dagster_event for e in self.instance.all_logs(run.run_id) if e.is_dagster_event]
        definition = self.repository.get_sensor_def(sensor)
        with dg.build_run_status_sensor_context(
            sensor, logged[-1], self.instance, self.instance.get_run_by_id(run.run_id),
            resources={"zanzibar": self.zanzibar}, repository_def=self.repository,
        ) as context:  # fmt: skip
            return definition(context.for_run_failure()) if failed else list(definition(context))

    def note(self, table: str, key: str, verdict: Verdict = Verdict.OK, **values):
        """Put a record of a partition into the manifest."""
        known = dict(fingerprint="f" * 32, bytes=1, rows=1, first_us=None, last_us=None, inputs=())
        known |= {"schema_version": 1, "code_version": "c", "config_hash": "h"} | values
        self.workspace.manifest.put(PartitionRecord(table, PartitionKey.parse(key), verdict, **known))


@contextmanager
def desk(zanzibar):
    with open_instance(zanzibar.config()) as instance:
        opened = Desk(zanzibar, instance)
        try:
            yield opened
        finally:
            opened.workspace.database.close()
