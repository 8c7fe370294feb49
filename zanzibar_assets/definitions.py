"""The code location's one entry: ``build_defs`` makes the Definitions, overrides swap resources."""

from __future__ import annotations

import warnings
from typing import Any

import dagster as dg

# The graph rests on features that Dagster marks as beta or preview (backfill policies, partition
# mappings of two dimensions, owners); the graph snapshot test tells when one of them changes.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from zanzibar_assets.orchestration.graph import all_assets  # noqa: E402
from zanzibar_assets.orchestration.jobs import build_jobs  # noqa: E402
from zanzibar_assets.orchestration.resources import ZanzibarResource  # noqa: E402
from zanzibar_assets.orchestration.schedules import build_schedules  # noqa: E402
from zanzibar_assets.orchestration.sensors import build_sensors  # noqa: E402


def build_defs(**overrides: Any) -> dg.Definitions:
    """Definitions of the whole graph; ``overrides`` replace resources by name (``zanzibar=...``)."""
    jobs = build_jobs()
    return dg.Definitions(
        assets=all_assets(),
        jobs=list(jobs.values()),
        schedules=build_schedules(jobs),
        sensors=build_sensors(jobs),
        resources={"zanzibar": ZanzibarResource(), **overrides},
        executor=dg.in_process_executor,
    )


defs = build_defs()
