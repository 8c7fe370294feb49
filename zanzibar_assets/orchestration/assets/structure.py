"""Structure: smart money concepts, Wyckoff and points of interest as causal events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.level_history import level_history
from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["contract_rolls", "bars"],
    modules=["analysis.contract_history", "analysis.smc", "analysis.events"],
    sections=["analysis"],
    owner="team:quant",
)
def smc_events(inputs: Inputs) -> pl.DataFrame:
    """Swings, breaks of structure, changes of character, fair value gaps, order blocks and breakers."""
    from zanzibar_assets.analysis.smc import build_smc_events

    history = level_history(inputs, "bars", inputs.config.analysis.history_sessions)
    return build_smc_events(inputs.read("bars"), history, inputs.instrument, inputs.config)


@table_asset(
    reads=["contract_rolls", "bars"],
    modules=["analysis.contract_history", "analysis.wyckoff", "analysis.events"],
    sections=["analysis"],
    owner="team:quant",
)
def wyckoff_events(inputs: Inputs) -> pl.DataFrame:
    """Wyckoff accumulation and distribution as a state machine; phases are filtered, never relabelled."""
    from zanzibar_assets.analysis.wyckoff import build_wyckoff_events

    history = level_history(inputs, "bars", inputs.config.analysis.history_sessions)
    return build_wyckoff_events(inputs.read("bars"), history, inputs.instrument, inputs.config)


@table_asset(
    reads=["contract_rolls", "bars"],
    modules=["analysis.contract_history", "analysis.schematics"],
    sections=["analysis"],
    owner="team:quant",
)
def wyckoff_schematics(inputs: Inputs) -> pl.DataFrame:
    """What Wyckoff ranges turned out to be, in retrospect; for people and reports, never a feature."""
    from zanzibar_assets.analysis.schematics import build_wyckoff_schematics

    history = level_history(inputs, "bars", inputs.config.analysis.history_sessions)
    return build_wyckoff_schematics(inputs.read("bars"), history, inputs.instrument, inputs.config)


@table_asset(
    reads=["contract_rolls", "bars", "smc_events", "liquidity_sweeps"],
    modules=["analysis.contract_history", "analysis.poi", "analysis.events"],
    sections=["analysis"],
    owner="team:quant",
)
def points_of_interest(inputs: Inputs) -> pl.DataFrame:
    """Zones worth watching with a transparent score, and what became of them within the session."""
    from zanzibar_assets.analysis.poi import build_points_of_interest

    sessions = inputs.config.analysis.history_sessions
    return build_points_of_interest(
        inputs.read("bars"),
        level_history(inputs, "bars", sessions),
        inputs.read("smc_events"),
        level_history(inputs, "smc_events", sessions),
        inputs.read("liquidity_sweeps"),
        inputs.instrument,
        inputs.config,
    )


@table_asset(
    reads=["contract_rolls", "clean_ticks", "bars", "smc_events", "liquidity_sweeps"],
    modules=["analysis.contract_history", "analysis.anchored_vwap"],
    owner="team:quant",
)
def anchored_vwap(inputs: Inputs) -> pl.DataFrame:
    """VWAP with bands since the open, the latest swings and breaks, and the prior session's extremes."""
    from zanzibar_assets.analysis.anchored_vwap import build_anchored_vwap

    return build_anchored_vwap(
        inputs.read("clean_ticks"),
        level_history(inputs, "clean_ticks", 1),
        inputs.read("bars"),
        inputs.read("smc_events"),
        inputs.read("liquidity_sweeps"),
        inputs.instrument,
    )
