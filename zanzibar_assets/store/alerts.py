"""Alerts for people, kept in the metadata database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from zanzibar_assets.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Insert, Select


def since(database: Database, stamp_us: int) -> list[tuple[int, str, str]]:
    """(raised, kind, detail) of the alerts raised from an instant on, newest first."""
    with database.reading() as transaction:
        rows = transaction.rows(_statements()[0], since_us=stamp_us)
    return [(int(row[0]), str(row[1]), str(row[2])) for row in rows]


def add(database: Database, stamp_us: int, kind: str, detail: str) -> None:
    """Keep an alert."""
    with database.writing() as transaction:
        transaction.run(_statements()[1], {"raised_us": stamp_us, "kind": kind, "detail": detail})


@cache
def _statements() -> tuple[Select[Any], Insert]:
    from sqlalchemy import bindparam, select

    from zanzibar_assets.store.schema import ALERTS

    columns = ALERTS.c
    newest = (
        select(columns.raised_us, columns.kind, columns.detail)
        .where(columns.raised_us >= bindparam("since_us"))
        .order_by(columns.alert_id.desc())
    )
    given: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in ("raised_us", "kind", "detail")}
    return newest, ALERTS.insert().values(**given)
