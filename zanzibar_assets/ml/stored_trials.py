"""The trial log over the store's trial registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from zanzibar_assets.ml.trials import RecordedTrial, Trial, TrialScores
from zanzibar_assets.store.trials import TrialRows


class StoredTrials:
    """A ``TrialLog`` whose rows outlive the process."""

    def __init__(self, rows: TrialRows) -> None:
        self._rows = rows

    def register(self, trial: Trial) -> str:
        """Write a trial down before its fit and return its id; the same trial again is no new row."""
        self._rows.add(trial.trial_id, trial.instrument, asdict(trial))
        return trial.trial_id

    def score(self, trial_id: str, scores: TrialScores) -> None:
        """Write the out-of-sample scores of a registered trial."""
        self._rows.set_outcome(trial_id, {"status": "scored", "scores": asdict(scores)})

    def fail(self, trial_id: str, reason: str) -> None:
        """Write that a registered trial could not be fitted; it still counts as a trial."""
        self._rows.set_outcome(trial_id, {"status": "failed", "reason": reason})

    def recorded(self, instrument: str) -> list[RecordedTrial]:
        """Every trial ever registered for an instrument, in the order of registration."""
        found = []
        for trial_id, record, outcome in self._rows.of_instrument(instrument):
            trial = Trial(**{**record, "features": tuple(record["features"])})
            scores = outcome.get("scores")
            found.append(
                RecordedTrial(
                    trial_id,
                    trial,
                    outcome.get("status", "registered"),
                    _scores(scores) if scores else None,
                    outcome.get("reason", ""),
                )
            )
        return found


def _scores(read: Mapping[str, Any]) -> TrialScores:
    """Scores as they were written; JSON knows no tuples."""
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in read.items()}
    return TrialScores(**values)
