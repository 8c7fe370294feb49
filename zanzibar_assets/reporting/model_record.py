"""What the page of a model is made from: its frames, its trials, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ml.bayesian_sharpe import SharpePosterior, bayesian_sharpe, empirical_prior_sd
from zanzibar_assets.ml.dataset import feature_array
from zanzibar_assets.ml.explanation import sampled
from zanzibar_assets.ml.ic_breakdown import session_ics
from zanzibar_assets.ml.prediction import feature_names, fitted_model, predict
from zanzibar_assets.ml.reasons import reasons_of
from zanzibar_assets.ml.sharpe_evidence import FIXED_PRIOR_ANNUAL, PRIOR_FLOOR_ANNUAL, annual_scale
from zanzibar_assets.ml.strategy import PathResult, all_paths, median_path
from zanzibar_assets.ml.trial_evidence import Field, field_of
from zanzibar_assets.ml.trials import RecordedTrial

Floats = NDArray[np.float64]
DRAWN_ROWS = 800
PARTS = ("horizon", "regime", "phase", "instrument")


@dataclass(frozen=True, slots=True)
class ModelFrames:
    """Frames of one instrument's newest training: TrainedModel, ModelOos, ValidationReport, ModelExplanation,
    ModelInteractions, ImportanceStability, and the FeatureMatrix that it learnt from.
    """

    model: pl.DataFrame
    oos: pl.DataFrame
    report: pl.DataFrame
    explanation: pl.DataFrame
    interactions: pl.DataFrame
    stability: pl.DataFrame
    features: pl.DataFrame


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """The out-of-sample record as it is drawn: paths, the judged one, trials, hurdle and annual scale."""

    paths: list[PathResult]
    judged: PathResult
    field: Field
    hurdle: float
    scale: float

    @property
    def traded(self) -> bool:
        """True when the judged path has returns that vary: without them there is no posterior."""
        return len(self.judged.net) > 0 and float(np.std(self.judged.periods)) > 0


def record_of(frames: ModelFrames, trials: Sequence[RecordedTrial], config: Config) -> ModelRecord:
    """The record that validation judged, from the same frames by the same functions."""
    paths = all_paths(frames.oos, config.model.trade_threshold)
    judged = median_path(paths)
    field = field_of(trials, config.model.seed)
    sessions = frames.oos["session"].n_unique()
    return ModelRecord(
        paths, judged, field, field.hurdle(len(judged.periods)), annual_scale(judged, sessions)
    )


def posteriors(record: ModelRecord) -> list[tuple[str, SharpePosterior]]:
    """Posterior of the judged path's Sharpe ratio under each prior; none when it did not trade enough."""
    if not record.traded or len(record.judged.periods) < 30:
        return []
    sharpes, periods = record.field.sharpes, record.field.periods
    returns = record.judged.periods
    fixed = bayesian_sharpe(returns, FIXED_PRIOR_ANNUAL / record.scale)
    found = [
        ("flat prior", bayesian_sharpe(returns, None)),
        (f"prior sd {FIXED_PRIOR_ANNUAL:g} a year", fixed),
    ]
    if sharpes:
        learnt = empirical_prior_sd(sharpes, periods, PRIOR_FLOOR_ANNUAL / record.scale)
        found.insert(0, ("prior learnt from the trials", bayesian_sharpe(returns, learnt)))
    return found


def ic_parts(report: pl.DataFrame, oos: pl.DataFrame, path: int) -> list[tuple[str, float]]:
    """Rank ICs of a ValidationReport by horizon, regime, phase and instrument, then those of each session."""
    rows = {row["metric"]: row["value"] for row in report.iter_rows(named=True)}
    found = [
        (name.removeprefix("ic_").replace(":", " ") + (" bars" if kind == "horizon" else ""), value)
        for kind in PARTS
        for name, value in rows.items()
        if name.startswith(f"ic_{kind}:") and value is not None
    ]
    own = oos.filter(pl.col("path") == path).sort("event_ts")
    sessions = own["session"].unique(maintain_order=True).to_list()
    by_session = zip(sessions, session_ics(own).tolist(), strict=True)
    return found + [(f"session {session}", ic) for session, ic in by_session][-20:]


@dataclass(frozen=True, slots=True)
class Explained:
    """A seeded sample of the model's bars: feature values and contributions, shape (rows, features), and
    PredictionReasons of the sample's most confident bar.
    """

    names: tuple[str, ...]
    values: Floats
    contributions: Floats
    strongest: pl.DataFrame


def explained(model: pl.DataFrame, features: pl.DataFrame, config: Config) -> Explained | None:
    """What the explanation's pictures show; None for an untrained model or without bars."""
    fitted = fitted_model(model)
    if fitted is None or features.is_empty():
        return None
    rows = features.sort("known_at")[sampled(features.height, DRAWN_ROWS, config.model.seed)]
    names = feature_names(model)
    values = feature_array(rows, names)
    predicted = predict(model, rows)
    confident = predicted.sort((pl.col("prediction") - 0.5).abs(), descending=True, maintain_order=True)
    strongest = reasons_of(model, rows, conform("predictions", confident.head(1)))
    return Explained(names, values, fitted.contributions(values), strongest)
