"""All trials ever made as evidence: how many they amount to, how they scatter, whether they overfit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zanzibar_assets.config import GateConfig
from zanzibar_assets.ml.effective_trials import (
    TrialField,
    TrialSeries,
    expected_best_of,
    trial_field,
    trial_variance,
)
from zanzibar_assets.ml.metric import Metric, shown
from zanzibar_assets.ml.overfitting import MIN_BLOCK_PERIODS, probability_of_overfitting
from zanzibar_assets.ml.trials import RecordedTrial, TrialScores

FEWEST_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """Trials: how many they amount to, and the Sharpe ratios and periods of those that were scored."""

    trials: TrialField
    sharpes: tuple[float, ...]
    periods: tuple[int, ...]

    def hurdle(self, own_periods: int) -> float:
        """Expected best Sharpe ratio per period of all trials, had none of them skill."""
        sharpes, periods = self.sharpes, self.periods
        if len(sharpes) < 2:
            sharpes, periods = (0.0,), (own_periods,)
        variance = trial_variance(sharpes, periods, self.trials.correlation)
        return float(np.sqrt(variance)) * expected_best_of(self.trials.effective)

    @property
    def words(self) -> str:
        """How many trials, in plain words."""
        count, effective = self.trials.count, self.trials.effective
        if effective >= count - 0.05:
            return f"{count} trials"
        return f"{count} trials that amount to {effective:.1f} independent ones"


def field_of(trials: Sequence[RecordedTrial], seed: int) -> Field:
    """The field of an instrument's registry."""
    scored = [recorded.scores for recorded in trials if recorded.scores is not None]
    series = [_series(scores) for scores in scored if len(scores.returns) > 1]
    return Field(
        trial_field(series, max(len(trials), 1), seed),
        tuple(scores.sharpe for scores in scored),
        tuple(scores.periods for scores in scored),
    )


def overfitting_gate(
    trials: Sequence[RecordedTrial], data_fingerprint: str, gate: GateConfig
) -> list[Metric]:
    """PBO over the trials that were made on the model's own data; judged from enough of them on."""
    own = [
        recorded.scores
        for recorded in trials
        if recorded.scores is not None
        and recorded.trial.data_fingerprint == data_fingerprint
        and len(recorded.scores.returns) > 1
    ]
    starts = own[-1].starts_us if own else ()
    matrix = np.array([scores.returns for scores in own if scores.starts_us == starts]).T
    count, periods = (matrix.shape[1], len(matrix)) if matrix.ndim == 2 else (0, 0)
    blocks = min(gate.pbo_blocks, periods // MIN_BLOCK_PERIODS // 2 * 2)
    if count < gate.pbo_min_trials or blocks < FEWEST_BLOCKS:
        why = (
            f"not judged: {count} trials left returns of {periods} spans on this data, "
            f"{gate.pbo_min_trials} trials of {FEWEST_BLOCKS * MIN_BLOCK_PERIODS} are needed"
        )
        return [Metric("pbo", None, gate.max_pbo, None, why)]
    found = probability_of_overfitting(matrix, blocks, periods)
    detail = (
        f"the best of {count} trials in sample is no better than their median out of sample in "
        f"{found.pbo:.0%} of {found.splits} splits (at most {gate.max_pbo:.0%})"
    )
    return [
        Metric("pbo", found.pbo, gate.max_pbo, found.pbo <= gate.max_pbo, detail),
        shown("pbo_loss", found.loss, "share of splits in which the best in sample loses out of sample"),
    ]


def _series(scores: TrialScores) -> TrialSeries:
    return TrialSeries(np.asarray(scores.starts_us, dtype=np.int64), np.asarray(scores.returns))
