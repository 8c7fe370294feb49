"""The execution op: takes a session's signals through gates and journal to the terminal.

On the simulated backend the session is replayed in time order on recorded quotes; on a live one
the running session's fresh signals are sent now. Called again with the same input it sends nothing
and returns the same tables; called again after a kill it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import polars as pl

from zanzibar_assets.calendars import SessionWindow, is_session, session_window
from zanzibar_assets.config import Config
from zanzibar_assets.errors import ExecutionError
from zanzibar_assets.execution import tables
from zanzibar_assets.execution.journal import Intent, IntentJournal
from zanzibar_assets.execution.orders import (
    EXIT,
    Desk,
    Ticket,
    carry_out,
    close_position,
    decide,
    entry_id,
)
from zanzibar_assets.execution.port import TerminalPort
from zanzibar_assets.execution.sending import reconcile, send_intent
from zanzibar_assets.execution.tape import QuoteTape
from zanzibar_assets.instruments import Instruments
from zanzibar_assets.vocabulary import US_PER_SECOND, OrderState, SignalStatus, from_us, to_us

_OPEN_STATES = (OrderState.FILLED.value, OrderState.PARTIAL.value)


class ReplayPort(TerminalPort, Protocol):
    """A terminal whose market is replayed."""

    @property
    def clock_us(self) -> int:
        """The server's clock in true UTC microseconds."""
        ...

    def attach(self, tape: QuoteTape) -> None:
        """Replay this tape from the clock on."""
        ...

    def advance_to(self, stamp_us: int) -> None:
        """Move the clock to an instant."""
        ...


@dataclass(frozen=True, slots=True)
class Executed:
    """Tables of one session of the account."""

    orders: pl.DataFrame
    fills: pl.DataFrame
    account_state: pl.DataFrame


def execute_session(
    signals: pl.DataFrame,
    broker_status: pl.DataFrame,
    quotes: QuoteTape,
    session: str,
    instruments: Instruments,
    config: Config,
    journal: IntentJournal,
    terminal: TerminalPort,
    *,
    now_us: int | None = None,
) -> Executed:
    """Execute a session's kept signals and report orders, fills and the account.

    ``quotes`` is the session's tape (simulated backend); ``now_us`` the time (live backend only).
    Raises ExecutionError when the terminal is another one than ``broker_status`` shows, or when a
    live backend is asked for a session that is not running.
    """
    live = not terminal.simulated
    windows = _windows(signals, quotes, session, instruments)
    _same_account(broker_status, terminal)
    kept = signals.filter(pl.col("status") == SignalStatus.KEPT.value).sort("known_at", "signal_id")
    balance = float(terminal.account_info().balance)
    start = journal.start_session(config.execution.account, session, balance)
    desk = Desk(config, journal, terminal, session, start, live)
    if live:
        end_us = _run_live(desk, kept, windows, instruments, now_us)
    else:
        end_us = _replay(desk, kept, windows, instruments, quotes, broker_status)
    return _report(desk, windows, end_us)


def _windows(
    signals: pl.DataFrame, quotes: QuoteTape, session: str, instruments: Instruments
) -> dict[str, SessionWindow]:
    names = set(signals["instrument"].to_list()) | {t.instrument for t in quotes.symbols.values()}
    trading = [instruments[name] for name in sorted(names)]
    return {i.id: session_window(i, session) for i in trading if is_session(i, session)}


def _same_account(broker_status: pl.DataFrame, terminal: TerminalPort) -> None:
    account = terminal.account_info()
    if account is None:
        code, text = terminal.last_error()
        raise ExecutionError("the terminal does not report its account", got=f"{code} {text}")
    seen = broker_status.filter(pl.col("item") == "account")["login"].to_list()
    if seen != [account.login]:
        raise ExecutionError(
            "the terminal is logged in to another account than broker_status shows",
            expected=f"login {seen}",
            got=f"login {account.login}",
            action="materialize broker_status again, then execute",
        )


def flatten_time(config: Config, window: SessionWindow, last_quote_us: int | None) -> int:
    """When positions are closed: before the close, or at the last quote of a tape that ends earlier."""
    if not config.execution.flatten_at_close:
        return window.close_us
    planned = window.close_us - config.execution.flatten_seconds_before_close * US_PER_SECOND
    return planned if last_quote_us is None else min(planned, last_quote_us)


# -- simulated backend -----------------------------------------------------------------------


def _replay(
    desk: Desk,
    kept: pl.DataFrame,
    windows: Mapping[str, SessionWindow],
    instruments: Instruments,
    quotes: QuoteTape,
    broker_status: pl.DataFrame,
) -> int:
    terminal = cast(ReplayPort, desk.terminal)
    terminal.attach(quotes)
    flatten = {}
    for name, window in windows.items():
        tape = quotes.of_instrument(name)
        last = int(tape.times_us[-1]) if tape is not None and len(tape.times_us) else None
        flatten[name] = flatten_time(desk.config, window, last)
    latency = desk.config.execution.latency_ms * 1_000
    events: list[tuple[int, int, str, dict[str, Any]]] = []
    for row in kept.iter_rows(named=True):
        events.append((to_us(row["known_at"]) + latency, 1, row["signal_id"], row))
    if desk.config.execution.flatten_at_close:
        events.extend((stamp, 0, name, {}) for name, stamp in flatten.items())
    for stamp, kind, name, row in sorted(events, key=lambda event: event[:3]):
        late = terminal.clock_us > stamp
        if not late:
            terminal.advance_to(stamp)
        if kind == 0:
            _flatten(desk, name, instruments, stamp, late=late)
        elif row["instrument"] in windows:
            ticket = _ticket(row, stamp, windows, flatten, instruments, quotes)
            _replay_signal(desk, ticket, terminal.clock_us if late else None)
    ends = [w.close_us for w in windows.values()]
    end_us = max(ends) if ends else to_us(broker_status["as_of"][0])
    if end_us > terminal.clock_us:
        terminal.advance_to(end_us)
    return end_us


def _ticket(
    row: dict[str, Any],
    stamp: int,
    windows: Mapping[str, SessionWindow],
    flatten: Mapping[str, int],
    instruments: Instruments,
    quotes: QuoteTape,
) -> Ticket:
    name = row["instrument"]
    tape = quotes.of_instrument(name)
    known = tape.index_at(to_us(row["known_at"])) if tape is not None else -1
    sent = tape.index_at(stamp) if tape is not None else -1
    reference = None
    if tape is not None and known >= 0:
        reference = float((tape.ask if row["dir"] > 0 else tape.bid)[known])
    assumed = bool(tape.assumed[sent]) if tape is not None and sent >= 0 else True
    return Ticket(row, instruments[name], windows[name], stamp, flatten[name], reference, assumed)


def _replay_signal(desk: Desk, ticket: Ticket, clock_us: int | None) -> None:
    """Decide and send one signal unless the journal already knows it; ``clock_us``: it is too late."""
    held = desk.journal.get(entry_id(desk, ticket))
    if held is not None:
        _resolve_simulated(desk, held, clock_us is not None)
        return
    late = None
    if clock_us is not None:
        late = f"the simulated account's clock already stands at {from_us(clock_us).isoformat()}"
    carry_out(desk, decide(desk, ticket, _unresolved(desk, ticket.now_us), late))


def _unresolved(desk: Desk, now_us: int) -> int:
    grace = desk.config.execution.unknown_grace_seconds
    return len(reconcile(desk.journal, desk.terminal, desk.account, now_us, grace))


def _resolve_simulated(desk: Desk, held: Intent, late: bool) -> None:
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


def _flatten(desk: Desk, name: str, instruments: Instruments, now_us: int, *, late: bool) -> None:
    """Close what this session's intents opened in an instrument; when ``late`` only settle its exits."""
    symbol_name = instruments[name].mt5.symbol
    entries = {
        intent.position_id: intent
        for intent in desk.journal.of_session(desk.account, desk.session)
        if intent.leg != EXIT and intent.state in _OPEN_STATES
    }
    for held in desk.journal.of_session(desk.account, desk.session):
        if held.leg == EXIT and held.instrument == name:
            _resolve_simulated(desk, held, late or desk.live)
    if late:
        return
    for position in desk.terminal.positions_get(symbol=symbol_name) or ():
        entry = entries.get(position.identifier)
        tick, symbol = desk.terminal.symbol_info_tick(symbol_name), desk.terminal.symbol_info(symbol_name)
        if entry is not None and tick is not None and symbol is not None:
            close_position(desk, entry, position, symbol, tick, now_us)


# -- live backend ----------------------------------------------------------------------------


def _run_live(
    desk: Desk,
    kept: pl.DataFrame,
    windows: Mapping[str, SessionWindow],
    instruments: Instruments,
    now_us: int | None,
) -> int:
    if now_us is None:
        raise ExecutionError("a live session needs the present time", expected="now_us")
    running = {n: w for n, w in windows.items() if w.starts_us <= now_us < w.close_us}
    if not running:
        raise ExecutionError(
            f"the live backend trades the running session only, not {desk.session}",
            got=from_us(now_us).isoformat(),
            action="use the simulated backend for past sessions",
        )
    unresolved = _unresolved(desk, now_us)
    for row in kept.iter_rows(named=True):
        if row["instrument"] in running and to_us(row["known_at"]) <= now_us:
            unresolved += _live_signal(desk, row, running, instruments, now_us, unresolved)
    for name, window in running.items():
        if desk.config.execution.flatten_at_close and now_us >= flatten_time(desk.config, window, None):
            _flatten(desk, name, instruments, now_us, late=False)
    return now_us


def _live_signal(
    desk: Desk,
    row: dict[str, Any],
    windows: Mapping[str, SessionWindow],
    instruments: Instruments,
    now_us: int,
    unresolved: int,
) -> int:
    """Send one live signal; 1 when its outcome is unknown, else 0. A blocked one is asked again."""
    window = windows[row["instrument"]]
    flatten_us = flatten_time(desk.config, window, None)
    ticket = Ticket(row, instruments[row["instrument"]], window, now_us, flatten_us, None, False)
    held = desk.journal.get(entry_id(desk, ticket))
    if held is not None and held.state != OrderState.BLOCKED.value:
        return 0
    intent = decide(desk, ticket, unresolved)
    if held is not None:
        desk.journal.update(intent)
        done = intent
        if intent.state == OrderState.SENDING.value:
            done = send_intent(desk.journal, desk.terminal, intent)
    else:
        done = carry_out(desk, intent)
    return int(done.state == OrderState.UNKNOWN.value)


# -- tables ----------------------------------------------------------------------------------


def _report(desk: Desk, windows: Mapping[str, SessionWindow], end_us: int) -> Executed:
    intents = desk.journal.of_session(desk.account, desk.session)
    start_us = min((w.starts_us for w in windows.values()), default=end_us)
    fills = tables.fills_frame(desk, intents, start_us, end_us)
    state = None if desk.live else desk.journal.closed_state(desk.account, desk.session)
    if state is None:
        state = tables.account_state(desk, fills, end_us)
        if not desk.live:
            desk.journal.close_session(desk.account, desk.session, state)
    return Executed(tables.orders_frame(intents), fills, tables.account_frame(state))
