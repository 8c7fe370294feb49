"""What followed each bar of a history: returns over horizons, phases, and means over matched bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow, session_window
from zanzibar_assets.instruments import Instrument

PHASES = ("pre_open", "first_hour", "middle", "last_hour", "break")
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
VOLATILITY_HALFLIFE_BARS = 60
VOLATILITY_LEAST_BARS = 20

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matched:
    """Means over the bars of each entry's phase: move, ticks, and the share of rises (ties half)."""

    move: Floats
    ticks: Floats
    up_share: Floats


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Outcomes of entering at each bar's open, one column a horizon; NaN where none can be had.

    ``move``: log return over the horizon divided by the bar volatility known before the entry and the
    root of the horizon in bars; ``ticks``: the same move in ticks. ``session`` indexes ``sessions``,
    ``phase`` indexes ``PHASES``.
    """

    sessions: tuple[str, ...]
    session: Ints
    open_us: Ints
    phase: NDArray[np.int8]
    move: Floats
    ticks: Floats

    def matched(self, column: int, entry: Ints) -> Matched:
        """Means over every bar with the phase of each entry that has an outcome at the horizon."""
        usable = np.isfinite(self.move[:, column])
        size = len(PHASES)
        phase = self.phase[usable]
        count = np.maximum(np.bincount(phase, minlength=size), 1)
        move, ticks = self.move[usable, column], self.ticks[usable, column]
        up = np.where(move == 0, 0.5, (move > 0).astype(np.float64))
        means = [np.bincount(phase, weights=values, minlength=size) / count for values in (move, ticks, up)]
        at = self.phase[entry]
        return Matched(means[0][at], means[1][at], means[2][at])


def bar_outcomes(bars: pl.DataFrame, instrument: Instrument, horizons_minutes: Sequence[int]) -> Outcomes:
    """Outcomes of a history of Bars with ``session``, ordered by ``known_at``; horizons in minutes."""
    open_us = bars["event_ts"].dt.epoch("us").to_numpy()
    close_us = bars["known_at"].dt.epoch("us").to_numpy()
    names, session = np.unique(bars["session"].to_numpy().astype(str), return_inverse=True)
    entry, close = bars["open_ticks"].to_numpy(), bars["close_ticks"].to_numpy()
    log_entry, log_close = np.log(bars["open"].to_numpy()), np.log(bars["close"].to_numpy())
    volatility = _volatility_before(bars)
    last = np.searchsorted(session, np.arange(len(names)), side="right") - 1
    covered_us = close_us[last][session]
    bar_us = int(bars["bar_seconds"][0]) * 1_000_000
    shape = (bars.height, len(horizons_minutes))
    move, ticks = np.full(shape, np.nan), np.full(shape, np.nan)
    for column, minutes in enumerate(horizons_minutes):
        until = open_us + minutes * MINUTE_US
        leave = np.searchsorted(close_us, until, side="right") - 1
        usable = (until <= covered_us) & (leave >= np.arange(bars.height)) & np.isfinite(volatility)
        at = leave[usable]
        scale = volatility[usable] * np.sqrt(max(minutes * MINUTE_US / bar_us, 1.0))
        move[usable, column] = (log_close[at] - log_entry[usable]) / scale
        ticks[usable, column] = close[at] - entry[usable]
    phase = _phases(bars, open_us, session, tuple(names), instrument)
    return Outcomes(tuple(map(str, names)), session.astype(np.int64), open_us, phase, move, ticks)


def _volatility_before(bars: pl.DataFrame) -> Floats:
    """EWMA volatility of close-to-close log returns within sessions, of the bars before each one.

    NaN until enough bars were seen or while nothing moved.
    """
    squared = pl.col("close").log().diff().over("session").pow(2)
    found = bars.select(
        squared.ewm_mean(
            half_life=VOLATILITY_HALFLIFE_BARS, min_samples=VOLATILITY_LEAST_BARS, ignore_nulls=True
        )
        .shift(1)
        .sqrt()
        .alias("volatility")
    )["volatility"]
    values = found.fill_null(float("nan")).to_numpy()
    return np.where(values > 0, values, np.nan)


def _phases(
    bars: pl.DataFrame, open_us: Ints, session: Ints, names: Sequence[str], instrument: Instrument
) -> NDArray[np.int8]:
    """Phase of each bar's open by the calendar: hours after the open and before the close."""
    windows = [session_window(instrument, name) for name in names]
    opens = np.array([window.open_us for window in windows], dtype=np.int64)[session]
    closes = np.array([_last_trade_us(window) for window in windows], dtype=np.int64)[session]
    state = bars["session_state"].to_numpy()
    phase = np.full(bars.height, PHASES.index("middle"), dtype=np.int8)
    phase[open_us >= closes - HOUR_US] = PHASES.index("last_hour")
    phase[open_us < opens + HOUR_US] = PHASES.index("first_hour")
    phase[state == "break"] = PHASES.index("break")
    phase[state == "pre_open"] = PHASES.index("pre_open")
    return phase


def _last_trade_us(window: SessionWindow) -> int:
    """End of trading: the start of a break that lasts to the session's close, else the close."""
    return next((start for start, end in window.breaks if end >= window.close_us), window.close_us)
