"""A session's features and predictions, computed again from what they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.evolution import load
from zanzibar_assets.store.reproduction import Reproduced, differences, reproduce
from zanzibar_assets.store.serving import registry_of

if TYPE_CHECKING:
    from zanzibar_assets.store.keys import PartitionKey
    from zanzibar_assets.store.specs import TableSpec
    from zanzibar_assets.store.workspace import Workspace


def reproduce_session(workspace: Workspace, features: TableSpec, key: PartitionKey) -> list[Reproduced]:
    """The features that the stored predictions were made from, and the predictions, compared.

    Raises MissingInput when the session has no predictions or what they were made from is not stored.
    """
    record = workspace.manifest.get("predictions", key)
    if record is None or record.fingerprint is None:
        raise MissingInput(
            f"there are no predictions of {key}", action="`zanzibar backfill` builds a session"
        )
    used = next((made for made in record.inputs if made.table == features.table), None)
    version = workspace.manifest.version(used.fingerprint, features.table, key) if used else None
    if used is None or version is None:
        raise MissingInput(f"the features of {key} are not stored as the model saw them")
    return [
        reproduce(workspace, features, key, used.fingerprint),
        _predictions(workspace, key, version.record.fingerprint or "", features.table),
    ]


def _predictions(workspace: Workspace, key: PartitionKey, fingerprint: str, table: str) -> Reproduced:
    import polars as pl

    from zanzibar_assets.contracts.registry import conform, empty
    from zanzibar_assets.ml.prediction import predict

    record = workspace.manifest.get("predictions", key)
    found = workspace.manifest.version(fingerprint, table, key)
    assert record is not None
    assert found is not None
    stored, features = load(workspace.lake, record), load(workspace.lake, found.record)
    recomputed = [empty("predictions")]
    for name in stored["model_id"].unique(maintain_order=True).to_list():
        row = registry_of(workspace).get(name).row
        model = conform("trained_model", pl.DataFrame([row], infer_schema_length=None))
        recomputed.append(predict(model, features))
    unequal = differences(stored, pl.concat(recomputed))
    return Reproduced("predictions", str(key), record.fingerprint or "", stored.height, True, unequal)
