"""The table of contents of the graph: every stage's assets in flow order."""

from __future__ import annotations

from importlib import import_module

import dagster as dg

from zanzibar_assets.vocabulary import Stage

STAGES: tuple[Stage, ...] = tuple(Stage)


def all_assets() -> list[dg.AssetsDefinition]:
    """Assets of every stage module, in the order of the stages and of definition within them."""
    found: list[dg.AssetsDefinition] = []
    for stage in STAGES:
        module = import_module(f"zanzibar_assets.orchestration.assets.{stage.value}")
        found += [value for value in vars(module).values() if isinstance(value, dg.AssetsDefinition)]
    return found
