"""Schedules. Belongs here: when jobs start by the clock; each tick asks the exchange's calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from zanzibar_assets.calendars import CLOSES, is_session, session_at, session_window
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.orchestration.jobs import RETRAINING, SESSION_PIPELINE, VALIDATION
from zanzibar_assets.orchestration.partitions import dagster_key, register
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.table_asset import FORCE_TAG, FULL_SEARCH_TAG, THROUGH_TAG
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets.vocabulary import to_us


def closed_session(instrument: Instrument, since_us: int, now_us: int) -> str | None:
    """Session of the instrument that closed within ``(since_us, now_us]``, or None (weekend, holiday)."""
    session = session_at(instrument, since_us)
    return session if session_window(instrument, session).close_us <= now_us else None


def previous_tick(tick: datetime, zone: str) -> datetime:
    """The daily tick before: the same time of the day on the zone's clock, a day earlier.

    Early closes lie hours before the tick, and a day has 23 or 25 hours when the clocks change.
    """
    return tick.astimezone(ZoneInfo(zone)) - timedelta(days=1)


def build_schedules(jobs: dict[str, Any]) -> list[dg.ScheduleDefinition]:
    """A schedule for each calendar's close, nightly retraining, weekly validation."""
    closes = [_close_schedule(name, cron, zone, jobs) for name, (cron, zone) in CLOSES.items()]
    return [*closes, _retraining_schedule(jobs), _validation_schedule(jobs)]


def _close_schedule(calendar: str, cron: str, zone: str, jobs: dict[str, Any]) -> dg.ScheduleDefinition:
    slug = "".join(c if c.isalnum() else "_" for c in calendar.lower())

    @dg.schedule(
        name=f"session_close_{slug}",
        cron_schedule=cron,
        execution_timezone=zone,
        job=jobs[SESSION_PIPELINE],
        description=f"Builds each instrument's session after the close of calendar {calendar}.",
        required_resource_keys={"zanzibar"},
    )
    def at_close(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace = _workspace(context)
        tick = context.scheduled_execution_time
        span = (to_us(previous_tick(tick, zone)), to_us(tick))
        requests = list(_close_requests(context, workspace, calendar, span))
        yield from requests
        if not requests:
            yield dg.SkipReason(f"no session of {calendar} closed in the day before this tick")

    return at_close


def _close_requests(
    context: dg.ScheduleEvaluationContext, workspace: Workspace, calendar: str, span: tuple[int, int]
) -> Iterator[dg.RunRequest]:
    for instrument in workspace.active_instruments():
        session = closed_session(instrument, *span) if instrument.calendar == calendar else None
        if session is None:
            continue
        register(context.instance, [instrument.id], [session])
        key = dagster_key(PartitionKey(instrument.id, session))
        yield dg.RunRequest(run_key=f"close|{instrument.id}|{session}", partition_key=key)


def _retraining_schedule(jobs: dict[str, Any]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="nightly_retraining",
        cron_schedule="30 0 * * *",
        execution_timezone="UTC",
        job=jobs[RETRAINING],
        description="Trains and validates each instrument's model through its newest closed session.",
        required_resource_keys={"zanzibar"},
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield from _model_requests(context, "feature_matrix")

    return nightly


def _validation_schedule(jobs: dict[str, Any]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="weekly_validation",
        cron_schedule="0 6 * * 6",
        execution_timezone="UTC",
        job=jobs[VALIDATION],
        description="Searches widely, trains and validates each instrument over every trial made so far.",
        required_resource_keys={"zanzibar"},
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        full = {FULL_SEARCH_TAG: "true", FORCE_TAG: "true"}
        yield from _model_requests(context, "trained_model", full)

    return weekly


def _model_requests(
    context: dg.ScheduleEvaluationContext, needs: str, tags: Mapping[str, str] | None = None
) -> Iterable[dg.RunRequest | dg.SkipReason]:
    workspace = _workspace(context)
    now_us = to_us(context.scheduled_execution_time)
    requests = []
    for instrument in workspace.active_instruments():
        built = workspace.sessions_built("feature_matrix", [instrument.id])
        own = [s for s in built if is_session(instrument, s)]  # closed days are built too, empty
        closed = [s for s in own if session_window(instrument, s).close_us <= now_us]
        if not closed or not workspace.manifest.of_table(needs, instrument.id):
            continue
        register(context.instance, [instrument.id], [])
        requests.append(
            dg.RunRequest(
                run_key=f"{needs}|{instrument.id}|{closed[-1]}|{now_us}",
                partition_key=instrument.id,
                tags={THROUGH_TAG: closed[-1], **(tags or {})},
            )
        )
    return requests or [dg.SkipReason(f"no instrument has a {needs} yet")]


def _workspace(context: dg.ScheduleEvaluationContext) -> Workspace:
    resource: ZanzibarResource = context.resources.zanzibar
    return resource.workspace()
