"""The trial registry: every configuration ever tried, written down before it is fitted.

One row a trial in the metadata database; the record is JSON, and the same trial again is no new
row. What the record holds is the training stage's business (``ml.trials``); rows come back as they
were written, in the order of registration.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from zanzibar_assets.errors import ModelError
from zanzibar_assets.store.database import Database


class TrialRows:
    """Rows of the trial registry in the metadata database."""

    def __init__(self, database: Database, clock_us: Callable[[], int]) -> None:
        self.database = database
        self.clock_us = clock_us

    def add(self, trial_id: str, instrument: str, record: dict[str, Any]) -> None:
        """Write a trial down; an id that is known already is left as it is."""
        with self.database.connect() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO trials (trial_id, instrument, registered_us, record)"
                " VALUES (?, ?, ?, ?)",
                (trial_id, instrument, self.clock_us(), json.dumps(record, sort_keys=True)),
            )

    def set_outcome(self, trial_id: str, outcome: dict[str, Any]) -> None:
        """Write a registered trial's outcome; ModelError when it was never registered."""
        with self.database.connect() as connection:
            changed = connection.execute(
                "UPDATE trials SET score = ? WHERE trial_id = ?",
                (json.dumps(outcome, sort_keys=True), trial_id),
            ).rowcount
        if not changed:
            raise ModelError(f"trial {trial_id} was never registered", action="register it before its fit")

    def of_instrument(self, instrument: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(id, record, outcome or empty) of an instrument's trials in the order of registration."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT trial_id, record, score FROM trials WHERE instrument = ? ORDER BY rowid",
                (instrument,),
            ).fetchall()
        return [(row[0], json.loads(row[1]), json.loads(row[2] or "{}")) for row in rows]
