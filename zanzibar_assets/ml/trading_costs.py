"""What an edge is worth once it is traded: costs that turn out higher, turnover, capacity.

Capacity assumes the square-root law of impact (Almgren et al. 2005; Toth et al. 2011): each side of a
trade of Q contracts moves the price by sigma sqrt(Q / V), sigma and V being the volatility and the volume
of the trade's own span. Capacity is the Q at which both sides' impact eats the mean net return, and never
more than a share ``participation`` of V.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ml.sharpe import moments
from zanzibar_assets.ml.strategy import PathResult

Floats = NDArray[np.float64]
COST_MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
IMPACT_SIDES = 2.0


def sharpe_at_costs(result: PathResult, multiples: Sequence[float] = COST_MULTIPLES) -> dict[float, float]:
    """Net Sharpe ratio per period at multiples of the assumed costs; 0 for fewer than two periods."""
    if len(result.periods) < 2:
        return dict.fromkeys(multiples, 0.0)
    gross = result.periods + result.costs
    return {multiple: moments(gross - multiple * result.costs).sharpe for multiple in multiples}


def break_even_multiple(result: PathResult) -> float | None:
    """Multiple of the costs at which nothing is left; None where no cost was paid."""
    paid = float(result.costs.sum())
    return float(result.gross.sum()) / paid if paid > 0 else None


def traded_volume(path: pl.DataFrame, result: PathResult, bars: pl.DataFrame) -> Floats:
    """Market volume during each trade of a path, shape ``(trades,)``.

    ``path`` is the ModelOos frame of the path, ``bars`` a Bars frame: a bar counts when it closes after
    the entry and not after the exit.
    """
    rows = path.sort("event_ts")[result.trades]
    ordered = bars.sort("known_at")
    closed = ordered["known_at"].dt.epoch("us").to_numpy()
    running = np.concatenate(([0.0], np.cumsum(ordered["volume"].to_numpy())))
    entry, leave = (rows[name].dt.epoch("us").to_numpy() for name in ("event_ts", "known_at"))
    first, last = (np.searchsorted(closed, at, side="right") for at in (entry, leave))
    found: Floats = running[last] - running[first]
    return found


def capacity(result: PathResult, volume: Floats, participation: float) -> float:
    """Contracts a trade that the edge bears; 0 without an edge, a trade or volume."""
    if not len(result.net) or not len(volume):
        return 0.0
    edge, sigma = float(result.net.mean()), float(np.sqrt(np.mean(result.gross**2)))
    traded = float(np.median(volume))
    if edge <= 0 or sigma <= 0:
        return 0.0
    borne = traded * (edge / (IMPACT_SIDES * sigma)) ** 2
    return min(borne, participation * traded)
