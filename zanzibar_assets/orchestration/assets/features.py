"""Features and labels: everything known at each bar's close, and what followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.level_history import level_history
from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from zanzibar_assets.store.inputs import Inputs

FEATURE_TABLES = (
    "bars",
    "technical_factors",
    "liquidity_features",
    "orderflow_events",
    "vwap",
    "anchored_vwap",
    "regimes",
    "correlations",
    "smc_events",
    "wyckoff_events",
    "liquidity_sweeps",
    "points_of_interest",
    "narratives",
)


@table_asset(
    reads=["clean_ticks", "bars"],
    modules=["ml.labels", "ml.horizon_returns"],
    sections=["analysis", "model"],
    side_tables=["horizon_returns"],
    owner="team:quant",
)
def labels(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Triple-barrier labels per bar on the trades' path, and fixed-horizon returns; known when resolved."""
    from zanzibar_assets.ml.horizon_returns import build_horizon_returns
    from zanzibar_assets.ml.labels import build_labels

    ticks, bars = inputs.read("clean_ticks"), inputs.read("bars")
    history = inputs.history("bars", inputs.config.analysis.history_sessions)
    instrument, config = inputs.instrument, inputs.config
    return {
        "labels": build_labels(ticks, bars, history, instrument, config),
        "horizon_returns": build_horizon_returns(ticks, bars, instrument, config),
    }


@table_asset(
    reads=["clean_ticks", "bars", "points_of_interest", "smc_events"],
    modules=["ml.meta_labels"],
    sections=["analysis", "model"],
    owner="team:quant",
)
def meta_labels(inputs: Inputs) -> pl.DataFrame:
    """Whether each primary rule (touch of a zone, break of structure) was right net of costs."""
    from zanzibar_assets.ml.meta_labels import PrimaryInputs, build_meta_labels

    history = inputs.history("bars", inputs.config.analysis.history_sessions)
    primary = PrimaryInputs(inputs.read("points_of_interest"), inputs.read("smc_events"))
    ticks, bars = inputs.read("clean_ticks"), inputs.read("bars")
    return build_meta_labels(ticks, bars, history, primary, inputs.instrument, inputs.config)


@table_asset(
    reads=[*FEATURE_TABLES, "volume_profile", "contract_rolls"],
    modules=["ml.features", "ml.catalogue"],
    sections=["model"],
    owner="team:quant",
)
def feature_matrix(inputs: Inputs) -> pl.DataFrame:
    """The declared factor catalogue per bar, joined as-of on what was known at the bar's close."""
    from zanzibar_assets.ml.features import FeatureInputs, build_feature_matrix

    frames = {table: inputs.read(table) for table in FEATURE_TABLES}
    profiles = level_history(inputs, "volume_profile", 1)
    taken = FeatureInputs(**frames, volume_profile=profiles)
    return build_feature_matrix(taken, inputs.instrument, inputs.config)


@table_asset(
    reads=["feature_matrix"],
    modules=["ml.feature_quality"],
    sections=["quality"],
    checks=["features_are_present", "features_vary", "features_are_stable"],
    owner="team:quant",
)
def feature_quality(inputs: Inputs) -> pl.DataFrame:
    """What is missing, constant or has drifted in the session's features against earlier sessions."""
    from zanzibar_assets.ml.feature_quality import build_feature_quality, drift_share, judge

    limits = inputs.config.quality
    history = inputs.history("feature_matrix", limits.feature_reference_sessions)
    found = build_feature_quality(inputs.read("feature_matrix"), history)
    for finding in judge(found, limits):
        inputs.check(finding.name, finding.passed, finding.detail, blocking=False)
    inputs.notes["drift_share"] = drift_share(found, limits)
    return found
