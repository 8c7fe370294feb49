"""INSERT ... ON CONFLICT of whole rows: PostgreSQL's form, which SQLite's compiler renders the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

if TYPE_CHECKING:
    from sqlalchemy import Insert, Table


def upsert(table: Table) -> Insert:
    """Insert a row, or replace the one with its primary key; values are named as the columns."""
    key = [column.name for column in table.primary_key]
    new = insert(table)
    others = {column.name: new.excluded[column.name] for column in table.c if column.name not in key}
    return new.on_conflict_do_update(index_elements=key, set_=others)


def insert_new(table: Table) -> Insert:
    """Insert a row unless its primary key is there already."""
    return insert(table).on_conflict_do_nothing(index_elements=[c.name for c in table.primary_key])
