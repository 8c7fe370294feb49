"""Models: training on sessions up to one, explanation, and predictions for sessions after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import SPECS, table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from zanzibar_assets.store.inputs import Inputs

TRAINING_MODULES = ("ml.training", "ml.cross_validation", "ml.trials", "ml.stored_trials")


@table_asset(
    reads=["feature_matrix", "labels"],
    modules=TRAINING_MODULES,
    sections=["model"],
    side_tables=["model_oos", "model_walk_forward"],
    checks=["enough_history"],
    owner="team:quant",
    kinds=["lightgbm", "scikitlearn", "parquet"],
)
def trained_model(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """The model trained on all sessions up to one (run tag `zanzibar/through`), or why there is none."""
    from zanzibar_assets.ml.stored_trials import StoredTrials
    from zanzibar_assets.ml.training import train_model

    trained = train_model(
        inputs.through_session("feature_matrix"),
        inputs.through_session("labels"),
        inputs.instrument,
        inputs.workspace.training_config,
        StoredTrials(inputs.workspace.trial_rows()),
        code_version=SPECS["trained_model"].code_version,
    )
    row = trained.model.row(0, named=True)
    inputs.notes["model_id"] = row["model_id"]
    inputs.check(
        "enough_history", row["status"] == "trained", str(row["reason"] or "trained"), blocking=False
    )
    return {"trained_model": trained.model, "model_oos": trained.oos, "model_walk_forward": trained.walk}


@table_asset(
    reads=["trained_model", "feature_matrix", "labels"],
    modules=["ml.explanation", "ml.stability"],
    sections=["model"],
    side_tables=["model_interactions", "importance_stability"],
    owner="team:quant",
    kinds=["lightgbm", "parquet"],
)
def model_explanation(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """What the model leans on: mean |SHAP| of features and of pairs; does it hold over folds and time."""
    from zanzibar_assets.ml.explanation import explain_interactions, explain_model
    from zanzibar_assets.ml.stability import importance_stability

    model, config = inputs.read("trained_model"), inputs.config
    seen = model["trained_through"].item()
    features, labels = (inputs.through_session(table, seen) for table in ("feature_matrix", "labels"))
    return {
        "model_explanation": explain_model(model, features, config),
        "model_interactions": explain_interactions(model, features, config),
        "importance_stability": importance_stability(model, features, labels, config),
    }


@table_asset(
    reads=["trained_model", "feature_matrix"],
    modules=["ml.prediction", "ml.reasons"],
    sections=["model"],
    side_tables=["prediction_reasons"],
    checks=["out_of_sample"],
    owner="team:quant",
    kinds=["lightgbm", "parquet"],
)
def predictions(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Predictions, with reasons, of the champion, else the newest model, for a session after its training."""
    from zanzibar_assets.contracts.registry import empty
    from zanzibar_assets.ml.prediction import predict
    from zanzibar_assets.ml.reasons import prediction_reasons
    from zanzibar_assets.store.serving import serving_model

    model = serving_model(inputs)
    through = model["trained_through"].item() if model.height else None
    before = through is None or through < inputs.session
    inputs.check("out_of_sample", before, f"model trained through {through}")
    features = inputs.read("feature_matrix")
    found = predict(model, features) if model.height else empty("predictions")
    reasons = prediction_reasons(model, features, found, inputs.config)
    return {"predictions": found, "prediction_reasons": reasons}
