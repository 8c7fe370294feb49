"""The session's clock: seconds of the session, when it trades, how busy and how volatile it is.

One grid step is one second from the session's open to its close. Two profiles lie on it: activity
(where events fall; sums to one) and variance (the share of a quiet day's variance that a second
carries); both are zero inside breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.simulator.options import MarketShape
from zanzibar_assets.simulator.streams import stream
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState, to_us

Floats = NDArray[np.float64]

NEW_YORK: Final = ZoneInfo("America/New_York")
CASH_OPEN: Final = time(9, 30)
CASH_CLOSE: Final = time(16, 0)
NEWS: Final = (("CPI", time(8, 30)), ("NFP", time(8, 30)), ("FOMC", time(14, 0)))
NEWS_DECAY_S: Final = 900.0
NEWS_VARIANCE: Final = 14.0
NEWS_ACTIVITY: Final = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """A scheduled release: its name and its instant."""

    name: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Clock:
    """Second grid of one session; ``main_us`` are the main hours ``[open, close)``."""

    window: SessionWindow
    main_us: tuple[int, int]
    news: News | None
    activity: Floats
    variance: Floats

    @property
    def seconds(self) -> int:
        """Length of the grid."""
        return len(self.activity)

    @property
    def in_main_hours(self) -> NDArray[np.bool_]:
        """Which seconds lie in the main hours."""
        at_us = self.window.open_us + np.arange(self.seconds, dtype=np.int64) * US_PER_SECOND
        return np.asarray((at_us >= self.main_us[0]) & (at_us < self.main_us[1]))


def main_hours(session: str) -> tuple[int, int]:
    """New York's cash hours on the session date: the busiest part of every simulated session."""
    day = date.fromisoformat(session)
    return (
        to_us(datetime.combine(day, CASH_OPEN, NEW_YORK)),
        to_us(datetime.combine(day, CASH_CLOSE, NEW_YORK)),
    )


def news_of(seed: int, session: str, probability: float) -> News | None:
    """The session date's release, the same for every instrument; none on weekends."""
    draws = stream(seed, "news", session)
    happens, which = draws.random(), int(draws.integers(len(NEWS)))
    day = date.fromisoformat(session)
    if happens >= probability or day.weekday() >= 5:
        return None
    name, at = NEWS[which]
    return News(name, to_us(datetime.combine(day, at, NEW_YORK)))


def build_clock(window: SessionWindow, shape: MarketShape, news: News | None) -> Clock:
    """Grid of a session with its two profiles: U-shaped main hours over a quieter rest.

    A release outside trading is none of the session's: its clock then has no news.
    """
    count = (window.close_us - window.open_us) // US_PER_SECOND
    at_us = window.open_us + np.arange(count, dtype=np.int64) * US_PER_SECOND
    main = main_hours(window.session)
    trading = np.ones(count)
    for start, end in window.breaks:
        trading[(at_us >= start) & (at_us < end)] = 0.0
    quiet = (0.55, 0.45) if shape.around_the_clock else (0.16, 0.12)
    activity = _u_shape(at_us, main, quiet[0]) * trading
    variance = _u_shape(at_us, main, quiet[1]) * trading
    # A quiet day's variance sums to one; a release comes on top of it.
    day_sum = variance.sum()
    if news is not None and not _trades_at(news, window):
        news = None
    if news is not None:
        since_s = (at_us - news.at_us) / US_PER_SECOND
        burst = np.where(since_s >= 0, np.exp(-np.maximum(since_s, 0.0) / NEWS_DECAY_S), 0.0) * trading
        activity += NEWS_ACTIVITY * activity.mean() * burst
        variance += NEWS_VARIANCE * variance.mean() * burst
    return Clock(window, main, news, activity / activity.sum(), variance / day_sum)


def _trades_at(news: News, window: SessionWindow) -> bool:
    """Is the session open at the release? On short days a late one finds the market closed."""
    inside = window.open_us <= news.at_us < window.close_us
    return inside and window.state_at(news.at_us) is SessionState.OPEN


def _u_shape(at_us: NDArray[np.int64], main: tuple[int, int], quiet: float) -> Floats:
    """Relative intensity: ``quiet`` outside main hours, a U with a high open inside them."""
    place = (at_us - main[0]) / (main[1] - main[0])
    inside = (place >= 0.0) & (place < 1.0)
    u_form = 0.75 + 1.5 * (2.0 * place - 1.0) ** 2 + 1.5 * np.exp(-np.maximum(place, 0.0) / 0.05)
    # A hump of European hours, centred five hours before New York's open.
    europe = 1.0 + 1.2 * np.exp(-(((at_us - main[0]) / 3.6e9 + 5.0) ** 2) / 4.0)
    return np.asarray(np.where(inside, u_form, quiet * europe), dtype=np.float64)
