"""Factors: technical factors, regimes and correlations across instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["bars"],
    modules=["analysis.technical"],
    sections=["analysis"],
    owner="team:quant",
    kinds=["polars", "parquet", "talib"],
)
def technical_factors(inputs: Inputs) -> pl.DataFrame:
    """Classic technical factors per bar; returns never span a session gap."""
    from zanzibar_assets.analysis.technical import build_technical_factors

    history = inputs.history("bars", inputs.config.analysis.history_sessions)
    return build_technical_factors(inputs.read("bars"), history, inputs.window, inputs.config)


@table_asset(reads=["bars"], modules=["analysis.regimes"], sections=["analysis"], owner="team:quant")
def regimes(inputs: Inputs) -> pl.DataFrame:
    """Volatility regime as a forward-filtered probability, fitted on earlier sessions only."""
    from zanzibar_assets.analysis.regimes import build_regimes

    history = inputs.history("bars", inputs.config.analysis.regime_history_sessions)
    return build_regimes(inputs.read("bars"), history, inputs.config)


@table_asset(reads=["bars"], modules=["analysis.correlations"], sections=["analysis"], owner="team:quant")
def correlations(inputs: Inputs) -> pl.DataFrame:
    """Correlation of each pair of instruments through the session: EWMA and Hayashi-Yoshida."""
    from zanzibar_assets.analysis.correlations import build_correlations

    return build_correlations(inputs.across("bars"), inputs.config)
