"""The reasons of single predictions: what each feature added to the log-odds at that bar."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ml.dataset import feature_array
from zanzibar_assets.ml.prediction import feature_names, fitted_model
from zanzibar_assets.ml.strategy import positions

NAMED_REASONS = 8
OTHERS = "(all others)"


def prediction_reasons(
    model: pl.DataFrame, features: pl.DataFrame, predictions: pl.DataFrame, config: Config
) -> pl.DataFrame:
    """PredictionReasons of the bars whose prediction reaches ``model.trade_threshold`` either way.

    Those are all that can become signals. Each bar has its ``NAMED_REASONS`` largest contributions by
    size (ties by name) and one row for the rest; every row comes from its own bar's features alone.
    """
    side = positions(predictions["prediction"].to_numpy(), config.model.trade_threshold)
    return reasons_of(model, features, predictions.filter(pl.Series(side != 0, dtype=pl.Boolean)))


def reasons_of(model: pl.DataFrame, features: pl.DataFrame, spoken: pl.DataFrame) -> pl.DataFrame:
    """PredictionReasons of every row of a Predictions frame, whatever it says."""
    fitted = fitted_model(model) if model.height else None
    if fitted is None or spoken.is_empty():
        return empty("prediction_reasons")
    names = np.asarray(sorted(feature_names(model)))
    rows = features.join(spoken.select("known_at"), on="known_at", how="semi").sort("known_at")
    matrix = feature_array(rows, feature_names(model))
    by_name = np.argsort(np.asarray(feature_names(model)))
    shares, values = fitted.contributions(matrix)[:, by_name], matrix[:, by_name]
    top = np.argsort(-np.abs(shares), axis=1, kind="stable")[:, :NAMED_REASONS]
    chosen = np.take_along_axis(shares, top, axis=1)
    rest = shares.copy()
    np.put_along_axis(rest, top, 0.0, axis=1)
    width = top.shape[1] + 1
    told = {
        "rank": np.tile(np.arange(1, width + 1), len(rows)),
        "feature": np.column_stack([names[top], np.full(len(rows), OTHERS)]).ravel(),
        "value": np.column_stack(
            [np.take_along_axis(values, top, axis=1), np.full(len(rows), np.nan)]
        ).ravel(),
        "contribution": np.column_stack([chosen, rest.sum(axis=1)]).ravel(),
        "log_odds": np.repeat(fitted.log_odds(matrix), width),
    }
    bars = spoken.sort("known_at").select(pl.all().repeat_by(width).explode())
    frame = bars.with_columns(
        pl.lit(fitted.base()).alias("base"),
        *(pl.Series(name, column).fill_nan(None) if name == "value" else pl.Series(name, column)
          for name, column in told.items()),
    )  # fmt: skip
    return conform("prediction_reasons", frame)
