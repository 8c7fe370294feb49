"""A desk for tests: SIM_ES on a March session, hand-made quotes, signals and a fresh home."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from zanzibar_assets.calendars import session_window
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.execution.broker import build_broker_status
from zanzibar_assets.execution.journal import IntentJournal
from zanzibar_assets.execution.session import execute_session
from zanzibar_assets.execution.simulated.terminal import open_simulated
from zanzibar_assets.execution.tape import QUOTE_SCHEMA, QuoteTape
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import to_us

INSTRUMENTS = load_instruments()
ES = INSTRUMENTS["SIM_ES"]
SESSION = "2024-03-05"
WINDOW = session_window(ES, SESSION)
NOON = datetime(2024, 3, 5, 15, tzinfo=UTC)
SECOND = 1_000_000


def config(home, **execution):
    """Configuration with a home folder of its own."""
    return Config(home=home, execution=execution)


def at(seconds):
    """Instant ``seconds`` after noon (UTC us)."""
    return to_us(NOON) + round(seconds * SECOND)


def quotes(points, instrument=ES, assumed=False, every=30.0):
    """Tape through (seconds, bid) points, repeated every 30 s so that it never goes stale."""
    rows, spread = [], 0.25
    for (start, bid), (stop, _) in zip(points, [*points[1:], (points[-1][0] + 1, 0.0)], strict=True):
        moments = [start + k * every for k in range(int((stop - start - 1e-9) // every) + 1)]
        rows += [
            (at(s), instrument.id, instrument.mt5.symbol, bid, bid + spread, bid, bid, assumed)
            for s in moments
        ]
    return QuoteTape.from_frames([pl.DataFrame(rows, schema=QUOTE_SCHEMA, orient="row")])


def signal(seconds=60.0, direction=1, **changes):
    """One kept rules signal of SIM_ES: stop 5 points, target 10 points, risk 0.1 %."""
    known = NOON + timedelta(seconds=seconds)
    row = {
        "event_ts": known - timedelta(seconds=60),
        "known_at": known,
        "signal_id": f"s{seconds:g}{direction}",
        "instrument": ES.id,
        "source": "poi",
        "dir": direction,
        "entry": 5_000.0,
        "stop_distance_ticks": 20,
        "target_distance_ticks": 40,
        "stop_distance": 5.0,
        "target_distance": 10.0,
        "expires_at": known + timedelta(seconds=900),
        "risk_pct": 0.1,
        "score": 0.7,
        "model_id": None,
        "approved": True,
        "status": "kept",
        "reason": "kept: touch of a point of interest (rules)",
        "evidence": "{}",
        "simulated": True,
    }
    return row | changes


def signals(*rows):
    """Signals frame of rows."""
    if not rows:
        return empty("signals")
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    return conform("signals", frame.sort("known_at"))


class Run:
    """Opens terminal and journal afresh for every run, as a new process would."""

    def __init__(self, home, **execution):
        self.config = config(home, **execution)

    def terminal(self):
        return open_simulated(self.config, [ES])

    @property
    def journal(self):
        return IntentJournal(self.config.database)

    def execute(self, frame, tape, terminal=None, session=SESSION, journal=None, **more):
        terminal = terminal or self.terminal()
        status = build_broker_status(terminal, [ES], WINDOW.starts_us, self.config)
        return execute_session(
            frame, status, tape, session, INSTRUMENTS, self.config, journal or self.journal, terminal, **more
        )


class Faulty:
    """A terminal that does its work and then fails on a chosen call of ``order_send``."""

    def __init__(self, inner, error, before=False):
        self._inner, self._error, self._before = inner, error, before
        self.sends = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def order_send(self, *args, **kwargs):
        self.sends += 1
        if self._before:
            raise self._error
        result = self._inner.order_send(*args, **kwargs)
        if self._error is None:
            return result
        raise self._error
