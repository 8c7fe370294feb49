"""The running session on a live terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.errors import ExecutionError
from zanzibar_assets.execution.closing import close_positions, count_unresolved, flatten_time
from zanzibar_assets.execution.orders import Desk, Ticket, carry_out, decide, entry_id
from zanzibar_assets.execution.sending import send_intent
from zanzibar_assets.instruments import Instruments
from zanzibar_assets.vocabulary import OrderState, from_us, to_us


def run_live(
    desk: Desk,
    kept: pl.DataFrame,
    windows: Mapping[str, SessionWindow],
    instruments: Instruments,
    now_us: int | None,
) -> int:
    """Send the fresh signals and close what is due; the time of it. ExecutionError outside the session."""
    if now_us is None:
        raise ExecutionError("a live session needs the present time", expected="now_us")
    running = {n: w for n, w in windows.items() if w.starts_us <= now_us < w.close_us}
    if not running:
        raise ExecutionError(
            f"the live backend trades the running session only, not {desk.session}",
            got=from_us(now_us).isoformat(),
            action="use the simulated backend for past sessions",
        )
    unresolved = count_unresolved(desk, now_us)
    for row in kept.iter_rows(named=True):
        if row["instrument"] in running and to_us(row["known_at"]) <= now_us:
            unresolved += _live_signal(desk, row, running, instruments, now_us, unresolved)
    for name, window in running.items():
        if desk.config.execution.flatten_at_close and now_us >= flatten_time(desk.config, window, None):
            close_positions(desk, name, instruments, now_us, late=False)
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
