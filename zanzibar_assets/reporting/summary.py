"""What one run did, as plain data: the final screen and the ``--json`` document are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.manifest import PartitionRecord

SIGNAL_COLUMNS = (
    "signal_id", "known_at", "instrument", "source", "dir", "entry", "stop_distance", "target_distance",
    "risk_pct", "score", "model_id", "approved", "status", "reason", "simulated",
)  # fmt: skip
ORDER_COLUMNS = (
    "intent_id", "signal_id", "decided_at", "instrument", "mt5_symbol", "account", "backend", "dir",
    "volume_lots", "price_reference", "sl", "tp", "state", "gate", "retcode", "order_ticket",
    "deal_ticket", "fill_price", "reason", "approved", "spread_assumed", "simulated",
)  # fmt: skip
FILL_COLUMNS = (
    "deal_ticket", "order_ticket", "position_id", "intent_id", "signal_id", "account", "instrument",
    "mt5_symbol", "time_utc", "side", "entry", "volume_lots", "price", "commission", "swap", "profit",
    "fee", "exit_reason", "slippage_points", "approved", "spread_assumed", "simulated",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableSummary:
    """One table after the run: its partitions by verdict and how many of them this run built."""

    table: str
    stage: str
    partitions: int
    rows: int
    built: int
    up_to_date: int
    blocked: int
    failed: int


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """One check of one partition."""

    table: str
    partition: str
    name: str
    passed: bool
    blocking: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What validation says of an instrument's model; ``traded``: orders were made from it."""

    instrument: str
    model_id: str | None
    verdict: str
    reason: str
    traded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Everything that a person is told at the end of ``demo`` and ``run``.

    ``signals``, ``orders`` and ``fills`` are rows of their contracts as dictionaries in time order
    with times as ISO text, ``account`` the last account state (empty when nothing reached an
    account). ``notes`` say in whole sentences which stages lack history and why; ``look_next`` pairs
    of a command or file and what it shows.
    """

    tables: tuple[TableSummary, ...]
    checks: tuple[CheckSummary, ...] = ()
    blocked: tuple[tuple[str, str], ...] = ()
    models: tuple[ModelSummary, ...] = ()
    signals: tuple[dict[str, Any], ...] = ()
    orders: tuple[dict[str, Any], ...] = ()
    fills: tuple[dict[str, Any], ...] = ()
    account: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    look_next: tuple[tuple[str, str], ...] = ()
    simulated_data: bool = False
    seconds: float = 0.0

    @property
    def failed_checks(self) -> tuple[CheckSummary, ...]:
        """Checks that said no, the blocking ones first."""
        return tuple(sorted((c for c in self.checks if not c.passed), key=lambda c: not c.blocking))

    @property
    def is_complete(self) -> bool:
        """True when no partition failed or is blocked and every blocking check passed."""
        stopped = any(t.blocked or t.failed for t in self.tables)
        return (
            bool(self.tables)
            and not self.errors
            and not stopped
            and not any(c.blocking for c in self.failed_checks)
        )

    def verdict(self) -> str:
        """The outcome in one sentence."""
        if not self.tables:
            return "NOTHING WAS BUILT: no table has a partition."
        stopped = sum(t.blocked + t.failed for t in self.tables)
        if stopped:
            built = "PARTLY BUILT: " + _count(stopped, "partition") + " could not be built"
        elif self.errors:
            built = "PARTLY BUILT: " + _count(len(self.errors), "run") + " failed"
        elif not self.is_complete:
            built = "BUILT, BUT a blocking check said no"
        else:
            built = "DONE: the whole graph is built"
        return f"{built}; {self._trading()}."

    def _trading(self) -> str:
        if not self.orders:
            kept = sum(s["status"] == "kept" for s in self.signals)
            return "no order was made" + (f" ({_count(kept, 'signal')} kept)" if kept else "")
        wanted = {o["signal_id"] for o in self.orders}
        done = {o["signal_id"] for o in self.orders if o["state"] in ("filled", "partial")}
        simulated = all(o["simulated"] for o in self.orders)
        account = "on the SIMULATED account" if simulated else "on a LIVE account"
        return f"{len(done)} of {_count(len(wanted), 'order')} filled {account}"

    def since_words(self) -> str:
        """Where the balance began, before the first of the traded sessions."""
        began = self.account.get("balance_first", self.account["balance_start"])
        return f"began at {began:,.2f}, net {self.account['balance'] - began:+,.2f} over the traded sessions"

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``: the keys of the command line's contract, and what explains them."""
        return {
            "verdict": self.verdict(),
            "complete": self.is_complete,
            "simulated_data": self.simulated_data,
            "assets": [asdict(table) for table in self.tables],
            "checks": [asdict(check) for check in self.checks],
            "blocked": [{"partition": where, "reason": why} for where, why in self.blocked],
            "models": [asdict(model) for model in self.models],
            "signals": list(self.signals),
            "orders": list(self.orders),
            "fills": list(self.fills),
            "account": self.account,
            "errors": list(self.errors),
            "notes": list(self.notes),
            "look_next": [{"use": use, "shows": shows} for use, shows in self.look_next],
            "seconds": round(self.seconds, 3),
        }


def summarise_run(
    *,
    records: Sequence[PartitionRecord],
    statuses: Mapping[tuple[str, str], str],
    signals: pl.DataFrame,
    orders: pl.DataFrame,
    fills: pl.DataFrame,
    account_state: pl.DataFrame,
    validation_by_instrument: Mapping[str, pl.DataFrame],
    notes: Sequence[str],
    errors: Sequence[str],
    look_next: Sequence[tuple[str, str]],
    seconds: float,
) -> RunSummary:
    """Summary of a run from the manifest's records and the frames of what was traded.

    ``records`` are the partitions of the run's scope; ``statuses`` maps (table, partition key) to
    what this run did (``built``, ``up_to_date``, ``blocked``, ``failed``); a partition that it does
    not name counts as up to date. The frames follow their contracts, all sessions of the run one
    after another; ``account_state``'s last row is the account now.
    """
    order_rows = _rows(orders, ORDER_COLUMNS, "decided_at")
    return RunSummary(
        tables=_tables(records, statuses),
        checks=tuple(
            CheckSummary(r.table, str(r.key), c.name, c.passed, c.blocking, c.detail)
            for r in records
            for c in r.checks
        ),
        blocked=tuple(
            (f"{r.table} {r.key}", "; ".join(r.reasons)) for r in records if r.verdict is not Verdict.OK
        ),
        models=_models(validation_by_instrument, order_rows),
        signals=_rows(signals, SIGNAL_COLUMNS, "known_at"),
        orders=order_rows,
        fills=_rows(fills, FILL_COLUMNS, "time_utc"),
        account=_account(account_state),
        notes=tuple(notes),
        errors=tuple(errors),
        look_next=tuple(look_next),
        simulated_data=any(r.simulated for r in records),
        seconds=seconds,
    )


def _tables(
    records: Sequence[PartitionRecord], statuses: Mapping[tuple[str, str], str]
) -> tuple[TableSummary, ...]:
    found = []
    for table, contract in TABLES.items():
        own = [r for r in records if r.table == table]
        if not own:
            continue
        usable = [r for r in own if r.verdict is Verdict.OK]
        built = sum(statuses.get((table, str(r.key))) == "built" for r in usable)
        blocked = sum(r.verdict is Verdict.BLOCKED for r in own)
        found.append(
            TableSummary(
                table=table,
                stage=contract.stage.value,
                partitions=len(usable),
                rows=sum(r.rows or 0 for r in usable),
                built=built,
                up_to_date=len(usable) - built,
                blocked=blocked,
                failed=len(own) - len(usable) - blocked,
            )
        )
    return tuple(found)


def _models(
    validations: Mapping[str, pl.DataFrame], orders: Sequence[dict[str, Any]]
) -> tuple[ModelSummary, ...]:
    found = []
    for instrument in sorted(validations):
        frame = validations[instrument]
        traded = any(o["instrument"] == instrument and not o["approved"] for o in orders)
        if frame.is_empty():
            found.append(ModelSummary(instrument, None, "insufficient_history", "no model", traded))
            continue
        row = frame.row(0, named=True)
        found.append(ModelSummary(instrument, row["model_id"], row["verdict"], row["verdict_reason"], traded))
    return tuple(found)


def _rows(frame: pl.DataFrame, columns: Sequence[str], time: str) -> tuple[dict[str, Any], ...]:
    ordered = frame.sort(time, maintain_order=True).select(columns)
    return tuple(_plain(row) for row in ordered.iter_rows(named=True))


def _account(states: pl.DataFrame) -> dict[str, Any]:
    """The last account state with the balance before the first session as ``balance_first``."""
    if states.is_empty():
        return {}
    return _plain({**states.row(-1, named=True), "balance_first": states["balance_start"][0]})


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Row with times as ISO text and numbers without the dust of binary fractions, for JSON."""
    return {key: _plain_value(value) for key, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 8)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
