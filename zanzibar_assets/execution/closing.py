"""What both backends share: leftovers of killed runs, and closing at the session's end."""

from __future__ import annotations

from dataclasses import replace

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config
from zanzibar_assets.execution.journal import Intent
from zanzibar_assets.execution.orders import EXIT, Desk, close_position
from zanzibar_assets.execution.sending import reconcile, send_intent
from zanzibar_assets.instruments import Instruments
from zanzibar_assets.vocabulary import US_PER_SECOND, OrderState

_OPEN_STATES = (OrderState.FILLED.value, OrderState.PARTIAL.value)


def flatten_time(config: Config, window: SessionWindow, last_quote_us: int | None) -> int:
    """When positions are closed: before the close, or at the last quote of a tape that ends earlier."""
    if not config.execution.flatten_at_close:
        return window.close_us
    planned = window.close_us - config.execution.flatten_seconds_before_close * US_PER_SECOND
    return planned if last_quote_us is None else min(planned, last_quote_us)


def count_unresolved(desk: Desk, now_us: int) -> int:
    """Reconcile by tag; how many intents still have an unknown outcome."""
    grace = desk.config.execution.unknown_grace_seconds
    return len(reconcile(desk.journal, desk.terminal, desk.account, now_us, grace))


def settle_leftover(desk: Desk, held: Intent, late: bool) -> None:
    """An intent that a killed run left behind: found by its tag, repeated at its own time, or dropped.

    The simulated terminal writes a fill in the same transaction as its clock, so a missing deal was
    certainly never made.
    """
    if held.state not in (OrderState.SENDING.value, OrderState.UNKNOWN.value):
        return
    left = reconcile(desk.journal, desk.terminal, desk.account, held.decided_us, 0)
    if held.intent_id not in {intent.intent_id for intent in left}:
        return
    if not late:
        send_intent(desk.journal, desk.terminal, held)
        return
    reason = "the order never reached the simulated terminal and its time has passed"
    desk.journal.update(replace(held, state=OrderState.REJECTED.value, reason=reason))


def close_positions(desk: Desk, name: str, instruments: Instruments, now_us: int, *, late: bool) -> None:
    """Close what this session's intents opened in an instrument; when ``late`` only settle its exits."""
    symbol_name = instruments[name].mt5.symbol
    entries = {
        intent.position_id: intent
        for intent in desk.journal.of_session(desk.account, desk.session)
        if intent.leg != EXIT and intent.state in _OPEN_STATES
    }
    for held in desk.journal.of_session(desk.account, desk.session):
        if held.leg == EXIT and held.instrument == name:
            settle_leftover(desk, held, late or desk.live)
    if late:
        return
    for position in desk.terminal.positions_get(symbol=symbol_name) or ():
        entry = entries.get(position.identifier)
        tick, symbol = desk.terminal.symbol_info_tick(symbol_name), desk.terminal.symbol_info(symbol_name)
        if entry is not None and tick is not None and symbol is not None:
            close_position(desk, entry, position, symbol, tick, now_us)
