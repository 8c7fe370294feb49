"""The trial registry: every configuration ever tried, written down before it is fitted.

One row a trial in the metadata database; the record is JSON, and the same trial again is no new
row. What the record holds is the training stage's business (``ml.trials``); rows come back as they
were written, in the order of registration.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from zanzibar_assets.errors import ModelError
from zanzibar_assets.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Insert, Select, Update


class TrialRows:
    """Rows of the trial registry in the metadata database."""

    def __init__(self, database: Database, clock_us: Callable[[], int]) -> None:
        self.database = database
        self.clock_us = clock_us

    def add(self, trial_id: str, instrument: str, record: dict[str, Any]) -> None:
        """Write a trial down; an id that is known already is left as it is."""
        row = {
            "trial_id": trial_id,
            "instrument": instrument,
            "registered_us": self.clock_us(),
            "record": json.dumps(record, sort_keys=True),
            "score": None,
        }
        with self.database.writing() as transaction:
            transaction.lock("trials")
            transaction.run(_statements().add, row)

    def set_outcome(self, trial_id: str, outcome: dict[str, Any]) -> None:
        """Write a registered trial's outcome; ModelError when it was never registered."""
        values = {"of_trial": trial_id, "new_score": json.dumps(outcome, sort_keys=True)}
        with self.database.writing() as transaction:
            changed = transaction.run(_statements().set_outcome, values)
        if not changed:
            raise ModelError(f"trial {trial_id} was never registered", action="register it before its fit")

    def of_instrument(self, instrument: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(id, record, outcome or empty) of an instrument's trials in the order of registration."""
        with self.database.reading() as transaction:
            rows = transaction.rows(_statements().of_instrument, instrument=instrument)
        return [(row[0], json.loads(row[1]), json.loads(row[2] or "{}")) for row in rows]


class _Statements(NamedTuple):
    add: Insert
    set_outcome: Update
    of_instrument: Select[Any]


@cache
def _statements() -> _Statements:
    from sqlalchemy import bindparam, func, select, update

    from zanzibar_assets.store.schema import TRIALS
    from zanzibar_assets.store.upsert import insert_new

    columns = TRIALS.c
    following = select(func.coalesce(func.max(columns.ordinal), 0) + 1).scalar_subquery()
    given: dict[str, BindParameter[Any]] = {
        c.name: bindparam(c.name) for c in columns if c is not columns.ordinal
    }
    return _Statements(
        add=insert_new(TRIALS).values(**given, ordinal=following),
        set_outcome=update(TRIALS)
        .where(columns.trial_id == bindparam("of_trial"))
        .values(score=bindparam("new_score")),
        of_instrument=select(columns.trial_id, columns.record, columns.score)
        .where(columns.instrument == bindparam("instrument"))
        .order_by(columns.ordinal),
    )
