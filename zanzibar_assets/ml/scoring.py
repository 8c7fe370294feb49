"""What a trial is worth out of sample: loss, Sharpe ratio, rank IC, Brier score and its returns."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.config import ModelConfig
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ml.calibration import brier
from zanzibar_assets.ml.dataset import Dataset
from zanzibar_assets.ml.ic import rank_ic
from zanzibar_assets.ml.sharpe import moments
from zanzibar_assets.ml.strategy import PathResult, all_paths, chain, median_path
from zanzibar_assets.ml.trials import TrialScores

Floats = NDArray[np.float64]
LOSS_CLIP = 1e-6
QUARTERS = 4


def score_paths(data: Dataset, paths: Floats, settings: ModelConfig) -> TrialScores:
    """Scores of out-of-sample probabilities, shape ``(paths, rows)``, complete."""
    weight = data.weight / data.weight.sum()
    base = float(np.clip(weight @ data.up, LOSS_CLIP, 1.0 - LOSS_CLIP))
    chance = np.clip(paths, LOSS_CLIP, 1.0 - LOSS_CLIP)
    loss = -(data.up * np.log(chance) + (1.0 - data.up) * np.log(1.0 - chance)) @ weight
    entropy = -(base * math.log(base) + (1.0 - base) * math.log(1.0 - base))
    gross = data.frame["gross_return"].to_numpy()
    middle = median_path(all_paths(oos_frame(data, paths), settings.trade_threshold))
    seen = moments(middle.periods) if len(middle.net) and len(middle.periods) > 1 else None
    starts, returns = span_returns(data, middle)
    return TrialScores(
        score=entropy - float(loss.mean()),
        sharpe=middle.sharpe,
        periods=len(middle.periods),
        rank_ic=float(np.mean([rank_ic(path, gross) for path in paths])),
        skew=seen.skew if seen else 0.0,
        kurtosis=seen.kurtosis if seen else 3.0,
        brier=float(np.mean([brier(path, data.up, data.weight) for path in paths])),
        starts_us=starts,
        returns=returns,
    )


def span_returns(data: Dataset, result: PathResult) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Net returns of a path by quarter of each session (equal numbers of periods) and their starts."""
    grid = chain(data.start_us, data.end_us, np.ones(data.rows, dtype=np.bool_))
    sessions = data.frame["session"].to_numpy()[grid]
    starts: list[int] = []
    returns: list[float] = []
    for session in data.sessions:
        own = np.flatnonzero(sessions == session)
        for part in np.array_split(own, min(QUARTERS, max(len(own), 1))):
            if len(part):
                starts.append(int(data.start_us[grid[part[0]]]))
                returns.append(float(result.periods[part].sum()))
    return tuple(starts), tuple(returns)


def oos_frame(data: Dataset, paths: Floats) -> pl.DataFrame:
    """ModelOos frame of probabilities on paths."""
    base = data.frame.rename({"entry": "event_ts", "exit": "known_at"})
    parts = [
        base.with_columns(pl.lit(number, dtype=pl.Int32).alias("path"), pl.Series("prediction", path))
        for number, path in enumerate(paths)
    ]
    return conform("model_oos", pl.concat(parts).sort("known_at", "event_ts", "path"))
