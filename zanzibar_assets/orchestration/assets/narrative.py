"""Narrative: Polish market narratives as structured views, and how they fared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["raw_narratives", "bars"],
    modules=["narrative"],
    owner="team:narrative",
    kinds=["spacy", "polars", "parquet"],
)
def narratives(inputs: Inputs) -> pl.DataFrame:
    """What each narrative says: instrument, bias, levels, conditions, with evidence offsets."""
    from zanzibar_assets.narrative.build import build_narratives

    return build_narratives(inputs.read("raw_narratives"), inputs.last_prices())


@table_asset(
    reads=["narratives", "bars"],
    modules=["narrative.scores"],
    owner="team:narrative",
)
def narrative_scores(inputs: Inputs) -> pl.DataFrame:
    """How each view fared until the session's end; known only then."""
    from zanzibar_assets.narrative.scores import build_narrative_scores

    return build_narrative_scores(
        inputs.read("narratives"), inputs.across("bars"), inputs.workspace.active_instruments()
    )
