"""Which model speaks for an instrument: its champion, or the newest challenger while there is none.

A champion by verdict is approved. Without one nothing is: a challenger whose validation says promote
waits for the decision, and trades on the simulated account alone, marked UNAPPROVED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.evolution import is_stored, load
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.models import Evidence, ModelRegistry, RegisteredModel
from zanzibar_assets.vocabulary import ModelVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from zanzibar_assets.store.inputs import Inputs
    from zanzibar_assets.store.workspace import Workspace

OOS, CARD = "model_oos", "card"


def registry_of(workspace: Workspace) -> ModelRegistry:
    """The registry of models of a home."""
    return ModelRegistry(workspace.database, workspace.clock_us)


def enlist(
    inputs: Inputs, card: Callable[[Mapping[str, Any], pl.DataFrame, pl.DataFrame], dict[str, Any]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Register the newest trained model with its evidence and card; (report, oos) of the one that speaks.

    Raises MissingInput when the champion's own evidence is not stored any more.
    """
    row = inputs.read("trained_model").row(0, named=True)
    report, oos = inputs.read("validation_report"), inputs.read("model_oos")
    instrument = inputs.instrument.id
    registry = registry_of(inputs.workspace)
    if row["status"] == "trained":
        prints = {record.table: record.fingerprint for record in inputs.records}
        extra = {OOS: prints["model_oos"], CARD: card(row, oos, report)}
        seen = Evidence(report["verdict"][0], report["verdict_reason"][0], prints["validation_report"])
        registry.register(instrument, row, seen, extra)
    champion = registry.champion(instrument)
    if champion is None or champion.model_id == row["model_id"]:
        return report, oos
    inputs.notes["champion"] = champion.model_id
    evidence = _version(inputs.workspace, "validation_report", instrument, champion.validation_fingerprint)
    return evidence, _version(inputs.workspace, "model_oos", instrument, champion.extra[OOS])


def _version(workspace: Workspace, table: str, instrument: str, fingerprint: str) -> pl.DataFrame:
    found = workspace.manifest.version(fingerprint, table, PartitionKey(instrument))
    if found is None:
        raise MissingInput(
            f"the champion's {table} is not stored any more",
            expected=f"{table} {instrument} at {fingerprint}",
            action="promote a model that was validated since",
        )
    return load(workspace.lake, found.record)


def require_evidence(workspace: Workspace, model: RegisteredModel) -> None:
    """MissingInput when what a model would stand on as champion was pruned."""
    named = (("validation_report", model.validation_fingerprint), (OOS, model.extra.get(OOS, "")))
    for table, fingerprint in named:
        key = PartitionKey(model.instrument)
        found = workspace.manifest.version(fingerprint, table, key)
        if found is None or not is_stored(workspace.manifest, workspace.lake, found.record):
            raise MissingInput(
                f"the {table} of {model.model_id} is not stored any more: nobody could check its promotion",
                expected=f"{table} {key} at {fingerprint}",
                action="train it again, then promote what comes of it",
            )


def oos_of(workspace: Workspace, model_id: str) -> pl.DataFrame | None:
    """What a registered model predicted out of sample; None when it is not registered or not stored."""
    known = {model.model_id: model for model in registry_of(workspace).models()}
    if model_id not in known:
        return None
    model = known[model_id]
    found = workspace.manifest.version(model.extra[OOS], OOS, PartitionKey(model.instrument))
    return load(workspace.lake, found.record) if found else None


def serving_model(inputs: Inputs) -> pl.DataFrame:
    """The model that predicts a session, as a TrainedModel frame; empty when it saw the session."""
    import polars as pl

    champion = registry_of(inputs.workspace).champion(inputs.instrument.id)
    if champion is None:
        return inputs.optional("trained_model")
    inputs.notes["champion"] = champion.model_id
    if champion.trained_through >= inputs.session:
        return empty("trained_model")
    inputs.simulated = inputs.simulated or champion.simulated
    return conform("trained_model", pl.DataFrame([champion.row], infer_schema_length=None))


def standing_reports(inputs: Inputs) -> dict[str, pl.DataFrame]:
    """What may be said of each instrument's speaking model: ValidationReport frames by instrument."""
    frames = inputs.across("validation_report")
    registry = registry_of(inputs.workspace)
    return {name: standing(registry.champion(name), frame) for name, frame in frames.items()}


def standing_report(inputs: Inputs) -> pl.DataFrame:
    """What may be said of the instrument's speaking model."""
    report = inputs.optional("validation_report")
    return standing(registry_of(inputs.workspace).champion(inputs.instrument.id), report)


def standing(champion: RegisteredModel | None, report: pl.DataFrame) -> pl.DataFrame:
    """A validation report as the decisions let it stand: only a champion's verdict may be promote."""
    import polars as pl

    if champion is not None:
        verdict = ModelVerdict.PROMOTE.value if champion.approved else champion.verdict
        if not champion.approved and verdict == ModelVerdict.PROMOTE.value:
            verdict = ModelVerdict.HOLD.value
        said = {"model_id": champion.model_id, "verdict": verdict, "verdict_reason": champion.verdict_reason}
        row = dict.fromkeys(empty("validation_report").columns) | {"metric": "standing", "detail": "champion"}
        return conform("validation_report", pl.DataFrame([row | said]))
    waits = report.height and report["verdict"][0] == ModelVerdict.PROMOTE.value
    if not waits:
        return report
    name = report["model_id"][0]
    reason = f"validation says promote, nobody has decided it: `zanzibar models promote {name}`"
    return report.with_columns(verdict=pl.lit(ModelVerdict.HOLD.value), verdict_reason=pl.lit(reason))
