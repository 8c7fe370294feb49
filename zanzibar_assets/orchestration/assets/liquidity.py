"""Liquidity: order flow and book features per bar, resting levels and their sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.level_history import level_history
from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["clean_dom", "bars"],
    modules=["analysis.book_statistics", "analysis.book_features"],
    sections=["analysis"],
    owner="team:quant",
)
def book_statistics(inputs: Inputs) -> pl.DataFrame:
    """Sums that this session's book leaves for the models of later sessions."""
    from zanzibar_assets.analysis.book_statistics import build_book_statistics

    return build_book_statistics(inputs.read("clean_dom"), inputs.read("bars"))


@table_asset(
    reads=["book_statistics"],
    modules=["analysis.book_models", "analysis.microprice"],
    sections=["analysis"],
    owner="team:quant",
)
def book_models(inputs: Inputs) -> pl.DataFrame:
    """Microprice and integrated order flow, fitted on earlier sessions only; known at the session's start."""
    from zanzibar_assets.analysis.book_models import build_book_models

    sessions = inputs.config.analysis.book_model_sessions
    return build_book_models(inputs.history("book_statistics", sessions), inputs.window)


@table_asset(
    reads=["clean_ticks", "clean_dom", "bars", "book_models"],
    modules=["analysis.liquidity", "analysis.signing"],
    sections=["analysis"],
    owner="team:quant",
)
def liquidity_features(inputs: Inputs) -> pl.DataFrame:
    """Order flow at five levels, microprice, delta, VPIN, spreads, footprint and absorption per bar."""
    from zanzibar_assets.analysis.liquidity import build_liquidity_features
    from zanzibar_assets.analysis.signing import confusion

    ticks, dom = inputs.read("clean_ticks"), inputs.read("clean_dom")
    inputs.notes["sign_confusion"] = confusion(ticks, dom)
    return build_liquidity_features(
        ticks,
        dom,
        inputs.read("bars"),
        inputs.read("book_models"),
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
        level_history(inputs, "volume_profile", sessions),
        inputs.instrument,
        inputs.config,
    )


@table_asset(
    reads=["contract_rolls", "clean_ticks", "clean_dom", "bars", "liquidity_sweeps"],
    modules=[
        "analysis.contract_history",
        "analysis.orderflow_events",
        "analysis.level_sweeps",
        "analysis.level_book",
        "analysis.absorption",
        "analysis.prints",
    ],
    sections=["analysis"],
    owner="team:quant",
)
def orderflow_events(inputs: Inputs) -> pl.DataFrame:
    """Sweeps of known levels trade by trade, runs through the book, stop runs, absorption and refills."""
    from zanzibar_assets.analysis.orderflow_events import build_orderflow_events

    return build_orderflow_events(
        inputs.read("clean_ticks"),
        inputs.read("clean_dom"),
        inputs.read("bars"),
        inputs.read("liquidity_sweeps"),
        level_history(inputs, "liquidity_sweeps", inputs.config.analysis.history_sessions),
        inputs.instrument,
        inputs.config,
    )
