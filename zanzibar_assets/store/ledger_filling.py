"""Ledgers of partitions that were stored before the ledgers were: filled once, from the partitions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.ledger import LEDGERS, entries
from zanzibar_assets.store.records import PartitionRecord, from_row
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from sqlalchemy import Select

    from zanzibar_assets.store.partition_store import PartitionStore


def lacking(database: Database) -> list[PartitionRecord]:
    """Usable partitions with rows of which the ledger holds none."""
    with database.reading() as transaction:
        found = [row for table in LEDGERS for row in transaction.rows(_lacking(table))]
    return [from_row(row) for row in found]


def fill(database: Database, store: PartitionStore) -> list[str]:
    """Write the rows of the partitions that lack them; returns what could not be done, in words.

    A partition that is replaced meanwhile has its own rows then, and is left alone.
    """
    from zanzibar_assets.store.evolution import load

    problems = []
    for record in lacking(database):
        try:
            frame = load(store, record)
            write = entries(record.table, record.key, record.fingerprint or "", frame)
        except StoreError as error:  # a damaged partition stops nobody: doctor names it
            problems.append(f"{record.table} {record.key}: {error}")
            continue
        with database.writing() as transaction:
            transaction.lock(f"partition {record.table} {record.key}")
            still = {from_row(row).fingerprint for row in transaction.rows(_lacking(record.table))}
            if write is not None and record.fingerprint in still:
                write(transaction)
    return problems


@cache
def _lacking(table: str) -> Select[Any]:
    from sqlalchemy import exists, select

    from zanzibar_assets.store.schema import METADATA, PARTITIONS

    now, ledger = PARTITIONS.c, METADATA.tables[LEDGERS[table]].c
    held = exists().where(ledger.session == now.session, ledger.fingerprint == now.fingerprint)
    return select(PARTITIONS).where(
        now.table_name == table, now.verdict == Verdict.OK.value, now.rows > 0, ~held
    )
