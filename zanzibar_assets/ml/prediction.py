"""Predictions of a stored model for new bars."""

from __future__ import annotations

import json

import polars as pl

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.dataset import feature_array
from zanzibar_assets.ml.fitting import CalibratedModel, load_calibrated


def predict(model: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """P(up) of each bar of a FeatureMatrix by a TrainedModel frame (one row), known at the bar's close.

    An untrained model predicts nothing: the typed empty frame. Raises ModelError when the frame is not
    one model or a feature it was trained on is missing.
    """
    fitted = fitted_model(model)
    if fitted is None or features.is_empty():
        return empty("predictions")
    chance = fitted.predict(feature_array(features, feature_names(model)))
    frame = features.select(
        "event_ts",
        "known_at",
        pl.lit(model["model_id"].item()).alias("model_id"),
        pl.Series("prediction", chance),
    )
    return conform("predictions", frame.sort("known_at"))


def fitted_model(model: pl.DataFrame) -> CalibratedModel | None:
    """The fitted model of a TrainedModel frame, None when it was never trained."""
    if model.height != 1:
        raise ModelError(
            "one model is needed", expected="a trained_model frame of 1 row", got=str(model.height)
        )
    row = model.row(0, named=True)
    if row["status"] != "trained":
        return None
    return load_calibrated(row["algorithm"], row["payload"], row["calibration"])


def feature_names(model: pl.DataFrame) -> tuple[str, ...]:
    """Feature columns that a model was trained on, in its order."""
    return tuple(json.loads(model["features"].item()))
