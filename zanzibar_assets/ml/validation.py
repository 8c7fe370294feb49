"""The gate: does the champion's out-of-sample record prove an edge over all trials ever made?

Every figure is computed on the path with the lower median Sharpe ratio, net of costs, on periods that
do not overlap. The verdict:

* ``promote``: every gate passes (``MODEL_GATES``; one that cannot be judged says so and does not vote);
* ``reject``: the record speaks against the model (IC or Sharpe not positive), or it is long enough
  and a gate still fails;
* ``hold``: the record points the right way but is too short to decide;
* ``insufficient_history``: there is no model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.evidence import Evidence, Market, gather
from zanzibar_assets.ml.metric import Metric
from zanzibar_assets.ml.trials import RecordedTrial
from zanzibar_assets.vocabulary import MODEL_GATES, ModelVerdict


def validate_model(
    model: pl.DataFrame,
    oos: pl.DataFrame,
    trials: Sequence[RecordedTrial],
    config: Config,
    market: Market | None = None,
    walk: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """ValidationReport of a TrainedModel frame (one row) from its ModelOos frame.

    ``trials`` is everything the registry holds for the instrument: their number and correlation deflate
    the Sharpe ratio. ``market`` adds IC decay, regimes, session phases and capacity, ``walk`` (a
    ModelWalkForward frame) what retraining through time would have given. Raises ModelError
    when the trials are fewer than this training made or belong to another instrument, or when the
    out-of-sample frame is empty for a trained model.
    """
    if model.height != 1:
        raise ModelError(
            "one model is needed", expected="a trained_model frame of 1 row", got=str(model.height)
        )
    row = model.row(0, named=True)
    if row["status"] != "trained":
        nothing = Metric(
            "sessions", float(row["sessions"]), float(config.model.min_sessions), False, row["reason"]
        )
        return _report(row, [nothing], ModelVerdict.INSUFFICIENT, f"no model: {row['reason']}")
    _check(row, oos, trials)
    evidence = gather(oos, trials, str(row["data_fingerprint"]), config, market, walk)
    verdict, reason = judge(evidence)
    return _report(row, evidence.metrics, verdict, reason)


def judge(evidence: Evidence) -> tuple[ModelVerdict, str]:
    """Verdict and its reason in plain words."""
    failed = [metric for metric in evidence.metrics if metric.passed is False]
    if not failed:
        return ModelVerdict.PROMOTE, f"all {evidence.gates} gates pass: {evidence.summary}"
    against = []
    if evidence.rank_ic <= 0:
        against.append(f"rank IC {evidence.rank_ic:+.4f} is not positive")
    if evidence.trades and evidence.sharpe <= 0:
        against.append(f"Sharpe {evidence.sharpe:+.4f} a period net of costs is not positive")
    shown = "; ".join(f"{metric.name}: {metric.detail}" for metric in failed)
    if against:
        return ModelVerdict.REJECT, f"{' and '.join(against)} ({evidence.summary})"
    if evidence.long_enough:
        return ModelVerdict.REJECT, f"the record is long enough, yet {shown}"
    return ModelVerdict.HOLD, f"the record is too short to decide: {shown}"


def gate_results(report: pl.DataFrame) -> list[tuple[str, bool, str]]:
    """(gate, passed, detail) of every gate of a report; one that was not judged passes and says so."""
    rows = {row["metric"]: row for row in report.iter_rows(named=True)}
    untested = f"not judged: {report['verdict_reason'][0]}"
    return [
        (name, rows[name]["passed"] is not False, rows[name]["detail"])
        if name in rows
        else (name, report["verdict"][0] == ModelVerdict.PROMOTE.value, untested)
        for name in MODEL_GATES
    ]


def _check(row: dict[str, object], oos: pl.DataFrame, trials: Sequence[RecordedTrial]) -> None:
    made = int(str(row["trials"]))
    if len(trials) < made:
        raise ModelError(
            "the trial registry is incomplete: a Sharpe ratio cannot be deflated by part of its trials",
            expected=f">= {made} trials",
            got=str(len(trials)),
            action="validate with the registry that the training wrote to",
        )
    instrument = json.loads(str(row["parameters"]))["instrument"]
    strangers = {recorded.trial.instrument for recorded in trials} - {instrument}
    if strangers:
        raise ModelError("trials of other instruments", expected=instrument, got=", ".join(sorted(strangers)))
    if oos.is_empty():
        raise ModelError(
            f"model {row['model_id']} has no out-of-sample predictions", action="train the model again"
        )


def _report(
    row: dict[str, object], metrics: Sequence[Metric], verdict: ModelVerdict, reason: str
) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "metric": [metric.name for metric in metrics],
            "value": pl.Series([metric.value for metric in metrics], dtype=pl.Float64),
            "threshold": pl.Series([metric.threshold for metric in metrics], dtype=pl.Float64),
            "passed": pl.Series([metric.passed for metric in metrics], dtype=pl.Boolean),
            "detail": [metric.detail for metric in metrics],
        }
    ).with_columns(
        pl.lit(row["model_id"]).alias("model_id"),
        pl.lit(verdict.value).alias("verdict"),
        pl.lit(reason).alias("verdict_reason"),
        pl.lit(row["trained_through"], dtype=pl.String).alias("validated_through"),
    )
    return conform("validation_report", frame)
