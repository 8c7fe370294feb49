"""Features and labels: everything known at each bar's close, and what followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs

FEATURE_TABLES = (
    "bars",
    "technical_factors",
    "liquidity_features",
    "vwap",
    "regimes",
    "correlations",
    "smc_events",
    "wyckoff_events",
    "liquidity_sweeps",
    "points_of_interest",
    "narratives",
)


@table_asset(
    reads=["bars"], modules=["ml.labels", "ml.uniqueness"], sections=["analysis", "model"], owner="team:quant"
)
def labels(inputs: Inputs) -> pl.DataFrame:
    """Triple-barrier labels per bar with volatility-scaled barriers; known only when resolved."""
    from zanzibar_assets.ml.labels import build_labels

    history = inputs.history("bars", inputs.config.analysis.history_sessions)
    return build_labels(inputs.read("bars"), history, inputs.instrument, inputs.config)


@table_asset(
    reads=FEATURE_TABLES, modules=["ml.features", "ml.catalogue"], sections=["model"], owner="team:quant"
)
def feature_matrix(inputs: Inputs) -> pl.DataFrame:
    """The declared factor catalogue per bar, joined as-of on what was known at the bar's close."""
    from zanzibar_assets.ml.features import FeatureInputs, build_feature_matrix

    frames = {table: inputs.read(table) for table in FEATURE_TABLES}
    return build_feature_matrix(FeatureInputs(**frames), inputs.instrument, inputs.config)
