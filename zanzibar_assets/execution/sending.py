"""Sending one journalled intent, and finding out what became of one whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from zanzibar_assets.errors import TerminalError
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.journal import Intent, IntentJournal
from zanzibar_assets.execution.port import TerminalPort
from zanzibar_assets.execution.server_clock import server_us
from zanzibar_assets.execution.sizing import exact
from zanzibar_assets.vocabulary import US_PER_SECOND, OrderState

_NEVER_LEFT = (mt5.RES_E_INVALID_PARAMS, mt5.RES_E_INTERNAL_FAIL_CONNECT, mt5.RES_E_AUTO_TRADING_DISABLED)
"""Errors after which a request certainly did not reach a server."""
_UNSURE = (
    mt5.TRADE_RETCODE_PLACED,
    mt5.TRADE_RETCODE_ERROR,
    mt5.TRADE_RETCODE_TIMEOUT,
    mt5.TRADE_RETCODE_CONNECTION,
)
"""Codes after which the order may or may not live."""
_DAY_S = 86_400


def send_intent(journal: IntentJournal, terminal: TerminalPort, intent: Intent) -> Intent:
    """Send an intent that stands as SENDING in the journal and write the outcome.

    An exception of the terminal leaves the intent UNKNOWN (the server may have filled it) and
    goes on up: the next run reconciles before it sends anything.
    """
    answered = False
    try:
        result = terminal.order_send(intent.request)
        error = terminal.last_error() if result is None else (mt5.RES_S_OK, "")
        answered = True
    finally:
        if not answered:
            reason = "the terminal raised an error while sending: the outcome is unknown"
            journal.update(replace(intent, state=OrderState.UNKNOWN.value, reason=reason))
    outcome = _outcome(intent, result, error)
    journal.update(outcome)
    return outcome


def _outcome(intent: Intent, result: Any, error: tuple[int, str]) -> Intent:
    if result is None:
        never = error[0] in _NEVER_LEFT
        state = OrderState.REJECTED if never else OrderState.UNKNOWN
        return replace(intent, state=state.value, reason=f"no answer: {error[0]} {error[1]}")
    code = int(result.retcode)
    said = f"{code} {result.comment}"
    if code in _UNSURE:
        return replace(intent, state=OrderState.UNKNOWN.value, retcode=code, reason=said)
    if code not in (mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_DONE_PARTIAL):
        return replace(intent, state=OrderState.REJECTED.value, retcode=code, reason=said)
    partial = code == mt5.TRADE_RETCODE_DONE_PARTIAL
    held = intent.request.get("position") or int(result.order)
    return replace(
        intent,
        state=(OrderState.PARTIAL if partial else OrderState.FILLED).value,
        retcode=code,
        order_ticket=int(result.order),
        deal_ticket=int(result.deal),
        fill_price=float(result.price),
        volume_lots=float(result.volume),
        position_id=int(held),
    )


def deals_between(terminal: TerminalPort, from_us: int, to_us: int) -> tuple[Any, ...]:
    """Deals from a day before ``from_us`` to a day after ``to_us``; a failed query is an error."""
    start = max(1, server_us(from_us) // US_PER_SECOND - _DAY_S)
    stop = server_us(to_us) // US_PER_SECOND + _DAY_S
    found = terminal.history_deals_get(start, stop)
    if found is None:
        code, text = terminal.last_error()
        raise TerminalError("the terminal does not report its deals", got=f"{code} {text}")
    return found


def look_up(terminal: TerminalPort, intent: Intent, now_us: int) -> Intent | None:
    """The intent as its deals show it, found by magic and comment tag; None when none carries them."""
    magic = intent.request.get("magic")
    deals = [
        deal
        for deal in deals_between(terminal, intent.decided_us, max(now_us, intent.decided_us))
        if deal.comment == intent.tag and deal.magic == magic
    ]
    return _from_deals(intent, deals) if deals else None


def _from_deals(intent: Intent, deals: Sequence[Any]) -> Intent:
    volume = sum((exact(d.volume) for d in deals), exact(0.0))
    paid = sum((exact(d.volume) * exact(d.price) for d in deals), exact(0.0))
    whole = volume >= exact(intent.request["volume"])
    return replace(
        intent,
        state=(OrderState.FILLED if whole else OrderState.PARTIAL).value,
        retcode=mt5.TRADE_RETCODE_DONE if whole else mt5.TRADE_RETCODE_DONE_PARTIAL,
        order_ticket=int(deals[0].order),
        deal_ticket=int(deals[0].ticket),
        fill_price=float(paid / volume),
        volume_lots=float(volume),
        position_id=int(deals[0].position_id),
        reason="found by its tag after an unknown outcome",
    )


def still_alive(terminal: TerminalPort, intent: Intent) -> bool:
    """True when a live order or position carries the intent's tag; a failed query counts as alive."""
    for query in (terminal.orders_get, terminal.positions_get):
        found = query()
        if found is None or any(item.comment == intent.tag for item in found):
            return True
    return False


def reconcile(
    journal: IntentJournal, terminal: TerminalPort, account: str, now_us: int, grace_seconds: int
) -> list[Intent]:
    """Resolve SENDING and UNKNOWN intents by tag; those that stay unknown.

    An intent without a trace is rejected only when it is older than the grace and every query
    answered. On a simulated terminal, whose state is transactional, nothing is left to chance:
    its unresolved intents are returned at once for the caller to repeat or drop.
    """
    unknown = []
    for intent in journal.unresolved(account):
        found = look_up(terminal, intent, now_us)
        if found is not None:
            journal.update(found)
            continue
        old = now_us - intent.decided_us > grace_seconds * US_PER_SECOND
        if old and not terminal.simulated and not still_alive(terminal, intent):
            reason = "no deal, order or position carries its tag: it never reached the market"
            journal.update(replace(intent, state=OrderState.REJECTED.value, reason=reason))
            continue
        unknown.append(intent)
    return unknown
