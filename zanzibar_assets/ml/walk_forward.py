"""Walk-forward retraining: what the chosen configuration would have said had it been retrained in time.

The configuration is the one that cross-validation chose on all sessions, so the choice itself is not
tested here; its fits are: each learns from sessions that were over, and speaks of the next ones only.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import Config, GateConfig, ModelConfig
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.calibration import NONE
from zanzibar_assets.ml.cross_validation import Fold, walk_forward_folds
from zanzibar_assets.ml.dataset import Dataset
from zanzibar_assets.ml.estimators import Candidate
from zanzibar_assets.ml.fitting import calibratable, fit_calibrated
from zanzibar_assets.ml.ic import hac_mean, rank_scores
from zanzibar_assets.ml.metric import Metric, shown
from zanzibar_assets.ml.sharpe_evidence import annual_scale
from zanzibar_assets.ml.strategy import path_result

Ints = NDArray[np.int64]
TABLE = "model_walk_forward"
SHARPE, IC = "walk_forward_sharpe", "walk_forward_ic_t"
MIN_ROWS = 30


def walk_forward(candidate: Candidate, data: Dataset, config: ModelConfig) -> pl.DataFrame:
    """ModelWalkForward frame: predictions of each session by fits on earlier ones alone.

    The first fit learns from ``min_sessions`` sessions; at most ``walk_forward_steps`` fits are made,
    each of which speaks of an equal share of what follows. A block whose training rows are fewer than
    ``min_rows`` or of one side has no row. Deterministic to the bit for the configured seed.
    """
    parts = []
    sessions = data.frame["session"].to_numpy()
    for fold in retrainings(data, config):
        if not _trainable(data, fold.train, config):
            continue
        model = fit_calibrated(candidate, data, fold.train, config)
        own = data.frame[fold.test].rename({"entry": "event_ts", "exit": "known_at"})
        parts.append(
            own.with_columns(
                pl.lit(sessions[fold.train[-1]]).alias("trained_through"),
                pl.Series("prediction", model.predict(data.x[fold.test])),
            )
        )
    return conform(TABLE, pl.concat(parts).sort("known_at", "event_ts")) if parts else empty(TABLE)


def retrainings(data: Dataset, config: ModelConfig) -> list[Fold]:
    """The folds of the walk: test blocks of whole sessions after the first ``min_sessions``."""
    names = data.sessions
    later = names[config.min_sessions :]
    if not later or config.walk_forward_steps == 0:
        return []
    number = np.searchsorted(np.asarray(names), data.frame["session"].to_numpy())
    if bool(np.any(np.diff(number) < 0)):
        raise ModelError("sessions overlap in time", expected="rows of one session after those of another")
    steps = np.array_split(
        np.arange(config.min_sessions, len(names)), min(len(later), config.walk_forward_steps)
    )
    blocks = [
        np.arange(np.searchsorted(number, own[0]), np.searchsorted(number, own[-1], side="right"))
        for own in steps
    ]
    return walk_forward_folds(data.start_us, data.end_us, blocks, config.embargo_bars)


def _trainable(data: Dataset, train: Ints, config: ModelConfig) -> bool:
    if len(train) < config.min_rows or not 0 < data.up[train].sum() < len(train):
        return False
    return config.calibration == NONE or calibratable(data, train, config)


def walk_forward_metrics(walk: pl.DataFrame, config: Config) -> list[Metric]:
    """Sharpe ratio a year and t of the rank IC of a ModelWalkForward frame.

    They vote only where the section ``gate`` sets their thresholds; too short a walk says so.
    """
    gate = config.gate
    if walk.height < MIN_ROWS:
        reason = f"not judged: {walk.height} bars were predicted by earlier fits (needs {MIN_ROWS})"
        return [
            _voting(SHARPE, None, gate.min_walk_forward_sharpe, reason),
            _voting(IC, None, gate.min_walk_forward_ic_t, reason),
        ]
    rows = walk.sort("event_ts")
    result, sessions = path_result(rows, config.model.trade_threshold), rows["session"].n_unique()
    sharpe = result.sharpe * annual_scale(result, sessions)
    test = hac_mean(
        rank_scores(rows["prediction"].to_numpy(), rows["gross_return"].to_numpy()), config.model.horizon_bars
    )
    span = f"{rows['trained_through'].n_unique()} fits walked over {sessions} sessions"
    return [
        _voting(SHARPE, sharpe, gate.min_walk_forward_sharpe,
                f"{sharpe:+.2f} a year net, {len(result.net)} trades, {span}{_needs(gate, SHARPE)}"),
        _voting(IC, test.t, gate.min_walk_forward_ic_t,
                f"rank IC {test.mean:+.4f}, t {test.t:.2f}, {span}{_needs(gate, IC)}"),
        shown("walk_forward_ic", test.mean, f"Spearman over {rows.height} bars, {span}"),
    ]  # fmt: skip


def _needs(gate: GateConfig, name: str) -> str:
    least = gate.min_walk_forward_sharpe if name == SHARPE else gate.min_walk_forward_ic_t
    return " (does not vote)" if least is None else f" (needs {least:g})"


def _voting(name: str, value: float | None, least: float | None, detail: str) -> Metric:
    passed = None if least is None or value is None else value >= least
    return Metric(name, value, least, passed, detail)
