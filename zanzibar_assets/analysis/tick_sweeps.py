"""Sweeps seen on single trades: stop runs of one level, and runs of prints through the book.

Rows are in trade indices and carry the trades' own stamps (``event_us``, ``known_us``). What a row
says is what was true at ``known_us``; a run that goes on afterwards does not change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.analysis.engine import Attr, Row


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades in time order: stamps (UTC microseconds), prices (ticks), sizes, aggressors (-1, 0, 1)."""

    ts_us: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.float64]
    side: NDArray[np.int8]

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Trades:
        """Trades of ``(ts_us, price_ticks, size, aggressor)`` tuples."""
        kinds = (np.int64, np.int64, np.float64, np.int8)
        columns = [np.array([row[k] for row in rows], dtype=kind) for k, kind in enumerate(kinds)]
        return cls(*columns)

    def __len__(self) -> int:
        return len(self.ts_us)

    def head(self, count: int) -> Trades:
        """The first ``count`` trades."""
        return self.part(slice(count))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Stamps, prices, sizes and aggressors."""
        return self.ts_us, self.price, self.size, self.side

    def part(self, rows: slice) -> Trades:
        """Some of the trades."""
        return Trades(*(column[rows] for column in self.columns()))


@dataclass(frozen=True, slots=True)
class TickSweepParams:
    """Ticks beyond the level that penetrate it, ticks back inside that reclaim it, time allowed."""

    min_pen: int = 1
    reclaim: int = 1
    within_us: int = 10_000_000


def tick_sweep(trades: Trades, level: int, side: int, known_us: int, params: TickSweepParams) -> list[Row]:
    """Outcome of one level (ticks; ``side`` +1 rests above, -1 below) armed at ``known_us``.

    The first later trade ``min_pen`` ticks beyond starts the clock. A trade ``reclaim`` ticks back
    inside within the time is a ``level_sweep``; else the first trade after the time is a
    ``level_accept``. None of both yet: no row.
    """
    away = side * (trades.price - level)
    armed = int(np.searchsorted(trades.ts_us, known_us, side="right"))
    start = _first(away >= params.min_pen, armed)
    if start is None:
        return []
    deadline = int(trades.ts_us[start]) + params.within_us
    late = int(np.searchsorted(trades.ts_us, deadline, side="right"))
    back = _first(away[:late] <= -params.reclaim, start)
    if back is not None:
        return [_outcome(trades, level, side, (start, back), "level_sweep")]
    return [_outcome(trades, level, side, (start, late), "level_accept")] if late < len(trades) else []


def _first(holds: NDArray[np.bool_], start: int) -> int | None:
    found = np.flatnonzero(holds[start:])
    return start + int(found[0]) if len(found) else None


def _outcome(trades: Trades, level: int, side: int, span: tuple[int, int], kind: str) -> Row:
    start, end = span
    part = slice(start, end + 1)
    price, size, aggressor = trades.price[part], trades.size[part], trades.side[part]
    away = side * (price - level)
    extreme = level + side * int(away.max())
    beyond, at_extreme = away > 0, price == extreme
    attrs: dict[str, Attr] = {
        "extreme_ticks": extreme,
        "depth_ticks": abs(extreme - level),
        "dwell_us": int(trades.ts_us[end] - trades.ts_us[start]),
        "vol_beyond": float(size[beyond].sum()),
        "aggr_vol_beyond": float(size[beyond & (aggressor == side)].sum()),
        "delta_extreme": float((size[at_extreme] * aggressor[at_extreme]).sum()),
    }
    direction = -side if kind == "level_sweep" else side
    return Row(
        kind,
        direction,
        start,
        end,
        level=level,
        lo=min(level, extreme),
        hi=max(level, extreme),
        attrs=attrs,
        event_us=int(trades.ts_us[start]),
        known_us=int(trades.ts_us[end]),
    )


@dataclass(frozen=True, slots=True)
class BookSweepParams:
    """Distinct prices a run must take, and the longest gap between its prints."""

    min_levels: int = 3
    window_us: int = 100_000


def book_sweeps(trades: Trades, params: BookSweepParams) -> list[Row]:
    """Runs of same-side prints, never moving back, that take ``min_levels`` prices.

    A print of the other side or of unknown side, a move back, or a longer gap ends the run. One row
    a run, known at the print that takes the last of the required prices.
    """
    found: list[Row] = []
    start, levels, quantity = 0, 0, 0.0
    stamps, prices, sizes, sides = (
        column.tolist() for column in (trades.ts_us, trades.price, trades.size, trades.side)
    )
    for i, side in enumerate(sides):
        goes_on = (
            i > 0
            and side != 0
            and side == sides[i - 1]
            and stamps[i] - stamps[i - 1] <= params.window_us
            and side * (prices[i] - prices[i - 1]) >= 0
        )
        if not goes_on:
            start, levels, quantity = i, 0, 0.0
        new_price = not goes_on or prices[i] != prices[i - 1]
        levels, quantity = levels + new_price, quantity + sizes[i]
        if side != 0 and new_price and levels == params.min_levels:
            found.append(_book_row(side, (start, i), stamps, prices, {"levels": levels, "qty": quantity}))
    return found


def _book_row(
    side: int, span: tuple[int, int], stamps: list[int], prices: list[int], attrs: dict[str, Attr]
) -> Row:
    start, end = span
    edges = sorted((prices[start], prices[end]))
    return Row(
        "book_sweep",
        side,
        start,
        end,
        level=prices[end],
        lo=edges[0],
        hi=edges[1],
        attrs=attrs,
        event_us=stamps[start],
        known_us=stamps[end],
    )
