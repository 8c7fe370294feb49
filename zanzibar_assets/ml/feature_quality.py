"""Missingness, constancy and drift of a session's features against earlier sessions.

Drift is told twice: the population stability index over the reference's deciles, and the largest
distance between the two distribution functions (Kolmogorov-Smirnov). Bars of one session hang
together, so neither has the p-value of its textbook: thresholds in the configuration decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import QualityConfig
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ml.catalogue import FEATURE_NAMES

BINS = 10
MIN_ROWS = 50
BY_CALENDAR = ("week_sine", "week_cosine", "days_to_roll")
"""The calendar gives these one value a session: another one is no drift."""
CALENDAR_REASON = "one value a session, set by the calendar"
FEW_ROWS = f"fewer than {MIN_ROWS} values in the session or in earlier ones"
NO_HISTORY = "no earlier session has a feature matrix"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged check: whether it holds, and what was found in words."""

    name: str
    passed: bool
    detail: str


def build_feature_quality(features: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """FeatureQuality: one row a feature, of the rows of FeatureMatrix known so far.

    ``history`` are FeatureMatrix frames of earlier sessions with a ``session`` column, the reference.
    ``psi`` and ``ks`` are null with the ``reason`` where there is too little on either side.
    """
    if features.is_empty():
        return empty("feature_quality")
    rows = [_measured(features[name], history[name], name) for name in FEATURE_NAMES]
    sessions = history["session"].n_unique()
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        event_ts=pl.lit(features["event_ts"].min()),
        known_at=pl.lit(features["known_at"].max()),
        reference_sessions=pl.lit(sessions),
        reference_through=pl.lit(history["session"].max(), pl.String),
    )
    return conform("feature_quality", frame)


def judge(quality: pl.DataFrame, limits: QualityConfig) -> list[Finding]:
    """The checks of a session's features; they warn and never block.

    A feature is missing (constant) when its share of nulls lies further above the earlier sessions'
    than the limit (when it has one value and had more before); that a source never had it is no news.
    """
    known = quality.filter(pl.col("reference_rows") > 0)
    more = pl.col("null_share") - pl.col("reference_null_share")
    missing = known.filter(more * 100.0 > limits.max_feature_null_pct)["feature"].to_list()
    stands = pl.col("constant") & ~pl.col("reference_constant") & ~pl.col("feature").is_in(BY_CALENDAR)
    still = known.filter(stands)["feature"].to_list()
    share = drift_share(quality, limits)
    drifted = _drifted(quality, limits).sort("psi", descending=True)["feature"].to_list()
    return [
        Finding("features_are_present", not missing, _named(missing, "missing more than before")),
        Finding("features_vary", not still, _named(still, "constant and were not before")),
        Finding(
            "features_are_stable",
            share is None or share * 100.0 <= limits.max_drifted_features_pct,
            "no earlier session to compare with"
            if share is None
            else f"{share:.1%} drifted; {_named(drifted, 'past the limit of the stability index')}",
        ),
    ]


def drift_share(quality: pl.DataFrame, limits: QualityConfig) -> float | None:
    """Share of the comparable features whose stability index lies above the limit; None without any.

    The one figure of drift that a retraining decision needs.
    """
    comparable = quality["psi"].drop_nulls().len()
    return _drifted(quality, limits).height / comparable if comparable else None


def _drifted(quality: pl.DataFrame, limits: QualityConfig) -> pl.DataFrame:
    return quality.filter(pl.col("psi") > limits.max_feature_psi)


def _named(names: list[str], what: str) -> str:
    if not names:
        return f"none is {what}"
    return f"{len(names)} {what}: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"


def _measured(values: pl.Series, reference: pl.Series, name: str) -> dict[str, object]:
    here, before = (series.drop_nulls().to_numpy() for series in (values, reference))
    reason = _reason(name, here, before, reference)
    return {
        "feature": name,
        "rows": len(values),
        "null_share": values.null_count() / len(values),
        "constant": _constant(here),
        "reference_rows": len(reference),
        "reference_null_share": reference.null_count() / len(reference) if len(reference) else None,
        "reference_constant": _constant(before),
        "psi": None if reason else stability_index(here, before),
        "ks": None if reason else largest_distance(here, before),
        "reason": reason,
    }


def _reason(name: str, here: Floats, before: Floats, reference: pl.Series) -> str | None:
    if not len(reference):
        return NO_HISTORY
    if name in BY_CALENDAR:
        return CALENDAR_REASON
    return FEW_ROWS if min(len(here), len(before)) < MIN_ROWS else None


def _constant(values: Floats) -> bool:
    return bool(len(values)) and bool((values == values[0]).all())


def stability_index(values: Floats, reference: Floats) -> float:
    """Population stability index over the deciles of ``reference`` (fewer where values tie).

    Sum of (p - q) ln(p / q) over the bins; half a count is added to each so that an empty one is finite.
    """
    edges = np.unique(np.quantile(reference, np.linspace(0.0, 1.0, BINS + 1)[1:-1], method="lower"))
    edges = edges[edges < reference.max()]  # a bin above the largest value would hold nothing
    counts = [
        np.bincount(np.searchsorted(edges, side, side="left"), minlength=len(edges) + 1) + 0.5
        for side in (values, reference)
    ]
    p, q = (count / count.sum() for count in counts)
    return float(((p - q) * np.log(p / q)).sum())


def largest_distance(values: Floats, reference: Floats) -> float:
    """Largest distance between the two empirical distribution functions, in [0, 1]."""
    one, two = np.sort(values), np.sort(reference)
    at = np.concatenate((one, two))
    below = [np.searchsorted(side, at, side="right") / len(side) for side in (one, two)]
    return float(np.abs(below[0] - below[1]).max())
