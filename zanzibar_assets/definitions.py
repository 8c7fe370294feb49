"""The code location's one entry: ``build_defs`` makes the Definitions, overrides swap resources."""

from __future__ import annotations

from typing import Any

import dagster as dg

from zanzibar_assets.orchestration.graph import build_definitions


def build_defs(**overrides: Any) -> dg.Definitions:
    """Definitions of the whole graph; ``overrides`` replace resources by name (``zanzibar=...``)."""
    return build_definitions(**overrides)


defs = build_defs()
