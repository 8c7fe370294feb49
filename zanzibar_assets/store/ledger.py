"""Ledgers in the metadata database: narratives, orders, fills and accounts, a row each, to be asked in SQL.

They are filled from the partitions of those tables, in the transaction that writes the manifest's
row, and name the fingerprint of the partition that they came from. A partition that is built again
replaces exactly its own rows; one that is blocked leaves them. The partitions stay the authority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from zanzibar_assets.errors import StoreError, UsageError
from zanzibar_assets.store.database import Database, Transaction

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Delete, Insert, Select, Table

    from zanzibar_assets.store.keys import PartitionKey

LEDGERS = {"narratives": "narratives", "orders": "orders", "fills": "fills", "account_state": "accounts"}
"""Partitioned table -> ledger that keeps its rows."""
TIMES = {
    "event_ts": "published_us",
    "known_at": "received_us",
    "decided_at": "decided_us",
    "time_utc": "time_us",
    "as_of": "as_of_us",
}
"""Frame column -> ledger column, UTC microseconds there."""
Row = dict[str, Any]


def entries(
    table: str, key: PartitionKey, fingerprint: str, frame: pl.DataFrame
) -> Callable[[Transaction], None] | None:
    """What writes a partition's rows into its ledger within a transaction; None where none is kept."""
    if table not in LEDGERS:
        return None
    name = LEDGERS[table]
    rows = rows_of(name, frame, {"session": key.session, "fingerprint": fingerprint})

    def write(transaction: Transaction) -> None:
        statements = _statements(name)
        transaction.run_many(statements.put, rows)
        transaction.run(statements.clear, {"of_session": key.session, "kept": fingerprint})

    return write


def rows_of(name: str, frame: pl.DataFrame, same: Mapping[str, Any]) -> list[Row]:
    """Rows of a ledger from a frame of its table; ``same`` holds the columns that all rows share.

    Raises StoreError when two rows carry the same key: one of them would be lost.
    """
    import polars as pl

    ledger = _table(name)
    stamps = [pl.col(c).dt.epoch("us").alias(TIMES[c]) for c in frame.columns if c in TIMES]
    wanted = {column.name for column in ledger.c}
    plain = [c for c in frame.columns if c in wanted]
    rows = [{**row, **same} for row in frame.select(*plain, *stamps).to_dicts()]
    if name == "narratives":
        rows = [{**row, "instrument": row["instrument"] or ""} for row in rows]
    keys = [tuple(row[column.name] for column in ledger.primary_key) for row in rows]
    twice = [key for key, times in Counter(keys).items() if times > 1]
    if twice:
        raise StoreError(
            f"two rows of {name} carry one key",
            got=str(twice[0]),
            action="look at the source of the named row: one of the two cannot be true",
        )
    return rows


def narratives(database: Database, **wanted: str) -> list[Row]:
    """Parsed narratives by publication: of an ``instrument`` (their own name of it), an ``author``."""
    return _ask(database, "narratives", wanted)


def orders(database: Database, **wanted: str) -> list[Row]:
    """Order intents, sent or stopped, by decision: of an ``account``, an ``instrument``, in a ``state``."""
    return _ask(database, "orders", wanted)


def fills(database: Database, **wanted: str) -> list[Row]:
    """Deals by time: of an ``account``, an ``instrument``, a ``signal_id``."""
    return _ask(database, "fills", wanted)


def accounts(database: Database, **wanted: str) -> list[Row]:
    """Accounts at their sessions' ends, oldest first: of an ``account``."""
    return _ask(database, "accounts", wanted)


def _ask(database: Database, name: str, wanted: Mapping[str, str]) -> list[Row]:
    """Rows whose columns are as wanted, of the sessions ``since`` .. ``through`` (both included)."""
    columns = _table(name).c
    unknown = sorted(set(wanted) - set(columns.keys()) - {"since", "through"})
    if unknown:
        raise UsageError(f"{name} has no column {', '.join(unknown)}", expected=", ".join(columns.keys()))
    with database.reading() as transaction:
        found = transaction.rows(_select(name, tuple(wanted)), **wanted)
    flags = [column.name for column in columns if column.type.python_type is bool]
    rows = [dict(zip(columns.keys(), row, strict=True)) for row in found]
    return [{**row, **{flag: bool(row[flag]) for flag in flags}} for row in rows]


class _Statements(NamedTuple):
    put: Insert
    clear: Delete


@cache
def _statements(name: str) -> _Statements:
    from sqlalchemy import bindparam, delete

    from zanzibar_assets.store.upsert import upsert

    ledger = _table(name)
    others = ledger.c.fingerprint != bindparam("kept")
    return _Statements(
        upsert(ledger), delete(ledger).where(ledger.c.session == bindparam("of_session"), others)
    )


@cache
def _select(name: str, given: tuple[str, ...]) -> Select[Any]:
    from sqlalchemy import bindparam, select

    ledger = _table(name)
    moment = next(c for c in ledger.c if c.name in ("published_us", "decided_us", "time_us", "as_of_us"))
    session = ledger.c.session
    bounds = {"since": session >= bindparam("since"), "through": session <= bindparam("through")}
    clauses = [bounds[n] if n in bounds else ledger.c[n] == bindparam(n) for n in given]
    return select(ledger).where(*clauses).order_by(moment, *ledger.primary_key)


def _table(name: str) -> Table:
    from zanzibar_assets.store.schema import METADATA

    return METADATA.tables[name]
