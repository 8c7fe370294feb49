"""What a rebuild leaves behind, for the UI: the version it replaced and the partitions made from it."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from zanzibar_assets.orchestration.partitions import dagster_key
from zanzibar_assets.store.builder import BuildOutcome, Status
from zanzibar_assets.store.manifest import PartitionVersion
from zanzibar_assets.store.versions import History, stale
from zanzibar_assets.store.workspace import Workspace

MOST_OBSERVED = 200
"""Observations of one step; the count is in the metadata, the whole list in `zanzibar versions --stale`."""


def replaced(workspace: Workspace, outcome: BuildOutcome) -> PartitionVersion | None:
    """The version that a build has just replaced; None when it replaced nothing."""
    if outcome.status is Status.UP_TO_DATE:
        return None
    record = outcome.record
    before = workspace.manifest.versions(record.table, record.key)
    return before[0] if before and before[0].superseded_us == record.written_us else None


def superseded_metadata(workspace: Workspace, outcome: BuildOutcome) -> dict[str, Any]:
    """Which version a partition took the place of, and why."""
    version = replaced(workspace, outcome)
    if version is None:
        return {}
    return {"supersedes": version.record.fingerprint or "none", "superseded_because": version.reason}


def observe_stale(
    context: dg.AssetExecutionContext, workspace: Workspace, outcomes: Sequence[BuildOutcome]
) -> None:
    """Mark the partitions that read what was replaced: an observation on each one's asset page.

    Building them again gives a newer materialization, which takes the mark's place. What reads them
    in turn is counted in ``zanzibar versions --stale`` and marked when they are built.
    """
    changed = {
        f"{outcome.record.table} {outcome.record.key} was "
        for outcome in outcomes
        if replaced(workspace, outcome) is not None
    }
    if not changed:
        return
    direct = [
        item for item in stale(History.of(workspace.manifest))
        if any(reason.startswith(name) for reason in item.reasons for name in changed)
    ]  # fmt: skip
    for item in direct[:MOST_OBSERVED]:
        context.log_event(
            dg.AssetObservation(
                asset_key=item.record.table,
                partition=dagster_key(item.record.key),
                metadata={"stale": True, "because": "; ".join(item.reasons)},
            )
        )
