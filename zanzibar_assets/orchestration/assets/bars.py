"""Bars: time bars, VWAP with bands and developing profile, and the session's volume profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(reads=["clean_ticks"], modules=["analysis.bars"])
def bars(inputs: Inputs) -> pl.DataFrame:
    """Time bars of the instrument's bar length, known at their close."""
    from zanzibar_assets.analysis.bars import build_bars

    return build_bars(inputs.read("clean_ticks"), inputs.instrument, inputs.window)


@table_asset(
    reads=["clean_ticks", "bars"], modules=["analysis.vwap", "analysis.profile"], sections=["analysis"]
)
def vwap(inputs: Inputs) -> pl.DataFrame:
    """Session VWAP with weighted bands, rolling VWAP and the developing value area, per bar."""
    from zanzibar_assets.analysis.vwap import build_vwap

    return build_vwap(inputs.read("clean_ticks"), inputs.read("bars"), inputs.instrument, inputs.config)


@table_asset(reads=["clean_ticks"], modules=["analysis.profile"], sections=["analysis"])
def volume_profile(inputs: Inputs) -> pl.DataFrame:
    """Volume traded at each tick of the session, point of control and value area."""
    from zanzibar_assets.analysis.profile import build_volume_profile

    return build_volume_profile(inputs.read("clean_ticks"), inputs.instrument, inputs.config)
