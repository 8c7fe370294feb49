"""The one way to make an asset of a table. Belongs here: the decorator; no domain logic.

A decorated function reads through ``Inputs`` and calls one pure function; this module loops over
the partitions of a run, builds each, and reports metadata and checks. A run of one partition that
is blocked or fails its contract fails the step. In a run over a range only the partitions
concerned are held back: their verdict is kept in the manifest and everything downstream of them
refuses to build, while the other partitions go on.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from zanzibar_assets.contracts.registry import TABLES, TableContract
from zanzibar_assets.orchestration import progress
from zanzibar_assets.orchestration.checks import CONTRACT_CHECK, INPUTS_CHECK, check_results, check_spec
from zanzibar_assets.orchestration.metadata import (
    column_schema,
    outcome_metadata,
    page_metadata,
    plot_metadata,
)
from zanzibar_assets.orchestration.partitions import DEFINITIONS, dagster_key, mapping
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.staleness import observe_stale, superseded_metadata
from zanzibar_assets.reporting.groups import grouped
from zanzibar_assets.store.builder import BuildOutcome, Status, build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.specs import LOOK_AHEAD_CHECK, Compute, TableSpec
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets.vocabulary import Grain, Stage

THROUGH_TAG = "zanzibar/through"
FORCE_TAG = "zanzibar/force"
FULL_SEARCH_TAG = "zanzibar/full_search"
BACKFILL_TAG = "dagster/backfill"
MARKET_PARTITIONS_PER_RUN = 60
PROOF_CUTS = 2
"""Instants at which a build holds a table that was not proved yet against what was known then."""
SPECS: dict[str, TableSpec] = {}
"""Every table's builder by name, in the order of definition: the table of contents of the graph."""


def table_asset(
    *,
    reads: Sequence[str] = (),
    modules: Sequence[str],
    sections: Sequence[str] = (),
    side_tables: Sequence[str] = (),
    checks: Sequence[str] = (),
    source: str | None = None,
    live_always: bool = False,
    owner: str = "team:data-eng",
    kinds: Sequence[str] = ("polars", "parquet"),
) -> Callable[[Compute], dg.AssetsDefinition]:
    """Asset of the table named like the decorated function; its docstring is the description.

    ``reads`` are the upstream tables (the lineage), ``modules`` the code that decides the result,
    ``sections`` the configuration that does.
    """

    def decorate(compute: Compute) -> dg.AssetsDefinition:
        table = compute.__name__
        spec = TableSpec(
            table,
            compute,
            tuple(modules),
            tuple(sections),
            tuple(side_tables),
            tuple(checks),
            source,
            live_always,
        )
        SPECS[table] = spec
        causal = (LOOK_AHEAD_CHECK,) if spec.provable else ()
        names = (CONTRACT_CHECK, INPUTS_CHECK, *causal, *checks)

        @dg.asset(
            name=table,
            group_name=spec.contract.stage.value,
            description=compute.__doc__,
            deps=[_dependency(upstream, spec.contract.grain) for upstream in reads],
            partitions_def=DEFINITIONS[spec.contract.grain],
            backfill_policy=backfill_policy(spec.contract),
            code_version=spec.code_version,
            owners=[owner],
            kinds=set(kinds),
            metadata={
                "contract": f"{table} v{spec.contract.version}",
                **({"written_beside": ", ".join(side_tables)} if side_tables else {}),
            },
            check_specs=[check_spec(name, table) for name in names],
        )
        def build(context: dg.AssetExecutionContext, zanzibar: ZanzibarResource):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return build_step(context, zanzibar, spec, names)

        return build

    return decorate


def _dependency(upstream: str, downstream: Grain) -> dg.AssetDep:
    return dg.AssetDep(upstream, partition_mapping=mapping(TABLES[upstream].grain, downstream))


def backfill_policy(contract: TableContract) -> dg.BackfillPolicy | None:
    """Market tables in runs of up to sixty partitions, session tables in one, models one by one.

    Tables of the account have none: they are outside every backfill.
    """
    if of_account(contract):
        return None
    if contract.grain is Grain.MARKET:
        return dg.BackfillPolicy.multi_run(MARKET_PARTITIONS_PER_RUN)
    return (
        dg.BackfillPolicy.single_run() if contract.grain is Grain.SESSION else dg.BackfillPolicy.multi_run(1)
    )


def of_account(contract: TableContract) -> bool:
    """True for tables of the account: of what was sent, held and reported.

    An account spans instruments: a table of one instrument's session is of market data alone.
    """
    return contract.stage in (Stage.EXECUTION, Stage.REPORTING) and contract.grain is not Grain.MARKET


def refuse_backfill(context: dg.AssetExecutionContext) -> None:
    """Fail in plain words when tables of the account are asked for by a backfill or over a range."""
    if BACKFILL_TAG in context.run.tags or len(context.partition_keys) != 1:
        raise dg.Failure(
            "a backfill never trades: start the execution job for one session instead", allow_retries=False
        )


def build_step(
    context: dg.AssetExecutionContext, zanzibar: ZanzibarResource, spec: TableSpec, names: Sequence[str]
) -> dg.MaterializeResult[Any]:
    """Build every partition of a step and report it."""
    if of_account(spec.contract):
        refuse_backfill(context)
    workspace = zanzibar.workspace(context.run.run_id)
    keys = sorted(PartitionKey.parse(str(key)) for key in context.partition_keys)
    tags = context.run.tags
    workspace.full_search = tags.get(FULL_SEARCH_TAG) == "true"
    outcomes = [
        build_one(workspace, spec, key, tags.get(THROUGH_TAG), force=tags.get(FORCE_TAG) == "true")
        for key in keys
    ]
    refuse_if_nothing_usable(outcomes)
    last = next((o for o in reversed(outcomes) if o.frame is not None), None)
    for outcome in outcomes:
        path = workspace.lake.location(spec.table, outcome.key, spec.contract.version)
        metadata = outcome_metadata(outcome, path) | superseded_metadata(workspace, outcome)
        metadata |= page_metadata(spec.table, outcome.key, workspace.config)
        if outcome is last:  # one picture a run, on the partition that it shows
            metadata |= plot_metadata(spec.table, outcome.frame)
        context.add_asset_metadata(metadata, asset_key=spec.table, partition_key=dagster_key(outcome.key))
    observe_stale(context, workspace, outcomes)
    shared = {} if last is None else {"dagster/column_schema": column_schema(spec.table)}
    return dg.MaterializeResult(metadata=shared, check_results=check_results(outcomes, names))


def refuse_if_nothing_usable(outcomes: Sequence[BuildOutcome]) -> None:
    """Fail the step when none of its partitions could be built.

    A partition that broke its contract is stored for inspection and shown with its failed check;
    whatever reads it refuses.
    """
    held = [o for o in outcomes if o.status is Status.BLOCKED]
    if outcomes and len(held) == len(outcomes):
        told = grouped(("", str(o.key), "; ".join(o.record.reasons)) for o in held)
        reasons = "; ".join(f"{where.strip()}: {why}" for where, why in told[:5])
        raise dg.Failure(description=reasons, metadata={"held_back": len(held)}, allow_retries=False)


def build_one(
    workspace: Workspace,
    spec: TableSpec,
    key: PartitionKey,
    through: str | None = None,
    *,
    force: bool = False,
) -> BuildOutcome:
    """Build one partition and tell the listeners of this process."""
    started = time.perf_counter()
    outcome = build_partition(workspace, spec, key, through=through, force=force, cuts=PROOF_CUTS)
    seconds = time.perf_counter() - started
    record = outcome.record
    progress.report(
        progress.Progress(
            spec.table, str(key), outcome.status.value, record.rows or 0, seconds, record.reasons
        )
    )
    return outcome
