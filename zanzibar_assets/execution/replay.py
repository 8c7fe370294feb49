"""A session replayed on the simulated terminal, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

import polars as pl

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.execution.closing import (
    close_positions,
    count_unresolved,
    flatten_time,
    settle_leftover,
)
from zanzibar_assets.execution.orders import Desk, Ticket, carry_out, decide, entry_id
from zanzibar_assets.execution.port import TerminalPort
from zanzibar_assets.execution.tape import QuoteTape
from zanzibar_assets.instruments import Instruments
from zanzibar_assets.vocabulary import from_us, to_us


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


def replay_session(
    desk: Desk,
    kept: pl.DataFrame,
    windows: Mapping[str, SessionWindow],
    instruments: Instruments,
    quotes: QuoteTape,
    idle_us: int,
) -> int:
    """Replay the kept signals; the end of the session (``idle_us`` when no instrument trades)."""
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
            close_positions(desk, name, instruments, stamp, late=late)
        elif row["instrument"] in windows:
            ticket = _ticket(row, stamp, windows, flatten, instruments, quotes)
            _replay_signal(desk, ticket, terminal.clock_us if late else None)
    ends = [w.close_us for w in windows.values()]
    end_us = max(ends) if ends else idle_us
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
        settle_leftover(desk, held, clock_us is not None)
        return
    late = None
    if clock_us is not None:
        late = f"the simulated account's clock already stands at {from_us(clock_us).isoformat()}"
    carry_out(desk, decide(desk, ticket, count_unresolved(desk, ticket.now_us), late))
