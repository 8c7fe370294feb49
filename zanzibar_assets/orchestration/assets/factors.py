"""Factors: technical factors, regimes and correlations across instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@table_asset(
    reads=["bars"],
    modules=["analysis.regimes", "analysis.hmm", "analysis.regime_measures", "analysis.regime_changes"],
    sections=["analysis"],
    side_tables=["regime_changes"],
    owner="team:quant",
)
def regimes(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Volatility, trend and liquidity regimes, forward-filtered, fitted on the past; change-point alarms."""
    from zanzibar_assets.analysis.regime_changes import build_regime_changes
    from zanzibar_assets.analysis.regimes import build_regimes

    bars = inputs.read("bars")
    history = inputs.history("bars", inputs.config.analysis.regime_history_sessions)
    return {
        "regimes": build_regimes(bars, history, inputs.config),
        "regime_changes": build_regime_changes(bars, inputs.instrument),
    }


@table_asset(
    reads=["clean_ticks", "bars"],
    modules=["analysis.correlations", "analysis.session_dcc", "analysis.dcc", "analysis.hayashi_yoshida"],
    sections=["analysis"],
    owner="team:quant",
)
def correlations(inputs: Inputs) -> pl.DataFrame:
    """Correlation of each pair of instruments through the session: EWMA, DCC and Hayashi-Yoshida."""
    from zanzibar_assets.analysis.correlations import build_correlations

    bars = inputs.across("bars")
    ticks = inputs.across("clean_ticks")
    history = inputs.across_history("bars", inputs.config.analysis.correlation_history_sessions)
    both = {key: frame for key, frame in bars.items() if key in ticks}
    return build_correlations(both, ticks, history, inputs.config)
