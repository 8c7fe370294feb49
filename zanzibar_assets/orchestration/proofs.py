"""Proofs of stored partitions. Belongs here: which partitions, and the weekly job; the law is the store's.

Annotations are evaluated here: Dagster reads those of an op.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg

from zanzibar_assets.errors import BlockedInput, MissingInput, StaleInput, StoreError, UsageError
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.prover import Proof, Verdict, prove
from zanzibar_assets.store.records import PartitionRecord
from zanzibar_assets.store.workspace import Workspace

JOB, WEEKLY_CUTS = "prove_causality", 40


@dataclass(frozen=True, slots=True)
class Found:
    """One partition's proof, or the reason why there is none."""

    table: str
    key: PartitionKey
    proof: Proof | None
    reason: str = ""


def chosen(
    workspace: Workspace,
    tables: Sequence[str] = (),
    instrument: str | None = None,
    session: str | None = None,
) -> list[PartitionRecord]:
    """Usable partitions to prove: of each provable table and instrument the named session, or the newest.

    UsageError for a table that is none or cannot be proved; StoreError when nothing is stored.
    """
    from zanzibar_assets.orchestration.graph import all_assets

    all_assets()
    provable = [name for name, spec in SPECS.items() if spec.provable]
    for name in tables:
        if name not in provable:
            raise UsageError(f"{name!r} cannot be proved", expected=", ".join(provable))
    name_of = None if instrument is None else workspace.instruments.resolve(instrument).id
    newest: dict[tuple[str, str | None], PartitionRecord] = {}
    for table in tables or provable:
        for record in workspace.manifest.of_table(table):
            fits = name_of is None or record.key.instrument in (None, name_of)
            if fits and record.rows and session in (None, record.key.session):
                newest[table, record.key.instrument] = record
    if not newest:
        raise StoreError("no stored partition with rows fits", action="build one, or ask for another session")
    return list(newest.values())


def prove_stored(
    workspace: Workspace,
    records: Sequence[PartitionRecord],
    cuts: int | None,
    watch: Callable[[PartitionRecord, int, int], None] | None = None,
) -> Iterator[Found]:
    """Proof of each partition; one that leaks raises an alert. ``cuts`` None cuts wherever a row is known.

    ``watch`` is told the partition, how many cuts are done and of how many.

    A partition that other code built, or whose inputs are gone, cannot be compared and says so.
    """
    from zanzibar_assets.store.evolution import load

    for record in records:
        spec = SPECS[record.table]
        if record.code_version != spec.code_version or record.schema_version != spec.contract.version:
            yield Found(record.table, record.key, None, "built by other code: build it again, then try")
            continue
        told = None if watch is None else partial(watch, record)
        try:
            parts = [(t, workspace.manifest.get(t, record.key)) for t in (spec.table, *spec.side_tables)]
            frames = {t: load(workspace.lake, part) for t, part in parts if part is not None}
            proof = prove(workspace, spec, record.key, frames, record.inputs, cuts, told)
        except (MissingInput, BlockedInput, StaleInput) as error:
            yield Found(record.table, record.key, None, str(error))
            continue
        if proof.verdict is Verdict.LEAKS:
            workspace.raise_alert("look_ahead", f"{record.table} {record.key}: {proof.difference}")
        yield Found(record.table, record.key, proof)


@dg.op(description="Holds every table's newest session against what was known at 40 instants of it.")
def prove_newest_sessions(context: dg.OpExecutionContext, zanzibar: ZanzibarResource) -> None:
    """Prove, report, and fail when a table looks ahead."""
    workspace = zanzibar.workspace(context.run.run_id)
    found = list(prove_stored(workspace, chosen(workspace), WEEKLY_CUTS))
    leaks = [str(f.proof.difference) for f in found if f.proof is not None and f.proof.difference]
    context.add_output_metadata({"partitions": len(found), "leaks": len(leaks)})
    if leaks:
        raise dg.Failure(description="; ".join(leaks[:5]), allow_retries=False)


@dg.job(name=JOB, description="Look for look-ahead in the tables of the newest session.")
def prove_causality() -> None:
    """One op."""
    prove_newest_sessions()


def build_proof_schedule() -> dg.ScheduleDefinition:
    """Weekly, when the markets are closed."""
    return dg.ScheduleDefinition(
        name="weekly_proof",
        job=prove_causality,
        cron_schedule="0 4 * * 6",
        execution_timezone="UTC",
        description="Holds every table's newest session against what was known at 40 instants of it.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
