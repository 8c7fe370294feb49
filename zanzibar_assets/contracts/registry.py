"""The registry of tables: name, version, grain, stage and where its model stands.

Light on purpose (no pandera): a code location reads it at load.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zanzibar_assets.vocabulary import Grain, Stage

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class TableContract:
    """One stored table: its model is ``contracts.<module>.<model>``."""

    table: str
    version: int
    grain: Grain
    stage: Stage
    module: str
    model: str


def _table(
    table: str, grain: Grain, stage: Stage, module: str, model: str, version: int = 1
) -> TableContract:
    return TableContract(table, version, grain, stage, module, model)


_M, _S, _I = Grain.MARKET, Grain.SESSION, Grain.INSTRUMENT
TABLES: dict[str, TableContract] = {
    t.table: t
    for t in (
        _table("raw_ticks", _M, Stage.INGESTION, "ingestion", "RawTicks"),
        _table("raw_depth", _M, Stage.INGESTION, "ingestion", "RawDepth"),
        _table("raw_narratives", _S, Stage.INGESTION, "ingestion", "RawNarratives"),
        _table("clean_ticks", _M, Stage.CLEANING, "cleaning", "CleanTicks", 2),
        _table("quarantine_ticks", _M, Stage.CLEANING, "cleaning", "Quarantine"),
        _table("clean_dom", _M, Stage.CLEANING, "cleaning", "CleanDom", 2),
        _table("quarantine_dom", _M, Stage.CLEANING, "cleaning", "Quarantine"),
        _table("bars", _M, Stage.BARS, "bars", "Bars"),
        _table("sampled_bars", _M, Stage.BARS, "bars", "SampledBars"),
        _table("sampled_bar_thresholds", _M, Stage.BARS, "bars", "SampledBarThresholds"),
        _table("contract_rolls", _M, Stage.BARS, "quality", "ContractRolls"),
        _table("continuous_bars", _M, Stage.BARS, "quality", "ContinuousBars"),
        _table("session_completeness", _M, Stage.BARS, "quality", "SessionCompleteness"),
        _table("session_gaps", _M, Stage.BARS, "quality", "SessionGaps"),
        _table("session_counts", _M, Stage.BARS, "quality", "SessionCounts"),
        _table("vwap", _M, Stage.BARS, "bars", "Vwap", 2),
        _table("volume_profile", _M, Stage.BARS, "bars", "VolumeProfile", 2),
        _table("book_statistics", _M, Stage.LIQUIDITY, "liquidity", "BookStatistics"),
        _table("book_models", _M, Stage.LIQUIDITY, "liquidity", "BookModels"),
        _table("liquidity_features", _M, Stage.LIQUIDITY, "liquidity", "LiquidityFeatures", 3),
        _table("liquidity_sweeps", _M, Stage.LIQUIDITY, "liquidity", "LiquiditySweeps"),
        _table("orderflow_events", _M, Stage.LIQUIDITY, "liquidity", "OrderflowEvents"),
        _table("smc_events", _M, Stage.STRUCTURE, "structure", "SmcEvents"),
        _table("wyckoff_events", _M, Stage.STRUCTURE, "structure", "WyckoffEvents"),
        _table("wyckoff_schematics", _M, Stage.STRUCTURE, "structure", "WyckoffSchematics"),
        _table("points_of_interest", _M, Stage.STRUCTURE, "structure", "PointsOfInterest", 2),
        _table("anchored_vwap", _M, Stage.STRUCTURE, "structure", "AnchoredVwap"),
        _table("technical_factors", _M, Stage.FACTORS, "factors", "TechnicalFactors", 2),
        _table("regimes", _M, Stage.FACTORS, "factors", "Regimes", 2),
        _table("regime_changes", _M, Stage.FACTORS, "factors", "RegimeChanges"),
        _table("correlations", _S, Stage.FACTORS, "factors", "Correlations", 2),
        _table("narratives", _S, Stage.NARRATIVE, "narrative", "Narratives"),
        _table("narrative_scores", _S, Stage.NARRATIVE, "narrative", "NarrativeScores"),
        _table("labels", _M, Stage.FEATURES, "ml", "Labels", 2),
        _table("horizon_returns", _M, Stage.FEATURES, "ml", "HorizonReturns"),
        _table("meta_labels", _M, Stage.FEATURES, "ml", "MetaLabels"),
        _table("feature_matrix", _M, Stage.FEATURES, "features", "FeatureMatrix", 2),
        _table("feature_quality", _M, Stage.FEATURES, "features", "FeatureQuality"),
        _table("trained_model", _I, Stage.MODELS, "ml", "TrainedModel", 2),
        _table("model_oos", _I, Stage.MODELS, "ml", "ModelOos"),
        _table("model_walk_forward", _I, Stage.MODELS, "ml", "ModelWalkForward"),
        _table("model_explanation", _I, Stage.MODELS, "ml", "ModelExplanation"),
        _table("model_interactions", _I, Stage.MODELS, "ml", "ModelInteractions"),
        _table("importance_stability", _I, Stage.MODELS, "ml", "ImportanceStability"),
        _table("predictions", _M, Stage.MODELS, "ml", "Predictions"),
        _table("prediction_reasons", _M, Stage.MODELS, "ml", "PredictionReasons"),
        _table("event_hit_rates", _I, Stage.VALIDATION, "worth", "EventHitRates", 2),
        _table("validation_report", _I, Stage.VALIDATION, "ml", "ValidationReport"),
        _table("model_report", _I, Stage.VALIDATION, "ml", "ModelReport"),
        _table("volatility_forecast", _I, Stage.RISK, "ml", "VolatilityForecast"),
        _table("risk_parameters", _I, Stage.RISK, "ml", "RiskParameters"),
        _table("raw_signals", _M, Stage.SIGNALS, "trading", "RawSignals"),
        _table("signals", _S, Stage.SIGNALS, "trading", "Signals"),
        _table("broker_status", _S, Stage.EXECUTION, "trading", "BrokerStatus"),
        _table("orders", _S, Stage.EXECUTION, "trading", "Orders"),
        _table("fills", _S, Stage.EXECUTION, "trading", "Fills"),
        _table("account_state", _S, Stage.EXECUTION, "trading", "AccountState"),
        _table("session_chart", _M, Stage.REPORTING, "charts", "SessionChart"),
        _table("performance", _S, Stage.REPORTING, "trading", "Performance"),
        _table("session_report", _S, Stage.REPORTING, "trading", "SessionReport"),
    )
}


@cache
def schema_of(table: str) -> Any:
    """pandera DataFrameSchema of a table (imports pandera on first use)."""
    contract = TABLES[table]
    model = getattr(import_module(f"zanzibar_assets.contracts.{contract.module}"), contract.model)
    return model.to_schema()


@cache
def polars_schema(table: str) -> dict[str, pl.DataType]:
    """Column names and polars types of a table, in order."""
    return {name: column.dtype.type for name, column in schema_of(table).columns.items()}


def empty(table: str) -> pl.DataFrame:
    """A typed empty frame of a table."""
    import polars as pl

    return pl.DataFrame(schema=polars_schema(table))


def conform(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Frame with the contract's columns in the contract's order and types.

    Raises ContractError when a column is missing or cannot be cast without loss.
    """
    import polars as pl

    from zanzibar_assets.errors import ContractError

    schema = polars_schema(table)
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise ContractError(
            f"{table} lacks columns", expected=", ".join(schema), got=", ".join(frame.columns)
        )
    try:
        return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"{table} has a column of another type", got=str(error)) from error


def breaches(table: str, frame: pl.DataFrame) -> list[str]:
    """What a frame breaks of its contract, in plain words; empty when it holds."""
    import pandera.errors
    from pandera.config import ValidationDepth, config_context

    try:
        with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            schema_of(table).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        return [_plain(error) for error in errors.schema_errors]
    return []


def _plain(error: Any) -> str:
    where = getattr(error.schema, "name", None) or "frame"
    check = getattr(error, "check", None)
    return f"{where}: {check if check is not None else error.reason_code}"
