"""What trading the out-of-sample predictions would have earned, net of costs, without overlap.

Periods are a chain of label spans that do not overlap and do not depend on the predictions, so every
trial is measured on the same grid; a period without a trade returns 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ml.sharpe import moments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PathResult:
    """One out-of-sample path: net return and cost a period, the trades' gross and net returns.

    ``trades`` are the rows of the path, in order of entry, at which they were entered.
    """

    path: int
    periods: Floats
    gross: Floats
    net: Floats
    costs: Floats
    trades: Ints

    @property
    def sharpe(self) -> float:
        """Sharpe ratio per period; 0 without a trade or with less than two periods."""
        return moments(self.periods).sharpe if len(self.periods) > 1 else 0.0


def chain(event_us: Ints, known_us: Ints, wanted: NDArray[np.bool_]) -> Ints:
    """Rows taken one after another: the first wanted row, then the next once the last one is over.

    ``event_us`` must not fall. Returns row indices.
    """
    candidates = np.flatnonzero(wanted)
    following = np.searchsorted(event_us[candidates], known_us[candidates], side="left")
    taken, position = [], 0
    while position < len(candidates):
        taken.append(candidates[position])
        position = max(int(following[position]), position + 1)
    return np.asarray(taken, dtype=np.int64)


def positions(prediction: Floats, threshold: float) -> Floats:
    """+1 at or above ``threshold``, -1 where P(down) is, else 0."""
    return np.where(prediction >= threshold, 1.0, np.where(1.0 - prediction >= threshold, -1.0, 0.0))


def path_result(rows: pl.DataFrame, threshold: float, path: int = 0) -> PathResult:
    """Trade one path of a ModelOos frame: enter when flat and confident, leave where the label ends."""
    rows = rows.sort("event_ts")
    event, known = (rows[name].dt.epoch("us").to_numpy() for name in ("event_ts", "known_at"))
    side = positions(rows["prediction"].to_numpy(), threshold)
    gross_long = rows["gross_return"].to_numpy()
    cost = gross_long - rows["net_return"].to_numpy()
    grid = chain(event, known, np.ones(len(event), dtype=np.bool_))
    trades = chain(event, known, side != 0)
    gross = side[trades] * gross_long[trades]
    net = gross - cost[trades]
    period = np.searchsorted(event[grid], event[trades], side="right") - 1
    earned, paid = np.zeros(len(grid)), np.zeros(len(grid))
    np.add.at(earned, period, net)
    np.add.at(paid, period, cost[trades])
    return PathResult(path, earned, gross, net, paid, trades)


def all_paths(oos: pl.DataFrame, threshold: float) -> list[PathResult]:
    """Result of every path of a ModelOos frame, in path order."""
    parts = oos.partition_by("path", as_dict=True)
    return [path_result(parts[key], threshold, int(key[0])) for key in sorted(parts)]


def median_path(results: list[PathResult]) -> PathResult:
    """The path with the lower median Sharpe ratio: neither the luckiest nor a mean of all."""
    ordered = sorted(results, key=lambda result: (result.sharpe, result.path))
    return ordered[(len(ordered) - 1) // 2]
