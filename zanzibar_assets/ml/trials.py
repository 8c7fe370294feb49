"""The trial log: every configuration is written down before it is fitted.

Selection inflates the best result of many tries, so what deflates it must know all of them, also the
failed and abandoned ones. A trial's id is a hash of what it is (instrument, algorithm, parameters,
features, seed, data, code): repeating the very same fit is the same trial, any change is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, Protocol

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import ModelError

Status = Literal["registered", "scored", "failed"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration about to be fitted; ``parameters`` is JSON with sorted keys.

    ``code_version`` is the hash of the code that fits and scores it, empty for rows from before it was kept.
    """

    instrument: str
    algorithm: str
    parameters: str
    features: tuple[str, ...]
    seed: int
    data_fingerprint: str
    trained_through: str
    code_version: str = ""

    @property
    def trial_id(self) -> str:
        """Deterministic id of the trial."""
        return stable_hash(asdict(self), size=12)


@dataclass(frozen=True, slots=True)
class TrialScores:
    """Out-of-sample scores of a trial, per period of its strategy (a non-overlapping label span).

    ``score`` selects the champion (log-loss gain over the base rate, nats); ``sharpe`` is per period,
    net of costs, on the median path, over ``periods`` periods whose moments are ``skew`` and
    ``kurtosis``. ``returns`` holds that path's net returns, a quarter of a session each, that
    start at ``starts_us``: what the correlation of trials is measured on. ``brier`` is the
    mean squared error of the probabilities. The last five are unknown to rows from before them.
    """

    score: float
    sharpe: float
    periods: int
    rank_ic: float
    skew: float = 0.0
    kurtosis: float = 3.0
    brier: float | None = None
    starts_us: tuple[int, ...] = ()
    returns: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedTrial:
    """A trial as the log holds it; ``scores`` is None until it is scored, ``reason`` names a failure."""

    trial_id: str
    trial: Trial
    status: Status = "registered"
    scores: TrialScores | None = None
    reason: str = ""


class TrialLog(Protocol):
    """What training needs of a trial registry; the store keeps one in SQLite."""

    def register(self, trial: Trial) -> str:
        """Write a trial down before its fit and return its id; the same trial again is no new row."""
        ...

    def score(self, trial_id: str, scores: TrialScores) -> None:
        """Write the out-of-sample scores of a registered trial."""
        ...

    def fail(self, trial_id: str, reason: str) -> None:
        """Write that a registered trial could not be fitted; it still counts as a trial."""
        ...

    def recorded(self, instrument: str) -> Sequence[RecordedTrial]:
        """Every trial ever registered for an instrument, in the order of registration."""
        ...


class MemoryTrialLog:
    """A trial log in memory, for tests and interactive use."""

    def __init__(self) -> None:
        self._rows: dict[str, RecordedTrial] = {}

    def register(self, trial: Trial) -> str:
        """Write a trial down before its fit and return its id; the same trial again is no new row."""
        self._rows.setdefault(trial.trial_id, RecordedTrial(trial.trial_id, trial))
        return trial.trial_id

    def score(self, trial_id: str, scores: TrialScores) -> None:
        """Write the out-of-sample scores of a registered trial; ModelError when it is not registered."""
        self._rows[trial_id] = replace(self._registered(trial_id), status="scored", scores=scores, reason="")

    def fail(self, trial_id: str, reason: str) -> None:
        """Write that a registered trial could not be fitted; ModelError when it is not registered."""
        self._rows[trial_id] = replace(self._registered(trial_id), status="failed", reason=reason)

    def recorded(self, instrument: str) -> list[RecordedTrial]:
        """Every trial ever registered for an instrument, in the order of registration."""
        return [row for row in self._rows.values() if row.trial.instrument == instrument]

    def _registered(self, trial_id: str) -> RecordedTrial:
        if trial_id not in self._rows:
            raise ModelError(
                f"trial {trial_id} was never registered", action="register every trial before its fit"
            )
        return self._rows[trial_id]
