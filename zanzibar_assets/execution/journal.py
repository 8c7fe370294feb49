"""The intent journal: every order intent is written before anything is sent.

An intent's id is deterministic (signal, side, leg, account), so a repeated run meets its own rows.
BLOCKED and REJECTED never reached the books; SENDING was written just before the send; UNKNOWN is
a send whose outcome nobody saw. SENDING and UNKNOWN are resolved by looking deals up by magic
number and comment tag, never by sending again in the dark.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import ExecutionError
from zanzibar_assets.vocabulary import OrderState

TAG_PREFIX = "zz-"
"""Start of the order comment that carries the intent id (19 characters of the 27 that are safe)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS execution_intents (
    intent_id TEXT PRIMARY KEY, account TEXT NOT NULL, session TEXT NOT NULL, ordinal INTEGER NOT NULL,
    state TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS execution_intents_session ON execution_intents (account, session);
CREATE TABLE IF NOT EXISTS execution_sessions (
    account TEXT NOT NULL, session TEXT NOT NULL, balance_start REAL NOT NULL, account_state TEXT,
    PRIMARY KEY (account, session));
"""


@dataclass(frozen=True, slots=True)
class Intent:
    """One order intent; times in UTC microseconds, prices and lots as sent."""

    intent_id: str
    session: str
    account: str
    backend: str
    signal_id: str
    instrument: str
    mt5_symbol: str
    dir: int
    leg: str
    decided_us: int
    volume_lots: float
    price_reference: float | None
    sl: float | None
    tp: float | None
    state: str
    gate: str | None
    retcode: int | None
    order_ticket: int | None
    deal_ticket: int | None
    fill_price: float | None
    position_id: int | None
    reason: str
    approved: bool
    spread_assumed: bool
    simulated: bool
    request: dict[str, Any]

    @property
    def tag(self) -> str:
        """Order comment that names this intent."""
        return tag_of(self.intent_id)


def intent_id(signal_id: str, direction: int, leg: str, account: str) -> str:
    """Deterministic id of an intent: sixteen hex digits."""
    return stable_hash({"signal": signal_id, "dir": direction, "leg": leg, "account": account})


def tag_of(intent: str) -> str:
    """Comment tag of an intent id."""
    return TAG_PREFIX + intent


class IntentJournal:
    """The journal in an SQLite file; safe to open from several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as link:
            link.executescript(_SCHEMA)

    def _connect(self) -> closing[sqlite3.Connection]:
        try:
            link = sqlite3.connect(str(self.path), timeout=30.0, isolation_level=None)
            link.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error as error:
            raise ExecutionError(f"the journal {self.path} cannot be opened", got=str(error)) from error
        return closing(link)

    def get(self, intent: str) -> Intent | None:
        """An intent by id."""
        with self._connect() as link:
            sql = "SELECT body FROM execution_intents WHERE intent_id = ?"
            row = link.execute(sql, (intent,)).fetchone()
        return _intent(row[0]) if row else None

    def of_session(self, account: str, session: str) -> list[Intent]:
        """Intents of an account's session in the order in which they were decided."""
        sql = "SELECT body FROM execution_intents WHERE account = ? AND session = ? ORDER BY ordinal"
        with self._connect() as link:
            rows = link.execute(sql, (account, session)).fetchall()
        return [_intent(body) for (body,) in rows]

    def unresolved(self, account: str) -> list[Intent]:
        """Intents whose outcome is not known."""
        sql = (
            "SELECT body FROM execution_intents WHERE account = ? AND state IN (?, ?)"
            " ORDER BY session, ordinal"
        )
        with self._connect() as link:
            states = (OrderState.SENDING.value, OrderState.UNKNOWN.value)
            rows = link.execute(sql, (account, *states)).fetchall()
        return [_intent(body) for (body,) in rows]

    def add(self, intent: Intent) -> bool:
        """Write a new intent; False when its id is already there (nothing is changed then)."""
        sql = (
            "INSERT INTO execution_intents SELECT ?, ?, ?, COALESCE(MAX(ordinal), 0) + 1, ?, ?"
            " FROM execution_intents WHERE account = ? AND session = ? ON CONFLICT DO NOTHING"
        )
        values = (intent.intent_id, intent.account, intent.session, intent.state, _body(intent))
        with self._connect() as link:
            done = link.execute(sql, (*values, intent.account, intent.session))
            return done.rowcount == 1

    def update(self, intent: Intent) -> None:
        """Write an intent's new state; its id must be there."""
        sql = "UPDATE execution_intents SET state = ?, body = ? WHERE intent_id = ?"
        with self._connect() as link:
            done = link.execute(sql, (intent.state, _body(intent), intent.intent_id))
        if done.rowcount != 1:
            raise ExecutionError(f"intent {intent.intent_id} is not in the journal")

    def start_session(self, account: str, session: str, balance: float) -> float:
        """Balance at the session's start: the one first recorded for it."""
        sql = "INSERT INTO execution_sessions VALUES (?, ?, ?, NULL) ON CONFLICT DO NOTHING"
        with self._connect() as link:
            link.execute(sql, (account, session, balance))
            sql = "SELECT balance_start FROM execution_sessions WHERE account = ? AND session = ?"
            row = link.execute(sql, (account, session)).fetchone()
        return float(row[0])

    def close_session(self, account: str, session: str, state: dict[str, Any]) -> None:
        """Keep the account's state at the session's end."""
        sql = "UPDATE execution_sessions SET account_state = ? WHERE account = ? AND session = ?"
        with self._connect() as link:
            link.execute(sql, (json.dumps(state, sort_keys=True), account, session))

    def closed_state(self, account: str, session: str) -> dict[str, Any] | None:
        """Account state kept for a finished session, or None."""
        sql = "SELECT account_state FROM execution_sessions WHERE account = ? AND session = ?"
        with self._connect() as link:
            row = link.execute(sql, (account, session)).fetchone()
        return json.loads(row[0]) if row and row[0] else None


def _body(intent: Intent) -> str:
    return json.dumps(asdict(intent), sort_keys=True)


def _intent(body: str) -> Intent:
    values = json.loads(body)
    return Intent(**{field.name: values[field.name] for field in fields(Intent)})
