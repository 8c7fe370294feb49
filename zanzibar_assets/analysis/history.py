"""Earlier sessions' bars joined before the session's own, for indicators that need a past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, floats

SESSION = "session"


@dataclass(frozen=True, slots=True)
class Joined:
    """Bars of the history's tail and of the session as one series in ticks.

    Between sessions the price jumps (nights, weekends, contract rolls); here each earlier session is
    shifted so that it closes where the next one opens, so what is computed on the series sees the
    sessions' own paths and never the jump. The session itself is not shifted. ``first`` is the row
    of the session's first bar.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    first: int


def session_numbers(frame: pl.DataFrame) -> Ints:
    """Number of each row's session, 0 for the oldest (rows stand session after session)."""
    return frame[SESSION].rle_id().to_numpy().astype(np.int64)


def join_history(bars: pl.DataFrame, bars_history: pl.DataFrame, tail_bars: int) -> Joined:
    """Last ``tail_bars`` bars of the history, then the session's; ``bars`` must not be empty."""
    tail = bars_history.tail(tail_bars)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume")
    columns = [
        np.concatenate((floats(tail, name), floats(bars, name))) if tail.height else floats(bars, name)
        for name in names
    ]
    shift = np.zeros(len(columns[0]))
    if tail.height:
        last = int(session_numbers(tail)[-1]) + 1
        number = np.concatenate((session_numbers(tail), np.full(bars.height, last)))
        edges = np.flatnonzero(np.diff(number))
        jumps = columns[0][edges + 1] - columns[3][edges]
        for edge, jump in zip(edges, jumps, strict=True):
            shift[: edge + 1] += jump
    return Joined(
        open=columns[0] + shift,
        high=columns[1] + shift,
        low=columns[2] + shift,
        close=columns[3] + shift,
        volume=columns[4],
        first=tail.height,
    )
