"""The trades that a model's out-of-sample predictions would have made, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

_US_PER_YEAR = 365.25 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class OosTrades:
    """Net returns of trades that do not overlap (fractions of notional), and how many a year."""

    returns: NDArray[np.float64]
    per_year: float


def oos_trades(oos: pl.DataFrame, trade_threshold: float) -> OosTrades:
    """Trades of a ModelOos frame: predictions of all paths averaged a bar, then one after another.

    Long at or above the threshold, short at or below one minus it. A trade starts where no earlier
    one is open (``event_ts`` at or after its exit ``known_at``), so that returns do not overlap.
    ``net_return`` is the long side's; the short side's is the opposite gross with the same costs.
    """
    bars = (
        oos.group_by("event_ts", maintain_order=True)
        .agg(
            pl.col("prediction").mean(),
            pl.col("known_at").max(),
            pl.col("gross_return").first(),
            pl.col("net_return").first(),
        )
        .sort("event_ts")
    )
    side = (
        pl.when(pl.col("prediction") >= trade_threshold)
        .then(pl.col("net_return"))
        .when(pl.col("prediction") <= 1.0 - trade_threshold)
        .then(pl.col("net_return") - 2.0 * pl.col("gross_return"))
    )
    wanted = bars.with_columns(side.alias("trade_return")).drop_nulls("trade_return")
    taken = _one_at_a_time(
        wanted["event_ts"].to_physical().to_list(), wanted["known_at"].to_physical().to_list()
    )
    returns = wanted["trade_return"].to_numpy()[taken]
    return OosTrades(np.asarray(returns, dtype=np.float64), _per_year(bars, len(returns)))


def _one_at_a_time(entries_us: list[int], exits_us: list[int]) -> list[int]:
    taken: list[int] = []
    free_us = None
    for index, (entry, leave) in enumerate(zip(entries_us, exits_us, strict=True)):
        if free_us is None or entry >= free_us:
            taken.append(index)
            free_us = leave
    return taken


def _per_year(bars: pl.DataFrame, trades: int) -> float:
    if bars.is_empty() or trades == 0:
        return 0.0
    stamps = bars["event_ts"].to_physical()
    span_us = int(bars["known_at"].to_physical().max() or 0) - int(stamps.min() or 0)  # type: ignore[arg-type]
    return trades * _US_PER_YEAR / max(span_us, 1)
