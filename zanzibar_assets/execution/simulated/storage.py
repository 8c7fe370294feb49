"""The simulated account on disk: one SQLite file, every change in one transaction.

A killed process leaves the state of its last completed call. ``version`` counts commits: a commit
that meets another version than it loaded means a second process traded the same account.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from zanzibar_assets.errors import TerminalError
from zanzibar_assets.execution.simulated.book import FIRST_TICKET, Book, money_of
from zanzibar_assets.execution.simulated.model import Deal, Order, Position, Quote

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (ticket INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (ticket INTEGER PRIMARY KEY, live INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deals (ticket INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""


class TerminalStorage:
    """Reads and writes a Book; ``path`` None keeps nothing (for tests and what-if runs)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.version = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect() as link:
                link.executescript(_SCHEMA)

    def _connect(self) -> closing[sqlite3.Connection]:
        try:
            link = sqlite3.connect(str(self.path), timeout=30.0, isolation_level=None)
            link.execute("PRAGMA journal_mode=DELETE")
            link.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error as error:
            raise TerminalError(
                f"the simulated account's file {self.path} cannot be opened",
                got=str(error),
                action="check the path and its permissions, or remove the file to start a new account",
            ) from error
        return closing(link)

    def load(self, book: Book) -> None:
        """Fill an empty book from the file."""
        if self.path is None:
            return
        with self._connect() as link:
            meta = dict(link.execute("SELECT key, value FROM meta").fetchall())
            rows = {
                table: link.execute(f"SELECT body FROM {table} ORDER BY ticket").fetchall()
                for table in ("positions", "deals")
            }
            orders = link.execute("SELECT live, body FROM orders ORDER BY ticket").fetchall()
        self.version = int(meta.get("version", 0))
        book.clock_us = int(meta.get("clock_us", 0))
        book.next_ticket = int(meta.get("next_ticket", FIRST_TICKET))
        book.request_id = int(meta.get("request_id", 0))
        quotes: dict[str, Any] = json.loads(meta.get("quotes", "{}"))
        book.quotes = {name: Quote(**body) for name, body in quotes.items()}
        loaded = [Position(**json.loads(body)) for (body,) in rows["positions"]]
        book.positions = {position.ticket: position for position in loaded}
        book.deals = [Deal(**json.loads(body)) for (body,) in rows["deals"]]
        for live, body in orders:
            order = Order(**json.loads(body))
            (book.orders if live else book.history)[order.ticket] = order
        book.balance_exact = sum((money_of(deal) for deal in book.deals), Decimal(0))
        _check_login(meta, book, self.path)

    def commit(self, book: Book) -> None:
        """Write what changed since the last commit, in one transaction."""
        touched, book.touched = book.touched, set()
        if self.path is None:
            return
        with self._connect() as link:
            link.execute("BEGIN IMMEDIATE")
            held = link.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
            if (int(held[0]) if held else 0) != self.version:
                link.execute("ROLLBACK")
                raise TerminalError(
                    f"another process changed the simulated account {self.path.name} meanwhile",
                    action="let one run finish, then run this one again",
                )
            _write(link, book, touched)
            meta = {
                "version": str(self.version + 1),
                "clock_us": str(book.clock_us),
                "next_ticket": str(book.next_ticket),
                "request_id": str(book.request_id),
                "login": str(book.account.login),
                "quotes": json.dumps({name: asdict(q) for name, q in sorted(book.quotes.items())}),
            }
            link.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
            link.execute("COMMIT")
        self.version += 1


def _write(link: sqlite3.Connection, book: Book, touched: set[tuple[str, int]]) -> None:
    deals = {deal.ticket: deal for deal in reversed(book.deals) if ("deal", deal.ticket) in touched}
    for kind, ticket in sorted(touched):
        if kind == "deal":
            link.execute("INSERT INTO deals VALUES (?, ?)", (ticket, json.dumps(asdict(deals[ticket]))))
        elif kind == "position":
            _write_position(link, book, ticket)
        else:
            live = ticket in book.orders
            order = (book.orders if live else book.history)[ticket]
            body = json.dumps(asdict(order))
            link.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", (ticket, int(live), body))


def _write_position(link: sqlite3.Connection, book: Book, ticket: int) -> None:
    position = book.positions.get(ticket)
    if position is None:
        link.execute("DELETE FROM positions WHERE ticket = ?", (ticket,))
    else:
        body = json.dumps(asdict(position))
        link.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (ticket, body))


def _check_login(meta: dict[str, str], book: Book, path: Path) -> None:
    login = meta.get("login")
    if login is not None and int(login) != book.account.login:
        raise TerminalError(
            f"{path.name} holds another simulated account",
            expected=f"login {book.account.login}",
            got=f"login {login}",
            action="use the account name that the file was made for",
        )
