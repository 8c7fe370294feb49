"""Risk: volatility forecast, Kelly, VaR and CVaR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["bars", "contract_rolls"],
    modules=["risk.volatility"],
    sections=["risk"],
    owner="team:quant",
    kinds=["arch", "parquet"],
)
def volatility_forecast(inputs: Inputs) -> pl.DataFrame:
    """Volatility of the next session from realised variance; says which method and why."""
    from zanzibar_assets.risk.volatility import forecast_volatility

    rolls = inputs.through_session("contract_rolls")
    return forecast_volatility(inputs.through_session("bars"), inputs.instrument, inputs.config, rolls)


@table_asset(
    reads=["validation_report", "trained_model", "volatility_forecast", "bars", "contract_rolls"],
    modules=["risk.parameters", "ml.model_card"],
    sections=["risk"],
    owner="team:quant",
)
def risk_parameters(inputs: Inputs) -> pl.DataFrame:
    """Kelly (shrunk, capped) and VaR/CVaR of the champion, else of the newest model; registers that one."""
    from zanzibar_assets.ml.model_card import model_card
    from zanzibar_assets.risk.parameters import build_risk_parameters
    from zanzibar_assets.store.serving import enlist

    report, oos = enlist(inputs, model_card)
    return build_risk_parameters(
        report,
        oos,
        inputs.read("volatility_forecast"),
        inputs.through_session("bars"),
        inputs.config,
        inputs.through_session("contract_rolls"),
    )
