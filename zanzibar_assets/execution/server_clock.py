"""The trade server's clock: New York + 7 hours, written as epoch seconds.

Everything the terminal calls time is server wall clock (GMT+2 in winter, GMT+3 in summer, by the
US dates). Inside we hold true UTC microseconds and convert at the port.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from zanzibar_assets.vocabulary import US_PER_SECOND, from_us

_NEW_YORK = ZoneInfo("America/New_York")
_AHEAD = timedelta(hours=7)
_US_PER_HOUR = 3_600 * US_PER_SECOND


@cache
def _offset_of_hour(hour: int) -> int:
    moment = from_us(hour * _US_PER_HOUR)
    shift = moment.astimezone(_NEW_YORK).utcoffset()
    if shift is None:  # a ZoneInfo always knows its offset
        raise ValueError(f"no offset for {moment}")
    return round((shift + _AHEAD).total_seconds())


def offset_seconds(utc_us: int) -> int:
    """Seconds by which the server clock is ahead of UTC at an instant (7200 or 10800)."""
    return _offset_of_hour(utc_us // _US_PER_HOUR)


def server_us(utc_us: int) -> int:
    """Server wall clock as microseconds since 1970 of a true UTC instant."""
    return utc_us + offset_seconds(utc_us) * US_PER_SECOND


def utc_us(server_stamp_us: int) -> int:
    """True UTC of a server stamp; in the repeated hour of autumn the later of the two instants."""
    for ahead in (7_200, 10_800):
        candidate = server_stamp_us - ahead * US_PER_SECOND
        if offset_seconds(candidate) == ahead:
            return candidate
    # the hour that spring skips: read with the winter offset
    return server_stamp_us - 7_200 * US_PER_SECOND


def server_weekday(utc_stamp_us: int) -> int:
    """Weekday of the server clock, Monday = 0."""
    return datetime.fromtimestamp(server_us(utc_stamp_us) // US_PER_SECOND, tz=UTC).weekday()


def end_of_server_day(utc_stamp_us: int) -> int:
    """True UTC of the next server midnight."""
    day = 86_400 * US_PER_SECOND
    return utc_us((server_us(utc_stamp_us) // day + 1) * day)
