"""Liquidity: order flow and book features per bar, resting levels and their sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.level_history import level_history
from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["clean_ticks", "clean_dom", "bars"],
    modules=["analysis.liquidity"],
    sections=["analysis"],
    owner="team:quant",
)
def liquidity_features(inputs: Inputs) -> pl.DataFrame:
    """Order flow imbalance, queue imbalance, delta, VPIN, Kyle's lambda and spreads per bar."""
    from zanzibar_assets.analysis.liquidity import build_liquidity_features

    return build_liquidity_features(
        inputs.read("clean_ticks"),
        inputs.read("clean_dom"),
        inputs.read("bars"),
        inputs.instrument,
        inputs.config,
    )


@table_asset(
    reads=["contract_rolls", "bars", "volume_profile"],
    modules=["analysis.contract_history", "analysis.sweeps", "analysis.pools", "analysis.events"],
    sections=["analysis"],
    owner="team:quant",
)
def liquidity_sweeps(inputs: Inputs) -> pl.DataFrame:
    """Resting levels and pools, and how they were swept or accepted; causal events."""
    from zanzibar_assets.analysis.sweeps import build_liquidity_sweeps

    sessions = inputs.config.analysis.history_sessions
    return build_liquidity_sweeps(
        inputs.read("bars"),
        level_history(inputs, "bars", sessions),
        level_history(inputs, "volume_profile", 1),
        inputs.instrument,
        inputs.config,
    )
