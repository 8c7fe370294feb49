"""Global explanation of a model: mean |SHAP| and split gain of each feature, and which act in pairs."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ml.dataset import feature_array
from zanzibar_assets.ml.estimators import BoostedTrees
from zanzibar_assets.ml.prediction import feature_names, fitted_model
from zanzibar_assets.ml.tree_interactions import tree_interactions

Ints = NDArray[np.int64]
SAMPLE_ROWS = 2_000
INTERACTION_ROWS = 200
MOST_PAIRS = 20


def sampled(rows: int, most: int, seed: int) -> Ints:
    """Ascending indices of at most ``most`` of ``rows`` rows, drawn without replacement by the seed."""
    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    drawn = np.random.default_rng(seed).choice(rows, size=most, replace=False)
    return np.sort(drawn).astype(np.int64)


def explain_model(model: pl.DataFrame, features: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Importance of every feature of a TrainedModel over a FeatureMatrix, ranked from 1.

    At most ``SAMPLE_ROWS`` rows, drawn by ``model.seed``, are explained. SHAP values are in log-odds: exact
    tree SHAP by LightGBM, coefficient times deviation for a linear model (whose gain is null). Ties rank
    by name. An untrained model gives the typed empty frame.
    """
    fitted = fitted_model(model)
    if fitted is None or features.is_empty():
        return empty("model_explanation")
    names = feature_names(model)
    sample = features.sort("known_at")[sampled(features.height, SAMPLE_ROWS, config.model.seed)]
    shap = np.abs(fitted.contributions(feature_array(sample, names))).mean(axis=0)
    gains = fitted.gains()
    frame = pl.DataFrame(
        {
            "model_id": [model["model_id"].item()] * len(names),
            "feature": list(names),
            "mean_abs_shap": shap,
            "gain": pl.Series([None] * len(names) if gains is None else gains, dtype=pl.Float64),
        }
    ).sort(["mean_abs_shap", "feature"], descending=[True, False])
    return conform("model_explanation", frame.with_row_index("rank", offset=1))


def explain_interactions(model: pl.DataFrame, features: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The ``MOST_PAIRS`` strongest pairs of features over ``INTERACTION_ROWS`` rows drawn by the seed.

    Exact SHAP interaction values of a tree model; pairs that never meet in a tree have no row. A linear
    model is additive and an untrained one says nothing: the typed empty frame.
    """
    fitted = fitted_model(model)
    if fitted is None or features.is_empty() or not isinstance(fitted.model, BoostedTrees):
        return empty("model_interactions")
    names = feature_names(model)
    sample = features.sort("known_at")[sampled(features.height, INTERACTION_ROWS, config.model.seed)]
    strength = np.abs(tree_interactions(fitted.model.booster, feature_array(sample, names))).mean(axis=0)
    first, second = np.triu_indices(len(names), k=1)
    pairs = 2.0 * strength[first, second]
    frame = pl.DataFrame(
        {
            "model_id": [model["model_id"].item()] * len(pairs),
            "feature_a": np.asarray(names)[first],
            "feature_b": np.asarray(names)[second],
            "mean_abs_interaction": pairs,
            "share": pairs / pairs.sum() if pairs.sum() > 0 else pairs,
        }
    ).filter(pl.col("mean_abs_interaction") > 0)
    ranked = frame.sort(["mean_abs_interaction", "feature_a", "feature_b"], descending=[True, False, False])
    return conform("model_interactions", ranked.head(MOST_PAIRS).with_row_index("rank", offset=1))
