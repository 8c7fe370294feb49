"""Triple-barrier labels on bar paths (Lopez de Prado, Advances in Financial ML, chapter 3).

A label is entered at a bar's close and ends at the first of three barriers:

* ``upper`` / ``lower``: entry * exp(+-k * sigma * sqrt(horizon)), rounded outwards to a tick, touched by
  a later bar's high or low. Sigma is the bar volatility known at the entry. A bar that opens beyond
  a barrier exits at its open; a bar that touches both exits at the **lower** one, the adverse one for
  the long side that returns are stated for: bars never say which extreme came first.
* ``time``: ``horizon_bars`` bars of exchange time, cut at the end of the session's trading, so no
  label crosses a close. The exit is the last bar closed by then; it is known at the first bar that
  closes at or after it, so a label is never published before its outcome is certain.

Only bars of the open session are entered; the last bar(s) with less than two bars of exchange time
left are not. A label whose barrier the frame does not reach is not written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow, session_at, session_window
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.uniqueness import average_uniqueness
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState

SIGMA_HALFLIFE_BARS = 60
SIGMA_MIN_RETURNS = 20
MIN_BARS_AHEAD = 2
LOWER, TIME, UPPER, PENDING = -1, 0, 1, 2
BARRIER_NAMES = {LOWER: "lower", TIME: "time", UPPER: "upper"}

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Path:
    """Bars of the open session as arrays of one length: close stamps (us) and prices (ticks)."""

    known_us: Ints
    opens: Ints
    highs: Ints
    lows: Ints
    closes: Ints


@dataclass(frozen=True, slots=True)
class Entries:
    """Positions opened at bar closes: bar index, deadline (us) and the two barrier levels (ticks)."""

    bar: Ints
    deadline_us: Ints
    upper: Ints
    lower: Ints


@dataclass(frozen=True, slots=True)
class Exits:
    """Outcome of each entry: barrier code (``PENDING`` when not reached), exit bar and price."""

    barrier: Ints
    bar: Ints
    ticks: Ints


def build_labels(
    bars: pl.DataFrame, bars_history: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """Labels of one session's bars, ordered by ``known_at`` (exit), then ``event_ts`` (entry).

    ``bars`` and ``bars_history`` are Bars frames (history with a ``session`` column, may be empty: it
    only warms up sigma). Returns log returns of the long side; ``net_return`` subtracts one assumed
    spread and the commission of both deals. ``horizon_bars`` is the exchange time that was left, in
    bars, and ``sigma`` the volatility per bar. Raises ContractError for bars of several sessions or
    prices that are not positive.
    """
    opened = bars.filter(pl.col("session_state") == SessionState.OPEN.value).sort("known_at")
    if opened.is_empty():
        return empty("labels")
    window = _window_of(opened, instrument)
    bar_us = int(opened["bar_seconds"][0]) * US_PER_SECOND
    path = _path_of(opened)
    sigma = bar_volatility(opened, bars_history)
    entries, horizon = _entries(path, sigma, window, bar_us, config)
    all_known = bars["known_at"].sort().dt.epoch("us").to_numpy()
    exits = find_exits(path, entries, all_known)
    return _frame(path, sigma, entries, horizon, exits, all_known, _cost_ticks(instrument))


def bar_volatility(bars: pl.DataFrame, history: pl.DataFrame) -> Floats:
    """EWMA volatility of bar log returns at each bar's close, NaN until enough returns were seen.

    Half-life ``SIGMA_HALFLIFE_BARS``; returns never span a session's close. Shape ``(bars,)``.
    """
    columns = ["session", "known_at", "close_ticks"]
    current = bars.with_columns(pl.lit("").alias("session")).select(columns)
    parts = [current]
    if not history.is_empty():
        opened = history.filter(pl.col("session_state") == SessionState.OPEN.value)
        parts.insert(0, opened.select(columns).sort("known_at"))
    joined = pl.concat(parts)
    same = pl.col("session") == pl.col("session").shift(1)
    move = pl.when(same).then(pl.col("close_ticks").cast(pl.Float64).log().diff())
    squares = joined.select((move**2).alias("square"))["square"]
    variance = squares.ewm_mean(
        half_life=SIGMA_HALFLIFE_BARS, min_samples=SIGMA_MIN_RETURNS, ignore_nulls=True
    ).forward_fill()
    return variance.tail(bars.height).fill_null(math.nan).sqrt().to_numpy()


def find_exits(path: Path, entries: Entries, all_known_us: Ints) -> Exits:
    """First barrier of each entry, by walking all entries forward one bar at a time."""
    size = len(entries.bar)
    barrier = np.full(size, PENDING, dtype=np.int64)
    exit_bar, exit_ticks = entries.bar.copy(), path.closes[entries.bar].copy()
    live, step = np.arange(size), 0
    while len(live):
        step += 1
        bar = entries.bar[live] + step
        inside = bar < len(path.closes)
        inside[inside] &= path.known_us[bar[inside]] <= entries.deadline_us[live[inside]]
        live, bar = live[inside], bar[inside]
        upper, lower = entries.upper[live], entries.lower[live]
        gap_up = path.opens[bar] >= upper
        down = (path.lows[bar] <= lower) & ~gap_up
        up = (path.highs[bar] >= upper) & ~down
        barrier[live[up]], barrier[live[down]] = UPPER, LOWER
        exit_ticks[live] = np.select(
            [up, down],
            [np.maximum(upper, path.opens[bar]), np.minimum(lower, path.opens[bar])],
            path.closes[bar],
        )
        exit_bar[live] = bar
        live = live[~(up | down)]
    over = (barrier == PENDING) & (entries.deadline_us <= all_known_us[-1])
    barrier[over] = TIME
    return Exits(barrier, exit_bar, exit_ticks)


def _window_of(opened: pl.DataFrame, instrument: Instrument) -> SessionWindow:
    first, last = (int(opened["known_at"].dt.epoch("us")[i]) for i in (0, -1))
    window = session_window(instrument, session_at(instrument, first - 1))
    if last > window.close_us:
        raise ContractError(
            "bars of more than one session", expected=f"bars of {window.session} alone", got=f"{last} us"
        )
    lowest = int(opened["low_ticks"].to_numpy().min())
    if lowest <= 0:
        raise ContractError("log returns need positive prices", got=f"a low of {lowest} ticks")
    return window


def _path_of(opened: pl.DataFrame) -> Path:
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    return Path(opened["known_at"].dt.epoch("us").to_numpy(), *(opened[name].to_numpy() for name in names))


def _trading_end(window: SessionWindow) -> int:
    """The last tradable instant: a break that runs into the close ends the trading."""
    end = window.close_us
    for start, stop in sorted(window.breaks, reverse=True):
        if stop >= end:
            end = start
    return end


def _entries(
    path: Path, sigma: Floats, window: SessionWindow, bar_us: int, config: Config
) -> tuple[Entries, Ints]:
    deadline = np.minimum(path.known_us + config.model.horizon_bars * bar_us, _trading_end(window))
    left = -((path.known_us - deadline) // bar_us)
    usable = np.nan_to_num(sigma) > 0
    bar = np.flatnonzero(usable & (deadline - path.known_us >= MIN_BARS_AHEAD * bar_us))
    width = config.model.barrier_sigma * sigma[bar] * np.sqrt(left[bar])
    close = path.closes[bar]
    upper = np.ceil(close * np.exp(width)).astype(np.int64)
    lower = np.floor(close * np.exp(-width)).astype(np.int64)
    return Entries(bar, deadline[bar], upper, lower), left


def _cost_ticks(instrument: Instrument) -> float:
    """Round trip in ticks: one assumed spread and the commission of both deals."""
    commission = 2.0 * instrument.mt5.commission_per_lot / instrument.mt5.contract_size
    return instrument.assumed_spread_ticks + commission / instrument.tick_size


def _frame(
    path: Path, sigma: Floats, entries: Entries, left: Ints, exits: Exits, all_known: Ints, cost_ticks: float
) -> pl.DataFrame:
    held = exits.bar > entries.bar  # a gap longer than the horizon leaves no bar to exit at
    weight = np.zeros(len(held))
    weight[held] = average_uniqueness(entries.bar[held] + 1, exits.bar[held])
    done = np.flatnonzero(held & (exits.barrier != PENDING))
    bar, barrier = entries.bar[done], exits.barrier[done]
    resolved = all_known[np.searchsorted(all_known, entries.deadline_us[done]).clip(max=len(all_known) - 1)]
    known = np.where(barrier == TIME, resolved, path.known_us[exits.bar[done]])
    entry = path.closes[bar].astype(np.float64)
    gross = np.log(exits.ticks[done] / entry)
    frame = pl.DataFrame(
        {
            "event_ts": path.known_us[bar],
            "known_at": known,
            "label": barrier.astype(np.int8),
            "gross_return": gross,
            "net_return": gross - cost_ticks / entry,
            "barrier": pl.Series([BARRIER_NAMES[int(code)] for code in barrier], dtype=pl.String),
            "sigma": sigma[bar],
            "horizon_bars": left[bar],
            "weight": weight[done],
        }
    )
    stamps = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return conform("labels", frame.with_columns(stamps).sort("known_at", "event_ts"))
