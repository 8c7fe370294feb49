"""Which contract is in front on a session, and the file name it gives.

The calendar rule: from ``days_before_expiry`` days before a contract's expiry on, the next contract
of the cycle is in front.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Final

from zanzibar_assets.calendars import sessions_between
from zanzibar_assets.errors import ConfigError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.options import shape_of

MONTH_LETTERS: Final = "FGHJKMNQUVXZ"


def third_friday(year: int, month: int) -> date:
    """Third Friday of a month: expiry of the index futures."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


@cache
def _cycle(months: str, year: int) -> tuple[tuple[date, str], ...]:
    return tuple(
        (third_friday(year, MONTH_LETTERS.index(letter) + 1), f"{letter}{year % 100:02d}")
        for letter in sorted(months)
    )


def contract_of(instrument: Instrument, session: str) -> str | None:
    """Front contract such as ``H25`` of a session, None where nothing expires."""
    roll = instrument.roll
    if roll.rule == "none":
        return None
    if roll.expiry != "third_friday":
        raise ConfigError(
            f"{instrument.id} cannot be simulated with its roll rule",
            expected="expiry third_friday",
            got=roll.expiry,
        )
    day = date.fromisoformat(session)
    ahead = _cycle(roll.months, day.year) + _cycle(roll.months, day.year + 1)
    return next(name for expiry, name in ahead if day < expiry - timedelta(days=roll.days_before_expiry))


def contracts_between(instrument: Instrument, old: str | None, new: str | None) -> int:
    """How many rolls lead from one contract to another; 0 when there is none."""
    if old is None or new is None:
        return 0
    letters = sorted(instrument.roll.months)
    return _rank(new, letters) - _rank(old, letters)


def _rank(contract: str, letters: list[str]) -> int:
    return int(contract[1:]) * len(letters) + letters.index(contract[0])


def next_contract(instrument: Instrument, session: str, sessions: int) -> str | None:
    """The contract that comes into front within that many sessions; None when none does."""
    front = contract_of(instrument, session)
    if front is None or sessions == 0:
        return None
    horizon = (date.fromisoformat(session) + timedelta(days=2 * sessions + 14)).isoformat()
    ahead = sessions_between(instrument, session, horizon)[1 : sessions + 1]
    later = (contract_of(instrument, key) for key in ahead)
    return next((contract for contract in later if contract != front), None)


def symbol_of(instrument: Instrument, contract: str | None) -> str:
    """Sierra symbol of the instrument's contract; ConfigError when no source pattern takes it."""
    symbol = shape_of(instrument.id, instrument.simulated).symbol.format(contract=contract or "")
    if instrument.source_of(symbol) is None:
        raise ConfigError(
            f"simulated symbol {symbol} feeds no source of {instrument.id}",
            expected=" or ".join(source.pattern for source in instrument.sources),
            action="mend the instrument's source pattern",
        )
    return symbol
