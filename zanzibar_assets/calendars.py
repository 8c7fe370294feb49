"""Trading sessions: exchange calendars, breaks, and which session an instant belongs to.

Sessions are keyed by the exchange's own session date (``YYYY-MM-DD``). What happens between the
previous session's close and a session's close belongs to that session; before its open it is
``pre_open``, inside a daily break ``break``. Calendars come from exchange_calendars (imported
here, lazily: it costs pandas), 24/7 ones are UTC days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import Break, Instrument
from zanzibar_assets.vocabulary import SessionState, to_us

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_YEAR = 2005
LAST_YEAR = 2037
CLOSES: dict[str, tuple[str, str]] = {
    "CMES": ("5 17 * * *", "America/Chicago"),
    "24/7": ("5 0 * * *", "UTC"),
}
"""Cron and zone shortly after each calendar's regular close; a tick asks the calendar itself."""


@dataclass(frozen=True, slots=True)
class SessionWindow:
    """One session in UTC microseconds: data of ``[starts_us, close_us)`` belongs to it.

    ``starts_us`` is the previous session's close, ``open_us`` the open; ``breaks`` are half-open
    intervals within ``[open_us, close_us)``.
    """

    session: str
    starts_us: int
    open_us: int
    close_us: int
    breaks: tuple[tuple[int, int], ...] = ()

    def state_at(self, stamp_us: int) -> SessionState:
        """Session state of an instant within the window."""
        if stamp_us < self.open_us:
            return SessionState.PRE_OPEN
        if any(start <= stamp_us < end for start, end in self.breaks):
            return SessionState.BREAK
        return SessionState.OPEN

    def states(self, stamps_us: NDArray[np.int64]) -> NDArray[np.str_]:
        """Vectorised ``state_at``."""
        import numpy as np

        states = np.full(len(stamps_us), SessionState.OPEN.value, dtype="U8")
        for start, end in self.breaks:
            states[(stamps_us >= start) & (stamps_us < end)] = SessionState.BREAK.value
        states[stamps_us < self.open_us] = SessionState.PRE_OPEN.value
        return states


@dataclass(frozen=True, slots=True)
class _Schedule:
    keys: tuple[str, ...]
    opens_us: NDArray[np.int64]
    closes_us: NDArray[np.int64]
    index: dict[str, int]


@cache
def _schedule(calendar: str) -> _Schedule:
    import exchange_calendars
    import numpy as np

    loaded: Any = exchange_calendars.get_calendar(
        calendar, start=f"{FIRST_YEAR}-01-01", end=f"{LAST_YEAR}-12-31"
    )
    schedule = loaded.schedule
    keys = tuple(schedule.index.strftime("%Y-%m-%d"))
    opens = schedule["open"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    closes = schedule["close"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    return _Schedule(keys, opens, closes, {key: i for i, key in enumerate(keys)})


def parse_session(text: str) -> str:
    """Session key of a date in ISO form; anything else is a UsageError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"{text!r} is no date", expected="YYYY-MM-DD") from None


def is_session(instrument: Instrument, session: str) -> bool:
    """True when the instrument's calendar trades on that session date."""
    return session in _schedule(instrument.calendar).index


def exchange_zone(instrument: Instrument) -> str:
    """Name of the time zone that the instrument's exchange keeps its hours in.

    Raises UsageError for a calendar whose zone is not written down.
    """
    if instrument.calendar not in CLOSES:
        raise UsageError(
            f"no time zone is known for calendar {instrument.calendar}", expected=", ".join(CLOSES)
        )
    return CLOSES[instrument.calendar][1]


def session_window(instrument: Instrument, session: str) -> SessionWindow:
    """Window of a session; UsageError when the calendar has no such session."""
    schedule = _schedule(instrument.calendar)
    position = schedule.index.get(session)
    if position is None:
        raise UsageError(f"{session} is no session of {instrument.id} ({instrument.calendar})")
    starts = int(schedule.closes_us[position - 1]) if position else int(schedule.opens_us[0])
    opens, closes = int(schedule.opens_us[position]), int(schedule.closes_us[position])
    return SessionWindow(session, starts, opens, closes, _breaks(instrument.breaks, opens, closes))


def _breaks(breaks: Iterable[Break], open_us: int, close_us: int) -> tuple[tuple[int, int], ...]:
    first = datetime.fromtimestamp(open_us // 1_000_000, tz=UTC).date() - timedelta(days=1)
    days = [first + timedelta(days=i) for i in range(5)]
    found: list[tuple[int, int]] = []
    for rule in breaks:
        zone = ZoneInfo(rule.zone)
        for day in days:
            if not rule.valid_from <= day <= rule.valid_until:
                continue
            start = to_us(datetime.combine(day, time.fromisoformat(rule.start), zone))
            end = to_us(datetime.combine(day, time.fromisoformat(rule.end), zone))
            start, end = max(start, open_us), min(end, close_us)
            if start < end:
                found.append((start, end))
    return tuple(sorted(found))


def session_at(instrument: Instrument, stamp_us: int) -> str:
    """Session key that an instant belongs to (a pre-open instant belongs to the next open)."""
    import numpy as np

    schedule = _schedule(instrument.calendar)
    position = int(np.searchsorted(schedule.closes_us, stamp_us, side="right"))
    if position >= len(schedule.keys) or stamp_us < schedule.opens_us[0]:
        raise UsageError(f"instant {stamp_us} us is outside calendar {instrument.calendar}")
    return schedule.keys[position]


def session_closes(instrument: Instrument) -> tuple[tuple[str, ...], NDArray[np.int64], int]:
    """Session keys, their closes (UTC microseconds, ascending) and the first session's open."""
    schedule = _schedule(instrument.calendar)
    return schedule.keys, schedule.closes_us, int(schedule.opens_us[0])


def sessions_between(instrument: Instrument, first: str, last: str) -> list[str]:
    """Session keys of the instrument's calendar from first to last, both included."""
    import bisect

    keys = _schedule(instrument.calendar).keys
    return list(keys[bisect.bisect_left(keys, first) : bisect.bisect_right(keys, last)])


def union_sessions(instruments: Sequence[Instrument], first: str, last: str) -> list[str]:
    """Sorted union of the instruments' session keys in a range: the partition keys."""
    found: set[str] = set()
    for instrument in instruments:
        found.update(sessions_between(instrument, first, last))
    return sorted(found)


def previous_sessions(instrument: Instrument, session: str, count: int) -> list[str]:
    """Up to ``count`` session keys strictly before ``session``, oldest first."""
    import bisect

    keys = _schedule(instrument.calendar).keys
    end = bisect.bisect_left(keys, session)
    return list(keys[max(0, end - count) : end])
