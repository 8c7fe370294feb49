"""Signals: candidates from rules and models, then one list with the fate of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["bars", "points_of_interest", "predictions", "volatility_forecast", "validation_report"],
    modules=["signals.raw"],
    sections=["signals", "model"],
    owner="team:quant",
)
def raw_signals(inputs: Inputs) -> pl.DataFrame:
    """Candidate trades of one instrument: touches of points of interest, crossings of the model."""
    from zanzibar_assets.signals.raw import build_raw_signals, touch_summary
    from zanzibar_assets.store.serving import standing_report

    points = inputs.read("points_of_interest")
    inputs.notes["touches"] = touch_summary(points, inputs.config)
    return build_raw_signals(
        inputs.read("bars"),
        points,
        inputs.read("predictions"),
        inputs.optional("volatility_forecast"),
        standing_report(inputs),
        inputs.instrument,
        inputs.config,
        inputs.optional("prediction_reasons"),
    )


@table_asset(
    reads=["raw_signals", "narratives", "risk_parameters", "validation_report"],
    modules=["signals.aggregate"],
    sections=["signals", "risk", "execution"],
    owner="team:quant",
)
def signals(inputs: Inputs) -> pl.DataFrame:
    """Every candidate of the session with its fate: kept with its size, or dropped and why."""
    from zanzibar_assets.signals.aggregate import build_signals
    from zanzibar_assets.store.serving import standing_reports

    return build_signals(
        inputs.across_frame("raw_signals"),
        inputs.read("narratives"),
        inputs.across("risk_parameters"),
        standing_reports(inputs),
        inputs.workspace.instruments,
        inputs.config,
    )
