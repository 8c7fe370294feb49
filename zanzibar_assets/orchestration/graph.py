"""The table of contents of the graph: every stage's assets in flow order, and the Definitions."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import dagster as dg

from zanzibar_assets.orchestration.archiving import build_archive_schedule, depth_archive
from zanzibar_assets.orchestration.housekeeping import build_housekeeping_schedule, housekeeping
from zanzibar_assets.orchestration.jobs import build_jobs
from zanzibar_assets.orchestration.proofs import build_proof_schedule, prove_causality
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.schedules import build_schedules
from zanzibar_assets.orchestration.sensors import build_sensors
from zanzibar_assets.vocabulary import Stage

STAGES: tuple[Stage, ...] = tuple(Stage)


def all_assets() -> list[dg.AssetsDefinition]:
    """Assets of every stage module, in the order of the stages and of definition within them."""
    found: list[dg.AssetsDefinition] = []
    for stage in STAGES:
        module = import_module(f"zanzibar_assets.orchestration.assets.{stage.value}")
        found += [value for value in vars(module).values() if isinstance(value, dg.AssetsDefinition)]
    return found


def build_definitions(**overrides: Any) -> dg.Definitions:
    """Definitions of the whole graph; ``overrides`` replace resources by name."""
    jobs = build_jobs()
    return dg.Definitions(
        assets=all_assets(),
        jobs=[*jobs.values(), depth_archive, housekeeping, prove_causality],
        schedules=[
            *build_schedules(jobs),
            build_archive_schedule(),
            build_housekeeping_schedule(),
            build_proof_schedule(),
        ],
        sensors=build_sensors(jobs),
        resources={"zanzibar": ZanzibarResource(), **overrides},
        executor=dg.in_process_executor,
    )
