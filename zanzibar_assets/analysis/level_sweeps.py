"""Sweeps of many levels and runs of prints in one compiled pass; equal to ``tick_sweeps`` level by level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records
from zanzibar_assets.analysis.tick_sweeps import BookSweepParams, TickSweepParams, Trades


def trades_of(records: Records) -> Trades:
    """Single trades with a size (bar records are left out)."""
    kept = ~records.is_bar & (records.size > 0)
    side = np.sign(records.buy - records.sell).astype(np.int8)
    return Trades(
        records.ts_us[kept], records.price_ticks[kept].astype(np.int64), records.size[kept], side[kept]
    )


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels to watch: price (ticks), side (+1 rests above), and from when until when they are armed.

    A level acts on trades after ``known_us``; when it is not penetrated by ``retired_us`` (included) it
    never is.
    """

    price: Ints
    side: Ints
    known_us: Ints
    retired_us: Ints

    def __len__(self) -> int:
        return len(self.price)

    def columns(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Prices, sides, and the times from and until which they are armed."""
        return self.price, self.side, self.known_us, self.retired_us


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Outcome of each level: trade rows, what happened (0 nothing yet, 1 swept, 2 accepted), volumes.

    ``start`` is the penetrating trade (-1: none), ``end`` the one that decides.
    """

    start: Ints
    end: Ints
    what: Ints
    extreme: Ints
    beyond: Floats
    same_side: Floats
    delta_extreme: Floats


def level_outcomes(
    trades: Trades, levels: Levels, params: TickSweepParams, start: Ints | None = None, first: int = 0
) -> Outcomes:
    """Outcome of every level over the trades.

    ``start`` holds the penetrating trade of levels that were penetrated before (-1: none yet), the
    others act on trades from ``first`` on.
    """
    from zanzibar_assets.analysis import _sweep_kernels as kernels

    blocks = -(-len(trades) // kernels.BLOCK)
    lows, highs = np.empty(blocks, np.int64), np.empty(blocks, np.int64)
    kernels.block_ranges(trades.price, lows, highs)
    armed = np.maximum(np.searchsorted(trades.ts_us, levels.known_us, side="right"), first)
    disarmed = np.searchsorted(trades.ts_us, levels.retired_us, side="right")
    span, volumes = np.full((len(levels), 4), -1, np.int64), np.zeros((len(levels), 3))
    if start is not None:
        span[:, 0] = start
    kernels.level_outcomes(
        trades.ts_us, trades.price, trades.size, trades.side.astype(np.int64), lows, highs,
        levels.price, levels.side, armed, disarmed,
        params.min_pen, params.reclaim, params.within_us, span, volumes,
    )  # fmt: skip
    return Outcomes(*span.T, *volumes.T)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of prints through the book: first trade, trade that makes it known, volume up to there.

    ``run_of`` is the first trade of the run that each trade belongs to.
    """

    start: Ints
    known: Ints
    quantity: Floats
    run_of: Ints


def print_runs(trades: Trades, params: BookSweepParams) -> Runs:
    """Runs that take ``min_levels`` prices (see ``tick_sweeps.book_sweeps``)."""
    from zanzibar_assets.analysis._sweep_kernels import runs_of_prints

    room = len(trades)
    run_of, span, quantity = np.empty(room, np.int64), np.empty((room, 2), np.int64), np.empty(room)
    count = runs_of_prints(
        trades.ts_us, trades.price, trades.size, trades.side.astype(np.int64),
        params.min_levels, params.window_us, run_of, span, quantity,
    )  # fmt: skip
    return Runs(span[:count, 0], span[:count, 1], quantity[:count], run_of)


def stop_runs(
    trades: Trades, runs: Runs, price: Ints, side: Ints, start: Ints
) -> list[tuple[int, int, int]]:
    """(level, run, known trade) of levels whose first penetration is part of a run from before it.

    ``start`` is the penetrating trade of each level. A stop run is known when both the run and the
    penetration are.
    """
    run_number = {first: number for number, first in enumerate(runs.start.tolist())}
    found = []
    for level, trade in enumerate(start.tolist()):
        first = int(runs.run_of[trade])
        run = run_number.get(first)
        if run is None or trades.side[trade] != side[level]:
            continue
        if side[level] * (trades.price[first] - price[level]) <= 0:
            found.append((level, run, max(trade, int(runs.known[run]))))
    return found
