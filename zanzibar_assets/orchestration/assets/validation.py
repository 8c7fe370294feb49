"""Validation: what events were worth, and the gate that a model must pass before it may trade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset
from zanzibar_assets.vocabulary import MODEL_GATES

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs

EVENT_TABLES = ("smc_events", "wyckoff_events", "liquidity_sweeps", "orderflow_events")


@table_asset(
    reads=["bars", *EVENT_TABLES],
    modules=["analysis.hit_rates", "reporting.hit_rate_page", "reporting.page"],
    sections=["analysis"],
    owner="team:quant",
    kinds=["html", "scipy", "parquet"],
)
def event_hit_rates(inputs: Inputs) -> pl.DataFrame:
    """What followed each kind of event beside matched times, over every kind looked at; with a page."""
    from zanzibar_assets.analysis.hit_rates import build_event_hit_rates, told_apart
    from zanzibar_assets.reporting.hit_rate_page import page_name, render_hit_rates, sentence
    from zanzibar_assets.reporting.page import write_page

    bars = inputs.through_session("bars")
    events = [told_apart(table, inputs.through_session(table)) for table in EVENT_TABLES]
    name = inputs.instrument.id
    rates = build_event_hit_rates(events, bars, inputs.instrument, inputs.config)
    page = render_hit_rates(rates, name, simulated=inputs.simulated)
    write_page(page, inputs.config.reports_dir / page_name(name))
    inputs.notes["finding"] = sentence(rates)
    return rates


@table_asset(
    reads=["trained_model", "bars", "regimes"],
    modules=["ml.validation", "ml.evidence", "ml.sharpe", "ml.ic", "ml.stored_trials"],
    sections=["model", "gate"],
    checks=["model_may_trade", *MODEL_GATES],
    owner="team:quant",
    kinds=["polars", "scipy", "parquet"],
)
def validation_report(inputs: Inputs) -> pl.DataFrame:
    """IC, deflated and Bayesian Sharpe, overfitting and costs over every trial; the verdict in words."""
    from zanzibar_assets.ml.evidence import Market
    from zanzibar_assets.ml.stored_trials import StoredTrials
    from zanzibar_assets.ml.validation import gate_results, validate_model

    model, name = inputs.read("trained_model"), inputs.instrument.id
    bars, regimes = (inputs.through_session(t, model["trained_through"].item()) for t in ("bars", "regimes"))
    market = Market(name, bars, regimes)
    trials = StoredTrials(inputs.workspace.trial_rows()).recorded(name)
    walk = inputs.optional("model_walk_forward")
    report = validate_model(model, inputs.read("model_oos"), trials, inputs.config, market, walk)
    for gate, passed, detail in gate_results(report):
        inputs.check(gate, passed, detail, blocking=False)
    verdict, reason = report["verdict"][0], report["verdict_reason"][0]
    inputs.check("model_may_trade", verdict == "promote", f"{verdict}: {reason}", blocking=False)
    return report


@table_asset(
    reads=["validation_report", "model_explanation", "trained_model", "feature_matrix"],
    modules=["reporting.model_page", "reporting.model_record", "reporting.page", "ml.stored_trials"],
    sections=["model", "gate"],
    owner="team:quant",
    kinds=["html", "matplotlib", "parquet"],
)
def model_report(inputs: Inputs) -> pl.DataFrame:
    """The model on one page: verdict, gates, curves, calibration, trials against luck, what it leans on."""
    from zanzibar_assets.ml.stored_trials import StoredTrials
    from zanzibar_assets.reporting.model_page import model_report as report_row
    from zanzibar_assets.reporting.model_page import page_name, render_model_page
    from zanzibar_assets.reporting.model_record import ModelFrames
    from zanzibar_assets.reporting.page import write_page

    name, model = inputs.instrument.id, inputs.read("trained_model")
    frames = ModelFrames(
        model,
        inputs.read("model_oos"),
        inputs.read("validation_report"),
        inputs.read("model_explanation"),
        inputs.read("model_interactions"),
        inputs.read("importance_stability"),
        inputs.through_session("feature_matrix", model["trained_through"].item()),
    )
    trials = StoredTrials(inputs.workspace.trial_rows()).recorded(name)
    page = render_model_page(frames, trials, name, inputs.config, simulated=inputs.simulated)
    write_page(page, inputs.config.reports_dir / page_name(name))
    found = report_row(frames, trials)
    inputs.notes["finding"] = found["finding"][0]
    return found
