"""The execution op: takes a session's signals through gates and journal to the terminal.

On the simulated backend the session is replayed in time order on recorded quotes; on a live one
the running session's fresh signals are sent now. Called again with the same input it sends nothing
and returns the same tables; called again after a kill it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from zanzibar_assets.calendars import SessionWindow, is_session, session_window
from zanzibar_assets.config import Config
from zanzibar_assets.errors import ExecutionError
from zanzibar_assets.execution import tables
from zanzibar_assets.execution.journal import IntentJournal
from zanzibar_assets.execution.live import run_live
from zanzibar_assets.execution.orders import Desk
from zanzibar_assets.execution.port import TerminalPort
from zanzibar_assets.execution.replay import replay_session
from zanzibar_assets.execution.tape import QuoteTape
from zanzibar_assets.instruments import Instruments
from zanzibar_assets.vocabulary import SignalStatus, to_us


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
        end_us = run_live(desk, kept, windows, instruments, now_us)
    else:
        end_us = replay_session(desk, kept, windows, instruments, quotes, to_us(broker_status["as_of"][0]))
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
