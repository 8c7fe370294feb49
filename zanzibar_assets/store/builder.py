"""Build one partition: skip when up to date, compute, check the contract, store, record a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from zanzibar_assets.config import stable_hash
from zanzibar_assets.contracts.registry import TABLES, breaches, conform, empty
from zanzibar_assets.errors import BlockedInput, ContractError, MissingInput, SourceError, StaleInput
from zanzibar_assets.store.evolution import obstacle
from zanzibar_assets.store.inputs import SOURCE_PREFIX, Inputs
from zanzibar_assets.store.keeping import kept_without_source
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import CheckOutcome, PartitionRecord
from zanzibar_assets.store.specs import TableSpec
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.workspace import Workspace

TIME_COLUMNS = ("known_at", "ts_utc", "time_utc", "as_of", "decided_at")


class Status(StrEnum):
    """What a build did."""

    BUILT = "built"
    UP_TO_DATE = "up_to_date"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """Result of one build; ``frame`` is the main table when it was computed in this call."""

    key: PartitionKey
    status: Status
    record: PartitionRecord
    frame: pl.DataFrame | None = None


def build_partition(
    workspace: Workspace,
    spec: TableSpec,
    key: PartitionKey,
    *,
    through: str | None = None,
    force: bool = False,
    cuts: int = 0,
) -> BuildOutcome:
    """Build one partition of a table, or find that nothing has to be done.

    With ``cuts`` a table that has not been proved yet is held against what was known at so many
    instants (``proving``); one that looks ahead is ``failed``.

    A missing, blocked or stale input, or a source that cannot be trusted, gives the verdict
    ``blocked`` with the reason; a broken contract or check gives ``failed``. Both are recorded and
    keep everything that depends on this partition from being built. Other errors propagate. What was
    read from a source that holds nothing of the partition any more is kept, whatever else changed.
    """
    inputs = Inputs(workspace, key, through)
    try:
        current = kept_without_source(workspace, spec, key)
        if current is None and not force:
            current = up_to_date(workspace, spec, key, through)
        if current is not None:
            return BuildOutcome(key, Status.UP_TO_DATE, current)
        frames = _compute(spec, inputs)
    except (MissingInput, BlockedInput, StaleInput, SourceError) as error:
        record = _record(workspace, spec, spec.table, inputs, Verdict.BLOCKED, (str(error),))
        for table in (spec.table, *spec.side_tables):
            workspace.manifest.put(_renamed(record, table))
        return BuildOutcome(key, Status.BLOCKED, record)
    return _store(workspace, spec, inputs, frames, cuts)


def up_to_date(
    workspace: Workspace, spec: TableSpec, key: PartitionKey, through: str | None = None
) -> PartitionRecord | None:
    """The stored record when code, configuration and every input are what they were; else None.

    An older version of its contract does not matter where it can be read in the form of today's.
    """
    record = workspace.manifest.get(spec.table, key)
    if record is None or record.verdict is not Verdict.OK:
        return None
    if spec.live_always and workspace.config.execution.backend != "simulated":
        return None
    same = (
        record.code_version == spec.code_version
        and record.config_hash == config_hash(workspace, spec, key)
        and obstacle(spec.table, record.schema_version) is None
        and (through is None or record.notes.get("through", through) == through)
    )
    stored, version = record.fingerprint, record.schema_version
    if not same or stored is None or not workspace.lake.exists(spec.table, key, version, stored):
        return None
    recorded = [i for i in record.inputs if i.table.startswith(SOURCE_PREFIX)]
    if spec.source is not None and not workspace.sources.holds(spec.source, key, recorded):
        return None
    tables = [i for i in record.inputs if not i.table.startswith(SOURCE_PREFIX)]
    if not all(workspace.manifest.is_current(i, key.session) for i in tables):
        return None
    return record


def config_hash(workspace: Workspace, spec: TableSpec, key: PartitionKey) -> str:
    """Hash of the configuration sections and the instrument definitions that matter to a partition."""
    if key.instrument is not None:
        definitions = [workspace.instruments[key.instrument].definition_hash]
    else:
        definitions = [i.definition_hash for i in workspace.active_instruments()]
    return stable_hash([workspace.config.section_hash(*spec.sections), definitions])


def _compute(spec: TableSpec, inputs: Inputs) -> dict[str, pl.DataFrame]:
    tables = (spec.table, *spec.side_tables)
    if not inputs.is_open_day():
        inputs.notes["closed_day"] = f"{inputs.instrument.calendar} is closed"
        return {table: empty(table) for table in tables}
    result = spec.compute(inputs)
    frames = dict(result) if isinstance(result, Mapping) else {spec.table: result}
    if set(frames) != set(tables):
        raise ContractError(f"builder of {spec.table} returned other tables", got=", ".join(sorted(frames)))
    return frames


def _store(
    workspace: Workspace, spec: TableSpec, inputs: Inputs, frames: Mapping[str, pl.DataFrame], cuts: int
) -> BuildOutcome:
    main: PartitionRecord | None = None
    causal: list[CheckOutcome] = []
    if cuts and spec.provable:
        from zanzibar_assets.store.proving import prove_once

        causal = [prove_once(inputs, spec, frames, cuts)]
    for table in (*spec.side_tables, spec.table):
        frame = conform(table, frames[table])
        broken = breaches(table, frame)
        detail = "; ".join(broken) or f"{frame.height} rows hold contract {table} v{TABLES[table].version}"
        checks = [CheckOutcome("contract", not broken, detail), *causal]
        if table == spec.table:
            checks += inputs.checks
        failed = [f"{c.name}: {c.detail}" for c in checks if c.blocking and not c.passed]
        verdict = Verdict.FAILED if failed else Verdict.OK
        written = workspace.lake.write(table, inputs.key, TABLES[table].version, frame)
        first, last = _bounds(frame)
        main = _record(
            workspace, spec, table, inputs, verdict, tuple(failed), checks=tuple(checks),
            fingerprint=written.fingerprint, bytes=written.bytes, rows=written.rows,
            first_us=first, last_us=last,
        )  # fmt: skip
        workspace.keep(main, frame)
    assert main is not None
    status = Status.BUILT if main.verdict is Verdict.OK else Status.FAILED
    return BuildOutcome(inputs.key, status, main, frames[spec.table])


def _record(
    workspace: Workspace,
    spec: TableSpec,
    table: str,
    inputs: Inputs,
    verdict: Verdict,
    reasons: tuple[str, ...],
    **stored: Any,
) -> PartitionRecord:
    simulated = inputs.simulated or (inputs.key.instrument is not None and inputs.instrument.simulated)
    return PartitionRecord(
        table=table,
        key=inputs.key,
        verdict=verdict,
        fingerprint=stored.get("fingerprint"),
        bytes=stored.get("bytes"),
        rows=stored.get("rows"),
        first_us=stored.get("first_us"),
        last_us=stored.get("last_us"),
        schema_version=TABLES[table].version,
        code_version=spec.code_version,
        config_hash=config_hash(workspace, spec, inputs.key),
        inputs=tuple(inputs.records),
        reasons=reasons,
        checks=stored.get("checks", ()),
        notes=dict(inputs.notes),
        simulated=simulated,
        run_id=workspace.run_id,
        written_us=workspace.clock_us(),
    )


def _renamed(record: PartitionRecord, table: str) -> PartitionRecord:
    from dataclasses import replace

    return replace(record, table=table, schema_version=TABLES[table].version)


def _bounds(frame: pl.DataFrame) -> tuple[int | None, int | None]:
    column = next((name for name in TIME_COLUMNS if name in frame.columns), None)
    if column is None or frame.height == 0:
        return None, None
    stamps = frame[column].dt.epoch("us").drop_nulls()
    if stamps.is_empty():
        return None, None
    return int(stamps.min()), int(stamps.max())  # type: ignore[arg-type]
