"""A session's features and predictions, computed again from what they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.reproduction import (
    Reproduced,
    differences,
    load_version,
    reproduce,
    stored_version,
)
from zanzibar_assets.store.serving import registry_of

if TYPE_CHECKING:
    from zanzibar_assets.store.keys import PartitionKey
    from zanzibar_assets.store.manifest import PartitionRecord
    from zanzibar_assets.store.specs import TableSpec
    from zanzibar_assets.store.workspace import Workspace

PREDICTIONS = "predictions"


def reproduce_session(
    workspace: Workspace,
    features: TableSpec,
    predictions: TableSpec,
    key: PartitionKey,
    fingerprint: str | None = None,
) -> list[Reproduced]:
    """The features that stored predictions (or an older ``fingerprint`` of them) were made from, and they.

    Raises MissingInput when the session has no predictions or what they were made from is not stored.
    """
    record = stored_version(workspace, PREDICTIONS, key, fingerprint)
    used = next((made for made in record.inputs if made.table == features.table), None)
    if used is None:
        raise MissingInput(f"the predictions of {key} were made from no features", got=str(record.notes))
    matrix = stored_version(workspace, features.table, key, used.fingerprint)
    return [
        reproduce(workspace, features, key, used.fingerprint),
        _predictions(workspace, record, matrix, predictions.code_version),
    ]


def _predictions(
    workspace: Workspace, record: PartitionRecord, matrix: PartitionRecord, code_version: str
) -> Reproduced:
    import polars as pl

    from zanzibar_assets.contracts.registry import conform, empty
    from zanzibar_assets.ml.prediction import predict

    stored, features = load_version(workspace, record), load_version(workspace, matrix)
    recomputed = [empty(PREDICTIONS)]
    for name in stored["model_id"].unique(maintain_order=True).to_list():
        row = registry_of(workspace).get(name).row
        model = conform("trained_model", pl.DataFrame([row], infer_schema_length=None))
        recomputed.append(predict(model, features))
    return Reproduced(
        PREDICTIONS,
        str(record.key),
        str(record.fingerprint),
        stored.height,
        record.code_version == code_version,
        differences(stored, pl.concat(recomputed)),
    )
