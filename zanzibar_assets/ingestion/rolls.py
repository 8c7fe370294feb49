"""Futures contracts: month codes, expiries and the front contract of a session."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

from zanzibar_assets.calendars import sessions_between
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import from_us

MONTH_CODES = "FGHJKMNQUVXZ"
"""January to December in the exchanges' code letters."""
_CODE = re.compile(rf"(?P<month>[{MONTH_CODES}])(?P<year>\d{{1,2}})(?=[-.]|$)")


def contract_of(symbol: str, instrument: Instrument, first_stamp_us: int | None) -> str | None:
    """Contract code with a two-digit year (``H24``) of a Sierra symbol; None without expiry.

    A one-digit year (``NQU6.CME``) is completed from the file's first stamp: the first such
    contract that expires after it. None when the symbol names no contract or that stamp is missing.
    """
    if instrument.roll.rule == "none":
        return None
    found = _CODE.search(symbol)
    if not found:
        return None
    month, year = found["month"], found["year"]
    if len(year) == 2:
        return month + year
    if first_stamp_us is None:
        return None
    start = from_us(first_stamp_us).date()
    years = (start.year + step for step in range(11))
    matching = (y for y in years if y % 10 == int(year) and expiry_of(month, y, instrument) >= start)
    return f"{month}{next(matching) % 100:02d}"


def front_contract(instrument: Instrument, session: str) -> str | None:
    """Contract to trade in a session: the nearest whose roll day lies after it; None without expiry.

    The roll day is ``days_before_expiry`` calendar days before the expiry of the roll rule.
    """
    if instrument.roll.rule == "none":
        return None
    day = date.fromisoformat(session)
    lead = timedelta(days=instrument.roll.days_before_expiry)
    for year in (day.year, day.year + 1):
        for month in sorted(instrument.roll.months, key=MONTH_CODES.index):
            if day < expiry_of(month, year, instrument) - lead:
                return f"{month}{year % 100:02d}"
    raise AssertionError("a year always holds a contract month")


@lru_cache(maxsize=1024)
def _sessions_of_month(instrument: Instrument, year: int, month: int) -> tuple[str, ...]:
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).isoformat()
    return tuple(sessions_between(instrument, f"{year}-{month:02d}-01", last))


def expiry_of(month_code: str, year: int, instrument: Instrument) -> date:
    """Expiry date of a contract month by the instrument's rule.

    ``third_last_business_day`` counts the calendar's own sessions; outside the calendar's years it
    counts weekdays.
    """
    month = MONTH_CODES.index(month_code) + 1
    first = date(year, month, 1)
    if instrument.roll.expiry == "third_friday":
        return first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    sessions = _sessions_of_month(instrument, year, month)
    if len(sessions) >= 3:
        return date.fromisoformat(sessions[-3])
    following = date(year + month // 12, month % 12 + 1, 1)
    weekdays = [following - timedelta(days=back) for back in range(1, 8)]
    return [day for day in weekdays if day.weekday() < 5][2]
