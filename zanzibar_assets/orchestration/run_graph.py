"""Run the graph in this process, wave by wave, as real Dagster runs on the home's instance.

Belongs here: which partitions of which jobs run in what order. Used by `demo`, `run`, `backfill`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import dagster as dg

from zanzibar_assets.calendars import sessions_between, union_sessions
from zanzibar_assets.orchestration import jobs
from zanzibar_assets.orchestration.graph import build_definitions
from zanzibar_assets.orchestration.partitions import dagster_key, register
from zanzibar_assets.orchestration.progress import Progress, listening
from zanzibar_assets.orchestration.reaper import PROCESS_TAG, process_mark, reap
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.table_asset import MARKET_PARTITIONS_PER_RUN, THROUGH_TAG
from zanzibar_assets.store.builder import Status
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.workspace import Workspace

INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


@dataclass(frozen=True, slots=True)
class GraphPlan:
    """What to build: sessions by instrument, the last one trained on, and the sessions to trade.

    ``train_through`` None trains nothing; ``trade_sessions`` empty sends no order.
    """

    sessions: dict[str, tuple[str, ...]]
    train_through: dict[str, str] = field(default_factory=dict)
    trade_sessions: tuple[str, ...] = ()

    @property
    def union(self) -> tuple[str, ...]:
        """Every session of any instrument, sorted."""
        return tuple(sorted({s for sessions in self.sessions.values() for s in sessions}))


@dataclass(frozen=True, slots=True)
class Wave:
    """One Dagster run: a job over one partition or a range of them."""

    job: str
    keys: tuple[str, ...]
    tables: tuple[str, ...]
    tags: dict[str, str] = field(default_factory=dict)


def waves(plan: GraphPlan) -> Iterator[Wave]:
    """The runs of a plan in order."""
    for instrument, sessions in plan.sessions.items():
        yield from _market(jobs.SESSION_PIPELINE, instrument, sessions, jobs.MARKET_TABLES)
    yield from _across(jobs.PIPELINE_TABLES, plan.union, jobs.SESSION_TABLES)
    for instrument, sessions in plan.sessions.items():
        yield from _market(jobs.PIPELINE_FEATURES, instrument, sessions, ("feature_matrix",))
    for instrument, through in plan.train_through.items():
        yield Wave(jobs.RETRAINING, (instrument,), jobs.MODEL_TABLES, {THROUGH_TAG: through})
    for instrument, sessions in plan.sessions.items():
        yield from _market(jobs.PIPELINE_FEATURES, instrument, sessions, jobs.FEATURE_TABLES[1:])
    yield from _across(jobs.PIPELINE_SIGNALS, plan.union, jobs.SIGNAL_TABLES)
    for session in sorted(plan.trade_sessions):
        yield Wave(jobs.EXECUTION, (session,), jobs.ACCOUNT_TABLES)


def _market(job: str, instrument: str, sessions: Sequence[str], tables: tuple[str, ...]) -> Iterator[Wave]:
    for start in range(0, len(sessions), MARKET_PARTITIONS_PER_RUN):
        chunk = sessions[start : start + MARKET_PARTITIONS_PER_RUN]
        keys = tuple(dagster_key(PartitionKey(instrument, session)) for session in chunk)
        yield Wave(job, keys, tables)


def _across(job: str, sessions: Sequence[str], tables: tuple[str, ...]) -> Iterator[Wave]:
    if sessions:
        yield Wave(job, tuple(sessions), tables)


@dataclass(frozen=True, slots=True)
class WaveResult:
    """How one run ended; ``held_back`` runs only mark partitions as failed in Dagster's own view."""

    wave: Wave
    run_id: str
    success: bool
    error: str = ""
    held_back: bool = False


def run_plan(
    plan: GraphPlan, instance: dg.DagsterInstance, zanzibar: ZanzibarResource
) -> Iterator[WaveResult]:
    """Run a plan's waves, yielding each result; a failed wave does not stop the others.

    What depends on a failed partition refuses to build by its own inputs, so nothing is built or
    traded on data that is not there.
    """
    reap(instance, all_untagged=False)
    register(instance, plan.sessions, plan.union)
    definitions = build_definitions(zanzibar=zanzibar)
    for wave in waves(plan):
        yield from run_wave(wave, definitions, instance)


def run_wave(wave: Wave, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Iterator[WaveResult]:
    """One wave's run, and after a range run one for each partition that it held back."""
    blocked: dict[str, list[str]] = {}
    with listening(partial(_note_blocked, blocked)):
        yield _run(wave, definitions, instance)
    if len(wave.keys) > 1:
        yield from _mark_held_back(wave, blocked, definitions, instance)


def _note_blocked(blocked: dict[str, list[str]], progress: Progress) -> None:
    if progress.status == Status.BLOCKED.value:
        blocked.setdefault(progress.key, []).append(progress.table)


def _mark_held_back(
    wave: Wave, blocked: dict[str, list[str]], definitions: dg.Definitions, instance: dg.DagsterInstance
) -> Iterator[WaveResult]:
    """A run of its own for each partition that a range run held back: it fails, and so Dagster shows it.

    A range run reports each of its partitions as materialized, also those that were not built.
    """
    for key, tables in blocked.items():
        found = dagster_key(PartitionKey.parse(key))
        if found in wave.keys:
            alone = Wave(wave.job, (found,), tuple(dict.fromkeys(tables)), wave.tags)
            yield replace(_run(alone, definitions, instance), held_back=True)


def _run(wave: Wave, definitions: dg.Definitions, instance: dg.DagsterInstance) -> WaveResult:
    tags = {**wave.tags, PROCESS_TAG: process_mark()}
    partition: dict[str, Any] = {}
    if len(wave.keys) == 1:
        partition["partition_key"] = wave.keys[0]
    else:
        tags |= {RANGE_START: wave.keys[0], RANGE_END: wave.keys[-1]}
    result = definitions.resolve_job_def(wave.job).execute_in_process(
        instance=instance,
        tags=tags,
        raise_on_error=False,
        # What people want to see is on the screen; every event is in the run's log all the same.
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        asset_selection=[dg.AssetKey(table) for table in wave.tables],
        **partition,
    )
    if _was_interrupted(result):
        raise KeyboardInterrupt
    return WaveResult(wave, result.run_id, result.success, _first_error(result))


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """True when a person stopped the run: Dagster catches the signal and only fails the step."""
    errors = [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
    return any(error is not None and error.cls_name in INTERRUPTS for error in errors)


def _first_error(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return f"{event.step_key}: {data.user_failure_data.description}"
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip() if error else 'the step failed'}"
    return ""


def discover(
    workspace: Workspace, first: str | None = None, last: str | None = None
) -> dict[str, tuple[str, ...]]:
    """Sessions to build for each active instrument: from its first to its last session with records.

    Sessions in between without a record stay in the list: a silent gap must show up as a failure.
    Days of the union calendar on which an instrument is closed become typed empty partitions.
    """
    spans: dict[str, tuple[str, str]] = {}
    for instrument in workspace.active_instruments():
        held = [s for s in workspace.sources.sessions(instrument) if _within(s, first, last)]
        if held:
            spans[instrument.id] = (held[0], held[-1])
    active = [workspace.instruments[name] for name in spans]
    found: dict[str, tuple[str, ...]] = {}
    for name, (start, end) in spans.items():
        own = sessions_between(workspace.instruments[name], start, end)
        shared = [s for other in active for s in _shared(workspace, other.id, spans, start, end)]
        found[name] = tuple(sorted({*own, *shared}))
    return found


def _shared(
    workspace: Workspace, other: str, spans: dict[str, tuple[str, str]], start: str, end: str
) -> list[str]:
    low, high = max(start, spans[other][0]), min(end, spans[other][1])
    return union_sessions([workspace.instruments[other]], low, high) if low <= high else []


def _within(session: str, first: str | None, last: str | None) -> bool:
    return (first is None or session >= first) and (last is None or session <= last)
