"""Global explanation of a model: mean |SHAP| and split gain of each feature."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ml.dataset import feature_array
from zanzibar_assets.ml.prediction import feature_names, fitted_model

SAMPLE_ROWS = 2_000


def explain_model(model: pl.DataFrame, features: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Importance of every feature of a TrainedModel over a FeatureMatrix, ranked from 1.

    At most ``SAMPLE_ROWS`` rows, evenly spaced over the frame, are explained. SHAP values are in
    log-odds: exact tree SHAP by LightGBM, coefficient times deviation for a linear model (whose gain is
    null). Ties rank by name. An untrained model gives the typed empty frame.
    """
    del config
    fitted = fitted_model(model)
    if fitted is None or features.is_empty():
        return empty("model_explanation")
    names = feature_names(model)
    picked = np.unique(np.linspace(0, features.height - 1, SAMPLE_ROWS).astype(np.int64))
    sample = features.sort("known_at")[picked]
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
