"""The whole graph for `demo` and `run`: plan it, run it with progress, gather what to show."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from zanzibar_assets.calendars import is_session, previous_sessions
from zanzibar_assets.commands._output import ProgressPrinter
from zanzibar_assets.contracts.registry import TABLES, empty
from zanzibar_assets.errors import UsageError
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Grain, Verdict

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.orchestration.resources import ZanzibarResource
    from zanzibar_assets.orchestration.run_graph import GraphPlan
    from zanzibar_assets.reporting.summary import RunSummary
    from zanzibar_assets.store.manifest import PartitionRecord
    from zanzibar_assets.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run covers: its plan and the notes that planning gave."""

    plan: GraphPlan
    notes: tuple[str, ...]


def make_scope(workspace: Workspace, first: str | None, last: str | None, trade: int) -> Scope:
    """Plan: every session with records; models through the one before the last ``trade`` sessions."""
    from zanzibar_assets.orchestration.run_graph import GraphPlan, discover

    sessions = discover(workspace, first, last)
    missing = sorted({i.id for i in workspace.active_instruments()} - set(sessions))
    if missing:
        raise UsageError(
            f"the Sierra folder holds no session of {', '.join(missing)}",
            got="; ".join(
                [
                    f"{workspace.config.sierra_dir}" + (f" from {first} to {last}" if first or last else ""),
                    *_empty_files(workspace),
                ]
            ),
            action="check the folder, the file names and the dates",
        )
    through: dict[str, str] = {}
    traded: set[str] = set()
    for name, keys in sessions.items():
        instrument = workspace.instruments[name]
        own = [key for key in keys if is_session(instrument, key)]
        chosen = own[-trade:]
        traded.update(chosen)
        through[name] = previous_sessions(instrument, chosen[0], 1)[0]
    plan = GraphPlan(sessions, through, tuple(sorted(traded)))
    fitted = [
        f"{name}: models, volatility and risk rest on sessions through {through[name]}, the one before "
        f"the traded ones ({', '.join(s for s in keys if s in traded)})"
        for name, keys in sessions.items()
    ]
    return Scope(plan, (*fitted, *_untouched_depth(workspace, sessions), *_empty_files(workspace)))


def _empty_files(workspace: Workspace) -> list[str]:
    """Tick files of the instruments that hold no byte yet."""
    folder = workspace.config.sierra_dir
    if folder is None:
        return []
    empty_ones = sorted(path for path in folder.glob("*.scid") if path.stat().st_size == 0)
    known = workspace.active_instruments()
    return [
        f"{path.name} is empty: no record to read"
        for path in empty_ones
        if any(instrument.source_of(path.stem) for instrument in known)
    ]


def _untouched_depth(workspace: Workspace, sessions: dict[str, tuple[str, ...]]) -> list[str]:
    """Depth records of sessions without any tick: said, not built and not lost."""
    from zanzibar_assets.ingestion.sources import session_slices

    found: dict[tuple[str, str], int] = {}
    for name, keys in sessions.items():
        instrument = workspace.instruments[name]
        for file in workspace.sources.files(instrument):
            for piece in session_slices(file, instrument):
                if piece.session not in keys and keys[0] <= piece.session and file.kind == "depth":
                    held = found.get((name, piece.session), 0)
                    found[name, piece.session] = held + piece.last_record - piece.first_record
    return [
        f"{name}: {count} depth records belong to session {session}, which has no ticks and was not built"
        for (name, session), count in sorted(found.items())
    ]


def run_scope(zanzibar: ZanzibarResource, scope: Scope, *, as_json: bool) -> None:
    """Run a scope, show the final screen (or the JSON document); exit 1 when partitions were held back."""
    from zanzibar_assets.orchestration.instance import open_instance
    from zanzibar_assets.orchestration.progress import listening
    from zanzibar_assets.orchestration.run_graph import run_plan

    started = time.perf_counter()
    workspace = zanzibar.workspace()
    workspace.lake.sweep()
    printer = ProgressPrinter()
    errors: list[str] = []
    with open_instance(workspace.config) as instance, listening(printer):
        for result in run_plan(scope.plan, instance, zanzibar):
            if not result.success and not result.held_back:
                errors.append(f"{result.wave.job} failed: {result.error}")
    printer.close()
    statuses = _statuses(printer)
    seconds = time.perf_counter() - started
    summary = summarise(workspace, scope, statuses, errors, seconds)
    if as_json:
        click.echo(json.dumps(summary.to_json(), indent=2, default=str))
    else:
        from rich.console import Console

        from zanzibar_assets.reporting.screen import show

        console = Console(file=sys.stdout)
        show(summary, console if console.is_terminal else Console(file=sys.stdout, width=120))
    if errors or not summary.is_complete:
        raise click.exceptions.Exit(1)


def _statuses(printer: ProgressPrinter) -> dict[tuple[str, str], str]:
    """What the run did, by table and partition; tables written beside another share its fate."""
    from zanzibar_assets.orchestration.table_asset import SPECS

    return {
        (table, item.key): item.status
        for item in printer.seen
        for table in (item.table, *SPECS[item.table].side_tables)
    }


def summarise(
    workspace: Workspace,
    scope: Scope,
    statuses: dict[tuple[str, str], str],
    errors: Sequence[str],
    seconds: float,
) -> RunSummary:
    """Everything that the final screen tells, read back from the store."""
    from zanzibar_assets.reporting.notes import history_notes
    from zanzibar_assets.reporting.summary import summarise_run

    plan = scope.plan
    records = [record for record in workspace.manifest.all() if _in_scope(record, plan)]
    notes = [
        *scope.notes,
        *history_notes(
            records,
            _by_instrument(workspace, plan, "trained_model"),
            _by_instrument(workspace, plan, "volatility_forecast"),
            _newest(workspace, plan, "regimes"),
            workspace.config.analysis.history_sessions,
            plan.trade_sessions,
        ),
        *_nothing_sent(plan, statuses),
    ]
    traded = plan.trade_sessions
    return summarise_run(
        records=records,
        statuses=statuses,
        signals=_sessions(workspace, "signals", traded),
        orders=_sessions(workspace, "orders", traded),
        fills=_sessions(workspace, "fills", traded),
        account_state=_sessions(workspace, "account_state", traded),
        validation_by_instrument=_by_instrument(workspace, plan, "validation_report"),
        notes=notes,
        errors=errors,
        look_next=_look_next(workspace, traded),
        seconds=seconds,
    )


def _nothing_sent(plan: GraphPlan, statuses: dict[tuple[str, str], str]) -> list[str]:
    """Said when every traded session stood in the account already."""
    states = {statuses.get(("orders", session)) for session in plan.trade_sessions}
    if states != {"up_to_date"}:
        return []
    return ["nothing was sent in this run: the account held the orders of these sessions already"]


def _in_scope(record: PartitionRecord, plan: GraphPlan) -> bool:
    grain = TABLES[record.table].grain if record.table in TABLES else None
    if grain is Grain.MARKET:
        return str(record.key.session) in plan.sessions.get(str(record.key.instrument), ())
    if grain is Grain.INSTRUMENT:
        return record.key.instrument in plan.sessions
    return grain is Grain.SESSION and record.key.session in plan.union


def _load(workspace: Workspace, table: str, key: PartitionKey) -> pl.DataFrame:
    record = workspace.manifest.get(table, key)
    if record is None or record.verdict is not Verdict.OK or record.fingerprint is None:
        return empty(table)
    return workspace.lake.read(table, key, record.schema_version, record.fingerprint)


def _sessions(workspace: Workspace, table: str, sessions: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    frames = [_load(workspace, table, PartitionKey(session=session)) for session in sessions]
    return pl.concat([empty(table), *frames])


def _by_instrument(workspace: Workspace, plan: GraphPlan, table: str) -> dict[str, pl.DataFrame]:
    return {name: _load(workspace, table, PartitionKey(instrument=name)) for name in plan.sessions}


def _newest(workspace: Workspace, plan: GraphPlan, table: str) -> dict[str, pl.DataFrame]:
    found = {}
    for name, keys in plan.sessions.items():
        own = [key for key in keys if is_session(workspace.instruments[name], key)]
        found[name] = _load(workspace, table, PartitionKey(name, own[-1]))
    return found


def _look_next(workspace: Workspace, traded: Sequence[str]) -> list[tuple[str, str]]:
    found = [("zanzibar up", "the graph, lineage, checks and runs in Dagster's UI")]
    if traded:
        report = _load(workspace, "session_report", PartitionKey(session=traded[-1]))
        if report.height:
            found.append(
                (str(workspace.config.reports_dir / report["html"][0]), "the last session as a page")
            )
        fills = _sessions(workspace, "fills", traded)
        if fills.height:
            found.append((f"zanzibar trace {fills['deal_ticket'][-1]}", "a fill back to its source bytes"))
        for name in workspace.config.instruments[:1]:
            use = f"zanzibar export --to bookmap --instrument {name} --session {traded[-1]}"
            found.append((use, "levels as Bookmap reads them"))
    found.append(("zanzibar status", "can it trade now, and why not"))
    return found


def account_name(prefix: str, parts: Sequence[object]) -> str:
    """Name of the simulated account of a run: the same run finds its account again."""
    from zanzibar_assets.config import stable_hash

    return f"{prefix}-{stable_hash([str(part) for part in parts], 4).upper()}"
