"""Can it trade now, and why not: reasons from switches, data, signals, sessions and the account.

Pure: the caller reads the stores and the terminal and passes what it found, with the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from zanzibar_assets.calendars import session_at, session_window
from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState, from_us

YES, NO = "can_trade", "cannot_trade"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old an instrument's data is; ``newest_us`` the last event that a partition holds."""

    instrument: str
    newest_session: str | None
    newest_us: int | None
    running_session: str | None
    session_state: str
    age_seconds: float | None

    def to_json(self) -> dict[str, Any]:
        """The freshness as a JSON object with its time as ISO text."""
        newest = None if self.newest_us is None else from_us(self.newest_us).isoformat()
        return {
            "instrument": self.instrument,
            "newest_session": self.newest_session,
            "newest_utc": newest,
            "running_session": self.running_session,
            "session_state": self.session_state,
            "age_seconds": self.age_seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the verdict is made from; ``account`` is None when the terminal does not report it.

    ``kept_signals`` counts those of the sessions that run now and have not expired, ``models`` maps
    an instrument to its validation's verdict, ``unresolved`` counts orders whose outcome nobody
    saw, ``arming_refusal`` says why a live backend may not send.
    """

    backend: str
    halted: str | None
    arming_refusal: str | None
    terminal_problem: str | None
    account: dict[str, Any] | None
    unresolved: int
    kept_signals: int
    stopped_partitions: int
    freshness: tuple[Freshness, ...]
    max_age_seconds: float
    models: dict[str, str] = field(default_factory=dict)
    paper_unapproved: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """The verdict and its reasons; ``notes`` do not stop trading but belong to the picture."""

    verdict: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def freshness_of(
    instrument: Instrument, newest_session: str | None, newest_us: int | None, now_us: int
) -> Freshness:
    """Freshness of one instrument at an instant, on its own calendar."""
    try:
        running = session_at(instrument, now_us)
        window = session_window(instrument, running)
    except UsageError:
        return Freshness(instrument.id, newest_session, newest_us, None, "outside the calendar", None)
    age = None if newest_us is None else max(0, now_us - newest_us) / US_PER_SECOND
    state = window.state_at(now_us).value
    return Freshness(instrument.id, newest_session, newest_us, running, state, age)


def assess(situation: Situation) -> Readiness:
    """Whether an order could go out now; every reason against it, the gravest first."""
    reasons = tuple(_reasons(situation))
    return Readiness(NO if reasons else YES, reasons, tuple(_notes(situation)))


def _reasons(s: Situation) -> Iterator[str]:
    if s.halted is not None:
        yield f"trading is halted: {s.halted} (zanzibar resume)"
    if s.terminal_problem is not None:
        yield s.terminal_problem
    elif s.account is None:
        yield "no account yet: the simulated account is made by the first run of the execution job"
    elif not s.account["trade_allowed"]:
        yield "the terminal does not allow trading"
    if s.backend == "mt5" and s.arming_refusal is not None:
        yield s.arming_refusal
    if s.unresolved:
        yield f"{s.unresolved} earlier orders have an unknown outcome: they are reconciled first"
    yield from _market_reasons(s)
    if s.kept_signals == 0:
        yield "no kept signal of a running session waits"


def _market_reasons(s: Situation) -> Iterator[str]:
    if not s.freshness:
        yield "no instruments are configured (zanzibar demo, or zanzibar run --sierra-data DIR)"
        return
    for fresh in s.freshness:
        if fresh.newest_us is None or fresh.age_seconds is None:
            yield f"{fresh.instrument}: no data"
        elif fresh.session_state != SessionState.OPEN.value:
            where = f"session {fresh.running_session} is not open now ({fresh.session_state})"
            yield f"{fresh.instrument}: {where}"
        elif fresh.age_seconds > s.max_age_seconds:
            old = _span(fresh.age_seconds)
            yield f"{fresh.instrument}: the newest data is {old} old (limit {_span(s.max_age_seconds)})"


def _notes(s: Situation) -> Iterator[str]:
    if s.stopped_partitions:
        yield f"{s.stopped_partitions} partitions are failed or blocked: nothing trades on them"
    for instrument, verdict in sorted(s.models.items()):
        if verdict == "promote":
            yield f"{instrument}: the model is approved"
        elif verdict == "insufficient_history":
            yield f"{instrument}: no model for lack of history; signals come from rules alone"
        else:
            traded = "traded on the simulated account, UNAPPROVED" if s.paper_unapproved else "not traded"
            yield f"{instrument}: the model is not approved ({verdict}); {traded}"


def _span(seconds: float) -> str:
    if seconds < 300:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def limits_of(execution: Any, risk: Any, room_to_daily_limit: float | None) -> dict[str, Any]:
    """The limits in force, from the configuration's sections and the last account state."""
    return {
        "max_daily_loss_pct": risk.max_daily_loss_pct,
        "room_to_daily_limit": room_to_daily_limit,
        "max_risk_per_trade_pct": risk.max_risk_per_trade_pct,
        "max_positions": execution.max_positions,
        "max_lots": execution.max_lots,
        "max_tick_age_seconds": execution.max_tick_age_seconds,
    }


def open_first(freshness: Sequence[Freshness]) -> list[Freshness]:
    """Freshness in the order in which a person wants it: open sessions first, then by name."""
    return sorted(freshness, key=lambda f: (f.session_state != SessionState.OPEN.value, f.instrument))
