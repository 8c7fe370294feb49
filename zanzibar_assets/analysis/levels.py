"""Resting levels: prices that many watch because an earlier period made them.

Highs and lows of the prior session (a session is the exchange's trading day) and the prior week, the
opening range, the prior session's POC and value area, POCs of older sessions that nothing has traded
at since, and round numbers around the last close. A level is known at the end of the period that made
it; levels of earlier sessions are published when the session starts (the close of the one before it).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import floor, log10
from typing import TYPE_CHECKING

import polars as pl

from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.calendars import session_at, session_window, sessions_between
from zanzibar_assets.vocabulary import EVENT_TS, US_PER_SECOND

if TYPE_CHECKING:
    from zanzibar_assets.analysis.events import JoinedBars
    from zanzibar_assets.calendars import SessionWindow
    from zanzibar_assets.instruments import Instrument


DEFINITION = 2
"""2 adds untouched POCs and round numbers; the levels of definition 1 are as they were."""
ROUND = "round_number"


@dataclass(frozen=True, slots=True)
class LevelParams:
    """Length of the opening range; round numbers a prior session's range over, at most so many."""

    opening_range_seconds: int = 1_800
    rounds_in_range: int = 4


def resting_levels(
    joined: JoinedBars,
    history: pl.DataFrame,
    profiles: pl.DataFrame,
    instrument: Instrument,
    params: LevelParams,
) -> list[Row]:
    """Levels that rest in the session of ``joined``'s last bars, as ``level`` rows.

    ``dir`` is the side: +1 above the market when it became known, -1 below, 0 at it. A level whose
    period the history does not hold is left out.
    """
    if joined.first == len(joined):
        return []
    session = session_at(instrument, joined.event_us[joined.first])
    window = session_window(instrument, session)
    return [
        *_prior_session(joined, history, window),
        *_prior_week(joined, history, window, instrument),
        *_prior_profile(joined, profiles, window),
        *_untouched_pocs(joined, history, profiles, window),
        *_round_numbers(joined, history, window, instrument, params),
        *_opening_range(joined, window, params),
    ]


def _prior_session(joined: JoinedBars, history: pl.DataFrame, window: SessionWindow) -> list[Row]:
    if not history.height:
        return []
    last = history["session"][-1]
    return _extremes(joined, history, [last], window, "prior_session")


def _prior_week(
    joined: JoinedBars, history: pl.DataFrame, window: SessionWindow, instrument: Instrument
) -> list[Row]:
    """Extremes of the calendar week before the session's, only when history holds all of it."""
    day = date.fromisoformat(window.session)
    monday = day - timedelta(days=day.weekday() + 7)
    week = sessions_between(instrument, monday.isoformat(), (monday + timedelta(days=6)).isoformat())
    held = set(history["session"].unique()) if history.height else set()
    if not week or not held.issuperset(week):
        return []
    return _extremes(joined, history, week, window, "prior_week")


def _extremes(
    joined: JoinedBars, history: pl.DataFrame, sessions: list[str], window: SessionWindow, name: str
) -> list[Row]:
    inside = [i for i, own in enumerate(history["session"].is_in(sessions)) if own]
    return _high_low(joined, inside, joined.first - 1, window.starts_us, name, {})


def _high_low(
    joined: JoinedBars, inside: list[int], known_idx: int, known_us: int, name: str, extra: dict[str, int]
) -> list[Row]:
    high = max(inside, key=lambda i: (joined.series.high[i], -i))
    low = min(inside, key=lambda i: (joined.series.low[i], i))
    sides = ((1, high, joined.series.high[high], "high"), (-1, low, joined.series.low[low], "low"))
    return [
        Row(
            "level",
            side,
            i,
            known_idx,
            level=price,
            attrs={"name": f"{name}_{end}", **extra},
            known_us=known_us,
        )
        for side, i, price, end in sides
    ]


def _prior_profile(joined: JoinedBars, profiles: pl.DataFrame, window: SessionWindow) -> list[Row]:
    if not profiles.height or joined.first == 0:
        return []
    profile = profiles.filter(pl.col("session") == pl.col("session").last())
    area = profile.filter(pl.col("in_value_area"))["price_ticks"]
    poc = profile.filter(pl.col("is_poc"))["price_ticks"]
    if not area.len() or not poc.len():
        return []
    event_us = int(profile[EVENT_TS].dt.epoch("us")[0])
    market, known_idx = joined.series.close[joined.first - 1], joined.first - 1
    area_ends = area.sort()
    named = {"prior_poc": poc[0], "prior_vah": area_ends[-1], "prior_val": area_ends[0]}
    return [
        Row(
            "level",
            (price > market) - (price < market),
            known_idx,
            known_idx,
            level=price,
            attrs={"name": name},
            event_us=event_us,
            known_us=window.starts_us,
        )
        for name, price in named.items()
    ]


def _untouched_pocs(
    joined: JoinedBars, history: pl.DataFrame, profiles: pl.DataFrame, window: SessionWindow
) -> list[Row]:
    """POCs of sessions before the prior one whose price no later bar of the history has held."""
    if not profiles.height or not history.height:
        return []
    last, known_idx = profiles["session"][-1], joined.first - 1
    pocs = profiles.filter(pl.col("is_poc") & (pl.col("session") != last))
    found: list[Row] = []
    for session, price, event_us in pocs.select(
        "session", "price_ticks", pl.col(EVENT_TS).dt.epoch("us")
    ).iter_rows():
        later = history.filter(pl.col("session") > session)
        held = (pl.col("low_ticks") <= price) & (pl.col("high_ticks") >= price)
        if later.height and later.filter(held).is_empty():
            market = joined.series.close[known_idx]
            found.append(
                Row(
                    "level",
                    (price > market) - (price < market),
                    known_idx,
                    known_idx,
                    level=price,
                    attrs={"name": "untouched_poc", "session": session},
                    event_us=event_us,
                    known_us=window.starts_us,
                )
            )
    return found


def _round_numbers(
    joined: JoinedBars,
    history: pl.DataFrame,
    window: SessionWindow,
    instrument: Instrument,
    params: LevelParams,
) -> list[Row]:
    """Multiples of a round step within the prior session's range of its last close.

    The step is the smallest 1, 2 or 5 times a power of ten that leaves at most ``rounds_in_range`` in
    that range; none where it is no whole number of ticks.
    """
    if not history.height:
        return []
    prior = history.filter(pl.col("session") == pl.col("session").last())
    highest, lowest = prior["high_ticks"].max(), prior["low_ticks"].min()
    reach = int(highest) - int(lowest)  # type: ignore[arg-type]
    step = _round_step(reach / params.rounds_in_range * instrument.tick_size, instrument.tick_size)
    if reach <= 0 or step is None:
        return []
    known_idx, market = joined.first - 1, joined.series.close[joined.first - 1]
    return [
        Row(
            "level",
            (price > market) - (price < market),
            known_idx,
            known_idx,
            level=price,
            attrs={"name": ROUND, "step_ticks": step},
            known_us=window.starts_us,
        )
        for price in range(-(-(market - reach) // step) * step, market + reach + 1, step)
    ]


def _round_step(least: float, tick: float) -> int | None:
    """Ticks of the smallest round price step of at least ``least``; None where it is off the grid."""
    if least <= 0:
        return None
    power = 10.0 ** floor(log10(least))
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= least * (1 - 1e-9))
    ticks = step / tick
    return round(ticks) if ticks >= 1 and abs(ticks - round(ticks)) < 1e-6 else None


def _opening_range(joined: JoinedBars, window: SessionWindow, params: LevelParams) -> list[Row]:
    """High and low of the first bars from the open, once a bar that ends it or later has closed."""
    end = window.open_us + params.opening_range_seconds * US_PER_SECOND
    if joined.known_us[-1] < end:
        return []
    own = range(joined.first, len(joined))
    inside = [i for i in own if joined.event_us[i] >= window.open_us and joined.known_us[i] <= end]
    if not inside:
        return []
    return _high_low(joined, inside, inside[-1], end, "opening_range", {"bars": len(inside)})
