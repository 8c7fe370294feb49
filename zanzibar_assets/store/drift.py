"""How far the newest session lies from what a model learnt from: its features, and what the model says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zanzibar_assets.store.evolution import load
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.serving import oos_of
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import float64
    from numpy.typing import NDArray

    from zanzibar_assets.store.workspace import Workspace

    Index = Callable[[NDArray[float64], NDArray[float64]], float]

LEAST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of an instrument's newest session: share of drifted features, stability index of predictions.

    Either is None where it cannot be told; ``reasons`` names those over their limit.
    """

    instrument: str
    session: str
    feature_share: float | None
    prediction_psi: float | None
    reasons: tuple[str, ...]


def drift_of(workspace: Workspace, instrument: str, index: Index) -> Drift | None:
    """Drift of the newest session whose features were judged; None before the first.

    ``index`` is the stability index of seen values against expected ones.
    """
    session = workspace.last_session("feature_quality", instrument)
    if session is None:
        return None
    key, limits = PartitionKey(instrument, session), workspace.config.model
    record = workspace.manifest.get("feature_quality", key)
    share = record.notes.get("drift_share") if record else None
    psi = _prediction_psi(workspace, key, index)
    reasons = []
    if share is not None and share > limits.retrain_feature_share:
        reasons.append(f"{share:.0%} of the features drifted (limit {limits.retrain_feature_share:.0%})")
    if psi is not None and psi > limits.retrain_prediction_psi:
        reasons.append(f"predictions' stability index {psi:.2f} (limit {limits.retrain_prediction_psi:.2f})")
    return Drift(instrument, session, share, psi, tuple(reasons))


def _prediction_psi(workspace: Workspace, key: PartitionKey, index: Index) -> float | None:
    """Stability index of a session's predictions against their model's out-of-sample ones."""
    record = workspace.manifest.get("predictions", key)
    if record is None or record.verdict is not Verdict.OK or (record.rows or 0) < LEAST_ROWS:
        return None
    said = load(workspace.lake, record)
    expected = oos_of(workspace, said["model_id"][0])
    if expected is None or expected.height < LEAST_ROWS:
        return None
    return index(said["prediction"].to_numpy(), expected["prediction"].to_numpy())
