"""Validation: the gate that a model must pass before it may trade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=["trained_model"],
    modules=["ml.validation", "ml.sharpe", "ml.ic", "ml.stored_trials"],
    sections=["model"],
    checks=["model_may_trade"],
    owner="team:quant",
    kinds=["polars", "scipy", "parquet"],
)
def validation_report(inputs: Inputs) -> pl.DataFrame:
    """IC, deflated Sharpe and Bayesian Sharpe over every trial ever made; the verdict in plain words."""
    from zanzibar_assets.ml.stored_trials import StoredTrials
    from zanzibar_assets.ml.validation import validate_model

    trials = StoredTrials(inputs.workspace.trial_rows()).recorded(inputs.instrument.id)
    report = validate_model(inputs.read("trained_model"), inputs.read("model_oos"), trials, inputs.config)
    verdict, reason = report["verdict"][0], report["verdict_reason"][0]
    inputs.check("model_may_trade", verdict == "promote", f"{verdict}: {reason}", blocking=False)
    return report
