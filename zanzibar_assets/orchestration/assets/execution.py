"""Execution: the terminal's state, the op that sends orders, and what came back. This trades.

The op is one step for three tables (orders, fills, account_state). It is never part of a backfill,
is never retried by Dagster, and sends nothing twice: each intent is journalled before it is sent.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.orchestration.checks import CONTRACT_CHECK, INPUTS_CHECK, check_results, check_spec
from zanzibar_assets.orchestration.metadata import outcome_metadata
from zanzibar_assets.orchestration.partitions import SESSIONS, mapping
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.table_asset import (
    SPECS,
    build_one,
    refuse_backfill,
    refuse_if_nothing_usable,
    table_asset,
)
from zanzibar_assets.store.builder import BuildOutcome
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.specs import TableSpec

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs
    from zanzibar_assets.store.workspace import Workspace

READS = ("signals", "broker_status", "clean_ticks", "clean_dom", "bars")
TABLES_OF_OP = ("orders", "fills", "account_state")
OP_CHECKS = (CONTRACT_CHECK, INPUTS_CHECK, "no_unknown_orders")


@table_asset(
    modules=["execution.broker"],
    sections=["execution"],
    live_always=True,
    owner="team:execution",
    kinds=["metatrader5", "parquet"],
)
def broker_status(inputs: "Inputs") -> "pl.DataFrame":
    """Account and traded symbols as the terminal reports them at the session's start."""
    from zanzibar_assets.execution.broker import build_broker_status
    from zanzibar_assets.execution.port import open_terminal

    instruments = inputs.workspace.active_instruments()
    terminal = open_terminal(inputs.config, instruments)
    try:
        as_of = inputs.session_start_us() if terminal.simulated else inputs.workspace.clock_us()
        return build_broker_status(terminal, instruments, as_of, inputs.config)
    finally:
        terminal.shutdown()


def send_orders(inputs: "Inputs") -> "Mapping[str, pl.DataFrame]":
    """Read the signals and the session's quotes, execute, return the three tables."""
    from zanzibar_assets.execution.journal import IntentJournal
    from zanzibar_assets.execution.port import open_terminal
    from zanzibar_assets.execution.session import execute_session

    signals, broker = inputs.read("signals"), inputs.read("broker_status")
    tape = quote_tape(inputs)
    inputs.notes["account"] = inputs.config.execution.account
    terminal = open_terminal(inputs.config, inputs.workspace.active_instruments())
    try:
        executed = execute_session(
            signals,
            broker,
            tape,
            inputs.session,
            inputs.workspace.instruments,
            inputs.config,
            IntentJournal(inputs.config.database),
            terminal,
            now_us=None if terminal.simulated else inputs.workspace.clock_us(),
        )
    finally:
        terminal.shutdown()
    unknown = executed.orders.filter(executed.orders["state"] == "unknown").height
    inputs.check(
        "no_unknown_orders", unknown == 0, f"{unknown} orders with an unknown outcome", blocking=False
    )
    return {"orders": executed.orders, "fills": executed.fills, "account_state": executed.account_state}


def quote_tape(inputs: "Inputs") -> Any:
    """Recorded quotes of the session, by MT5 symbol, of the instruments that are usable."""
    from zanzibar_assets.calendars import is_session, session_window
    from zanzibar_assets.execution.quotes import build_quotes
    from zanzibar_assets.execution.tape import QuoteTape

    books, ticks, bars = (inputs.across(table) for table in ("clean_dom", "clean_ticks", "bars"))
    frames = []
    for name in sorted(set(books) & set(ticks) & set(bars)):
        instrument = inputs.workspace.instruments[name]
        if is_session(instrument, inputs.session):
            window = session_window(instrument, inputs.session)
            frames.append(build_quotes(instrument, window, books[name], ticks[name], bars[name]))
    return QuoteTape.from_frames(frames)


ORDERS = TableSpec(
    "orders",
    send_orders,
    ("execution",),
    ("execution", "risk"),
    ("fills", "account_state"),
    ("no_unknown_orders",),
    None,
    live_always=True,
)
SPECS["orders"] = ORDERS


def _spec(table: str, text: str) -> dg.AssetSpec:
    reads = READS if table == "orders" else ("orders",)
    return dg.AssetSpec(
        table,
        group_name=TABLES[table].stage.value,
        description=text,
        deps=[
            dg.AssetDep(name, partition_mapping=mapping(TABLES[name].grain, TABLES[table].grain))
            for name in reads
        ],
        code_version=ORDERS.code_version,
        owners=["team:execution"],
        kinds={"metatrader5", "parquet"},
        metadata={"contract": f"{table} v{TABLES[table].version}"},
    )


@dg.multi_asset(
    name="send_orders",
    specs=[
        _spec("orders", "Every order intent of the session: sent, or stopped by a gate, and why. Trades!"),
        _spec("fills", "Deals as the terminal reports them, joined to the intents that caused them."),
        _spec("account_state", "The account at the session's end."),
    ],
    partitions_def=SESSIONS,
    check_specs=[check_spec(name, "orders") for name in OP_CHECKS],
)
def execution_op(context: dg.AssetExecutionContext, zanzibar: ZanzibarResource):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Take the session's signals through the gates to the terminal."""
    refuse_backfill(context)
    workspace = zanzibar.workspace(context.run.run_id)
    outcome = build_one(workspace, ORDERS, PartitionKey.parse(context.partition_key))
    refuse_if_nothing_usable([outcome])
    for table in TABLES_OF_OP:
        shown = _of_table(workspace, outcome, table)
        path = workspace.lake.location(table, outcome.key, TABLES[table].version)
        results = check_results([outcome], OP_CHECKS)
        yield dg.MaterializeResult(
            asset_key=table,
            metadata=outcome_metadata(shown, path),
            check_results=results if table == "orders" else [],
        )


def _of_table(workspace: "Workspace", outcome: BuildOutcome, table: str) -> BuildOutcome:
    record = workspace.manifest.get(table, outcome.key) or outcome.record
    return BuildOutcome(outcome.key, outcome.status, record)
