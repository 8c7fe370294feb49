"""Triple-barrier labels on tick paths (Lopez de Prado, Advances in Financial ML, chapter 3).

A label is entered at a bar's close and ends at the first of three barriers:

* ``upper`` / ``lower``: entry * exp(+-k * sigma * sqrt(horizon)), rounded outwards to a tick, met by a
  later trade (``ml.tick_paths`` has the rules; where a source has bar records only, theirs). Sigma is
  the bar volatility known at the entry.
* ``time``: ``horizon_bars`` bars of exchange time (breaks do not count), cut at the end of the session's
  trading: no label crosses a close. The exit is the last trade before then; it is known at the first
  bar that closes at or after it, so a label is never published before its outcome is certain.

Only bars of the open session are entered, and none with less than two bars of exchange time left. A
label whose barrier the data do not reach is not written.
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
from zanzibar_assets.ml.costs import round_trip_ticks
from zanzibar_assets.ml.exchange_time import ExchangeClock
from zanzibar_assets.ml.tick_paths import (
    LOWER,
    PENDING,
    TIME,
    UPPER,
    Entries,
    Exits,
    RecordPath,
    find_exits,
    load_path,
    path_basis,
)
from zanzibar_assets.ml.uniqueness import average_uniqueness
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState

SIGMA_HALFLIFE_BARS = 60
SIGMA_MIN_RETURNS = 20
MIN_BARS_AHEAD = 2
BARRIER_NAMES = {LOWER: "lower", TIME: "time", UPPER: "upper"}

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SessionBars:
    """The open session's bars, their closes (us, ticks), volatility, and its exchange clock.

    ``all_known_us`` are the closes of every bar, breaks and the pre-open included.
    """

    known_us: Ints
    close_ticks: Ints
    sigma: Floats
    all_known_us: Ints
    bar_us: int
    clock: ExchangeClock


@dataclass(frozen=True, slots=True)
class Placed:
    """Entries at bars: index of the bar, bars of exchange time allowed, and the barriers."""

    bar: Ints
    bars_ahead: Ints
    entries: Entries


def build_labels(
    clean_ticks: pl.DataFrame,
    bars: pl.DataFrame,
    bars_history: pl.DataFrame,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """Labels of one session's bars, ordered by ``known_at`` (exit), then ``event_ts`` (entry).

    ``clean_ticks`` and ``bars`` are the session's, ``bars_history`` (with a ``session`` column, may be
    empty) only warms up sigma. Returns log returns of the long side; ``net_return`` subtracts one
    assumed spread and the commission of both deals. ``horizon_bars`` is the exchange time that was
    left, in bars, and ``sigma`` the volatility per bar. Raises ContractError for bars of several
    sessions or prices that are not positive.
    """
    session = session_bars(bars, bars_history, instrument)
    if session is None:
        return empty("labels")
    placed = place_entries(session, np.arange(len(session.known_us)), np.int64(1), config)
    return conform("labels", outcomes(load_path(clean_ticks), session, placed, instrument))


def session_bars(
    bars: pl.DataFrame, bars_history: pl.DataFrame, instrument: Instrument
) -> SessionBars | None:
    """The open bars of a session as arrays; None when there are none. Raises ContractError."""
    opened = bars.filter(pl.col("session_state") == SessionState.OPEN.value).sort("known_at")
    if opened.is_empty():
        return None
    return SessionBars(
        known_us=opened["known_at"].to_physical().to_numpy(),
        close_ticks=opened["close_ticks"].to_numpy(),
        sigma=bar_volatility(opened, bars_history),
        all_known_us=bars["known_at"].sort().to_physical().to_numpy(),
        bar_us=int(opened["bar_seconds"][0]) * US_PER_SECOND,
        clock=ExchangeClock.of(_window_of(opened, instrument)),
    )


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


def place_entries(session: SessionBars, bar: Ints, side: Ints | np.int64, config: Config) -> Placed:
    """Entries at the closes of the given bars where sigma is known and enough exchange time is left."""
    elapsed = session.clock.elapsed(session.known_us[bar])
    until = np.minimum(elapsed + config.model.horizon_bars * session.bar_us, session.clock.total_us)
    usable = (np.nan_to_num(session.sigma[bar]) > 0) & (until - elapsed >= MIN_BARS_AHEAD * session.bar_us)
    sides = np.broadcast_to(side, bar.shape)[usable].astype(np.int64)
    bar, elapsed, until = bar[usable], elapsed[usable], until[usable]
    ahead = -((elapsed - until) // session.bar_us)
    width = config.model.barrier_sigma * session.sigma[bar] * np.sqrt(ahead)
    close = session.close_ticks[bar]
    upper = np.ceil(close * np.exp(width)).astype(np.int64)
    lower = np.floor(close * np.exp(-width)).astype(np.int64)
    entries = Entries(session.known_us[bar], session.clock.instant(until), upper, lower, sides)
    return Placed(bar, ahead, entries)


def outcomes(path: RecordPath, session: SessionBars, placed: Placed, instrument: Instrument) -> pl.DataFrame:
    """What became of entries, decided ones only, ordered by ``known_at``; returns are those of the side.

    Columns of Labels, and ``side``, and ``row`` (which entry it was).
    """
    entries = placed.entries
    exits = find_exits(path, entries, int(session.all_known_us[-1]))
    held = exits.record >= 0  # no trade at all until the deadline leaves no exit
    done = np.flatnonzero(held & (exits.barrier != PENDING))
    bar, barrier, side = placed.bar[done], exits.barrier[done], entries.side[done]
    entry = session.close_ticks[bar].astype(np.float64)
    gross = side * np.log(exits.ticks[done] / entry)
    frame = pl.DataFrame(
        {
            "event_ts": entries.entry_us[done],
            "known_at": _known(path, session, entries, exits)[done],
            "label": barrier,
            "gross_return": gross,
            "net_return": gross - round_trip_ticks(instrument) / entry,
            "barrier": pl.Series([BARRIER_NAMES[int(code)] for code in barrier], dtype=pl.String),
            "sigma": session.sigma[bar],
            "horizon_bars": placed.bars_ahead[done],
            "weight": _weights(path, session, placed.bar, exits, held)[done],
            "entry_ticks": session.close_ticks[bar],
            "exit_ticks": exits.ticks[done],
            "path_basis": path_basis(path, entries, exits).gather(done),
            "side": side,
            "row": done,
        }
    )
    stamps = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(stamps).sort("known_at", "event_ts", maintain_order=True)


def _known(path: RecordPath, session: SessionBars, entries: Entries, exits: Exits) -> Ints:
    """When each outcome was known: with the record that met a barrier, or with the deadline's bar."""
    last = len(session.all_known_us) - 1
    closed = np.searchsorted(session.all_known_us, entries.deadline_us).clip(max=last)
    known: Ints = session.all_known_us[closed]
    touched = np.isin(exits.barrier, (LOWER, UPPER))
    known[touched] = path.known_us[exits.record[touched]]
    return known


def _weights(
    path: RecordPath, session: SessionBars, bar: Ints, exits: Exits, held: NDArray[np.bool_]
) -> Floats:
    """Average uniqueness over the bars from the one after the entry to that of the last record seen."""
    weight = np.zeros(len(bar))
    last = np.searchsorted(session.known_us, path.ends_us[exits.record[held]], side="left")
    weight[held] = average_uniqueness(bar[held] + 1, last)
    return weight


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
