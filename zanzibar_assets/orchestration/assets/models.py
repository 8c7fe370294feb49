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
    side_tables=["model_oos"],
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
        inputs.config,
        StoredTrials(inputs.workspace.trial_rows()),
        code_version=SPECS["trained_model"].code_version,
    )
    row = trained.model.row(0, named=True)
    inputs.check(
        "enough_history", row["status"] == "trained", str(row["reason"] or "trained"), blocking=False
    )
    return {"trained_model": trained.model, "model_oos": trained.oos}


@table_asset(
    reads=["trained_model", "feature_matrix"],
    modules=["ml.explanation"],
    sections=["model"],
    owner="team:quant",
    kinds=["lightgbm", "shap", "parquet"],
)
def model_explanation(inputs: Inputs) -> pl.DataFrame:
    """Which features the model leans on: mean |SHAP| by LightGBM's own contributions."""
    from zanzibar_assets.ml.explanation import explain_model

    return explain_model(
        inputs.read("trained_model"), inputs.through_session("feature_matrix"), inputs.config
    )


@table_asset(
    reads=["trained_model", "feature_matrix"],
    modules=["ml.prediction"],
    sections=["model"],
    checks=["out_of_sample"],
    owner="team:quant",
    kinds=["lightgbm", "parquet"],
)
def predictions(inputs: Inputs) -> pl.DataFrame:
    """Predictions of the champion, else of the newest model, for a session after its training."""
    from zanzibar_assets.contracts.registry import empty
    from zanzibar_assets.ml.prediction import predict
    from zanzibar_assets.store.serving import serving_model

    model = serving_model(inputs)
    through = model["trained_through"].item() if model.height else None
    before = through is None or through < inputs.session
    inputs.check("out_of_sample", before, f"model trained through {through}")
    features = inputs.read("feature_matrix")
    return predict(model, features) if model.height else empty("predictions")
