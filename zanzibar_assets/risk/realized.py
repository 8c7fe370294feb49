"""What sessions did: returns and realised variances from bars, the overnight gap kept apart."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

MAX_GAP_DAYS = 7
"""Sessions further apart are not consecutive: the move between them is nobody's overnight gap."""

SESSION_SCHEMA = {
    "session": pl.String,
    "bars": pl.Int64,
    "intraday_variance": pl.Float64,
    "overnight_return": pl.Float64,
    "session_return": pl.Float64,
    "variance": pl.Float64,
}


def session_moves(bars_history: pl.DataFrame, rolls: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row a session, oldest first, from bars with a ``session`` column.

    ``rolls`` are ContractRolls rows of these sessions (None: all bars are of one contract). Where a
    session is of another contract than the one before, the gap between the two is taken out of
    ``overnight_return`` and ``session_return``; where it is not known both are null.

    ``intraday_variance`` sums the squared log returns of its bars (open to close of the first, then
    close to close); ``overnight_return`` is the log return from the last close of the session
    before to the first open, null for the first session and after a gap of more than
    ``MAX_GAP_DAYS``; ``session_return`` close to close; ``variance`` = intraday variance plus the
    squared overnight return.
    """
    if bars_history.is_empty():
        return pl.DataFrame(schema=SESSION_SCHEMA)
    previous = pl.col("close").shift(1).over("session").fill_null(pl.col("open"))
    step = (pl.col("close") / previous).log()
    sessions = (
        bars_history.sort("session", "known_at", maintain_order=True)
        .with_columns(step.alias("step"))
        .group_by("session", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("bars"),
            (pl.col("step") ** 2).sum().alias("intraday_variance"),
            pl.col("open").first().alias("first_open"),
            pl.col("close").last().alias("last_close"),
        )
    )
    gap = _roll_gaps(sessions["session"], bars_history, rolls)
    before = pl.when(_consecutive(sessions["session"])).then(pl.col("last_close").shift(1) + gap)
    return (
        sessions.with_columns(
            (pl.col("first_open") / before).log().alias("overnight_return"),
            (pl.col("last_close") / before).log().alias("session_return"),
        )
        .with_columns(
            (pl.col("intraday_variance") + pl.col("overnight_return").fill_null(0.0) ** 2).alias("variance")
        )
        .select(list(SESSION_SCHEMA))
    )


def _roll_gaps(sessions: pl.Series, bars: pl.DataFrame, rolls: pl.DataFrame | None) -> pl.Series:
    """Price by which each session's contract stands above the one before; null where that is not known."""
    if rolls is None:
        return pl.Series("gap", [0.0] * len(sessions), dtype=pl.Float64)
    gaps = rolls.select(
        "session", gap=pl.when(pl.col("how") == "no_roll").then(0).otherwise(pl.col("gap_ticks"))
    )
    found = sessions.to_frame("session").join(gaps, on="session", how="left", maintain_order="left")["gap"]
    priced = bars.filter(pl.col("close_ticks") != 0)
    tick = float(priced["close"][0]) / int(priced["close_ticks"][0]) if priced.height else 0.0
    return found.cast(pl.Float64) * tick


def _consecutive(sessions: pl.Series) -> pl.Series:
    days = [date.fromisoformat(key).toordinal() for key in sessions.to_list()]
    gaps = [False] + [0 < after - before <= MAX_GAP_DAYS for before, after in pairwise(days)]
    return pl.Series(gaps, dtype=pl.Boolean)


def ewma_variance(variances: NDArray[np.float64], decay: float) -> float:
    """Exponentially weighted mean of variances, the newest last and heaviest, weights summing to 1."""
    weights = decay ** np.arange(len(variances) - 1, -1, -1, dtype=np.float64)
    return float(np.dot(weights, variances) / weights.sum())
