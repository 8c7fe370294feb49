"""The sensor that retrains on drift. Belongs here: when drift asks for a training; figures are elsewhere."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from zanzibar_assets.orchestration.jobs import RETRAINING
from zanzibar_assets.orchestration.partitions import register
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.table_asset import THROUGH_TAG
from zanzibar_assets.store.drift import drift_of


def drift_sensor(jobs: dict[str, Any]) -> dg.SensorDefinition:
    """Starts the retraining of an instrument when its newest session drifted; off until turned on."""

    @dg.sensor(
        name="retrain_on_drift",
        job=jobs[RETRAINING],
        minimum_interval_seconds=3_600,
        required_resource_keys={"zanzibar"},
        description="Features or predictions of the newest session drifted: trains a challenger through it.",
    )
    def retrain_on_drift(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from zanzibar_assets.ml.feature_quality import stability_index

        resource: ZanzibarResource = context.resources.zanzibar
        workspace = resource.workspace()
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        active = [instrument.id for instrument in workspace.active_instruments()]
        found = [drift_of(workspace, name, stability_index) for name in active]
        asked = [d for d in found if d is not None and d.reasons and seen.get(d.instrument) != d.session]
        context.update_cursor(json.dumps(seen | {d.instrument: d.session for d in asked}, sort_keys=True))
        for drift in asked:
            register(context.instance, [drift.instrument], [])
            yield dg.RunRequest(
                run_key=f"drift|{drift.instrument}|{drift.session}",
                partition_key=drift.instrument,
                tags={THROUGH_TAG: drift.session, "zanzibar/drift": "; ".join(drift.reasons)},
            )
        if not asked:
            yield dg.SkipReason("no instrument's newest session has drifted, or its training was asked for")

    return retrain_on_drift
