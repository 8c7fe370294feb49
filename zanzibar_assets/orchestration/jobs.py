"""Jobs. Belongs here: which tables run together; the order of the waves. No logic.

A run has one partition scheme, so the session pipeline is four jobs that follow one another (the
sensors chain them; ``run_graph`` runs them in order in one process).
"""

from __future__ import annotations

import dagster as dg

from zanzibar_assets.vocabulary import Grain

MARKET_TABLES = (
    "raw_ticks",
    "raw_depth",
    "clean_ticks",
    "clean_dom",
    "bars",
    "sampled_bars",
    "contract_rolls",
    "continuous_bars",
    "session_completeness",
    "vwap",
    "volume_profile",
    "book_statistics",
    "book_models",
    "liquidity_features",
    "liquidity_sweeps",
    "orderflow_events",
    "smc_events",
    "wyckoff_events",
    "wyckoff_schematics",
    "points_of_interest",
    "anchored_vwap",
    "technical_factors",
    "regimes",
    "labels",
    "meta_labels",
)
SESSION_TABLES = ("raw_narratives", "narratives", "narrative_scores", "correlations")
FEATURE_TABLES = ("feature_matrix", "feature_quality", "predictions", "raw_signals", "session_chart")
SIGNAL_TABLES = ("signals",)
MODEL_TABLES = (
    "event_hit_rates",
    "trained_model",
    "model_explanation",
    "validation_report",
    "model_report",
    "volatility_forecast",
    "risk_parameters",
)
ACCOUNT_TABLES = (
    "broker_status",
    "orders",
    "fills",
    "account_state",
    "performance",
    "session_report",
)
"""Tables of the account: outside every backfill."""

SESSION_PIPELINE = "session_pipeline"
PIPELINE_TABLES = "session_pipeline_tables"
PIPELINE_FEATURES = "session_pipeline_features"
PIPELINE_SIGNALS = "session_pipeline_signals"
RETRAINING = "nightly_retraining"
VALIDATION = "weekly_validation"
EXECUTION = "execution"

_JOBS: dict[str, tuple[tuple[str, ...], str]] = {
    SESSION_PIPELINE: (MARKET_TABLES, "One instrument's session from source bytes to labels."),
    PIPELINE_TABLES: (SESSION_TABLES, "Tables across instruments: narratives and correlations."),
    PIPELINE_FEATURES: (FEATURE_TABLES, "Features, predictions, raw signals and chart of one instrument."),
    PIPELINE_SIGNALS: (SIGNAL_TABLES, "The session's signals across instruments."),
    RETRAINING: (MODEL_TABLES, "Measure events; train, explain and validate a model; refresh risk."),
    VALIDATION: (MODEL_TABLES, "Search widely, train, and validate an instrument's model in full."),
    EXECUTION: (ACCOUNT_TABLES, "Send a session's signals through the gates; account, report. Trades!"),
}
JOB_GRAINS: dict[str, Grain] = {
    SESSION_PIPELINE: Grain.MARKET,
    PIPELINE_TABLES: Grain.SESSION,
    PIPELINE_FEATURES: Grain.MARKET,
    PIPELINE_SIGNALS: Grain.SESSION,
    RETRAINING: Grain.INSTRUMENT,
    VALIDATION: Grain.INSTRUMENT,
    EXECUTION: Grain.SESSION,
}


def build_jobs() -> dict[str, dg.UnresolvedAssetJobDefinition]:
    """Every job by name. Runs of the execution job are never retried."""
    return {
        name: dg.define_asset_job(
            name,
            selection=list(tables),
            description=text,
            tags={"dagster/max_retries": "0"} if name == EXECUTION else None,
        )
        for name, (tables, text) in _JOBS.items()
    }
