"""Connections to PostgreSQL: opened from a URL that is never shown, checked before use, one a thread."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from zanzibar_assets.errors import ConfigError, CorruptPartition, StoreError
from zanzibar_assets.store.opening import DATABASE_VARIABLE

if TYPE_CHECKING:
    import psycopg2.extensions

SCHEMES = ("postgresql", "postgresql+psycopg2")
CONNECT_SECONDS = 10
HIDDEN = "***"
_DAMAGED = "build the partition again on a sound disk, or restore the database from its backup"
_CAUSES: dict[str, tuple[type[StoreError], str, str]] = {
    "53100": (
        StoreError,
        "the disk of PostgreSQL is full",
        "free space on the server's disk, then run again",
    ),
    "42501": (StoreError, "no right in PostgreSQL", "grant the user that right, or name another schema"),
    "25006": (StoreError, "PostgreSQL only reads here", "name the server that is written to, not its copy"),
    "53300": (StoreError, "PostgreSQL has no connection left", "end other programs or raise max_connections"),
    "XX001": (CorruptPartition, "PostgreSQL found a damaged page on its disk", _DAMAGED),
    "XX002": (CorruptPartition, "PostgreSQL found a damaged index on its disk", _DAMAGED),
    "55P03": (
        StoreError,
        "somebody reads the whole table in PostgreSQL, so that no partition of it can be replaced",
        "end that query or its open transaction (pg_stat_activity shows it), then run again",
    ),
    "gone": (StoreError, "PostgreSQL went away", "look at its log and its disk; when it is back, run again"),
}
"""What the server's codes mean to people; ``gone`` stands for a connection that broke."""


class PostgresLink:
    """Transactions on one database; the URL stays inside and is cut out of every message."""

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        if scheme not in SCHEMES or not separator:
            raise ConfigError(
                f"{DATABASE_VARIABLE} cannot be used",
                expected=" or ".join(f"{name}://USER:PASSWORD@HOST/DATABASE" for name in SCHEMES),
                action="set it to a PostgreSQL address, or unset it to use the Parquet lake",
            )
        self._url = f"postgresql://{rest}"
        self._secrets = _secrets(rest)
        self._local = threading.local()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PostgresLink) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[psycopg2.extensions.cursor]:
        """One transaction: committed at the end, rolled back on any error; a read sees one snapshot.

        Raises StoreError, without the address, when the server cannot be reached or refuses.
        """
        import psycopg2

        connection = self._alive()
        try:
            with connection, connection.cursor() as cursor:
                if read_only:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield cursor
        except psycopg2.Error as error:
            raise self.plainly(error) from None

    def open(self) -> Any:
        """A new connection, for a pool that keeps it."""
        return self._open()

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None and self._local.process == os.getpid():
            connection.close()
        self._local.connection = None

    def plainly(self, error: psycopg2.Error) -> StoreError:
        """What the server said in plain words, without the address."""
        said = self.redact(str(error))
        code = error.pgcode or ""
        if _broken(error, said):
            code = "gone"
        kind, cause, action = _CAUSES.get(code, (StoreError, "PostgreSQL refused", ""))
        return kind(cause, got=said, action=action)

    def redact(self, text: str) -> str:
        """The text on one line, without the password or anything that looks like an address with one."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = re.sub(r"://[^\s\"']*@", f"://{HIDDEN}@", text)
        text = re.sub(r"(?i)(password\s*=\s*)\S+", rf"\g<1>{HIDDEN}", text)
        return " ".join(text.split())

    def _alive(self) -> Any:
        """This thread's connection, opened anew when the server closed it or the process was forked."""
        import psycopg2

        connection = getattr(self._local, "connection", None)
        if connection is not None and self._local.process == os.getpid() and not connection.closed:
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return connection
            except psycopg2.Error:  # it is gone: the server was started again meanwhile
                connection.close()
        self._local.connection, self._local.process = self._open(), os.getpid()
        return self._local.connection

    def _open(self) -> Any:
        import psycopg2

        try:
            connection = psycopg2.connect(
                self._url,
                connect_timeout=CONNECT_SECONDS,
                application_name="zanzibar",
                client_encoding="UTF8",
            )
        except psycopg2.OperationalError as error:
            raise StoreError(
                "PostgreSQL cannot be reached",
                got=self.redact(str(error)),
                action=f"start the server, or correct {DATABASE_VARIABLE}",
            ) from None
        except psycopg2.Error:  # its text quotes the address
            raise ConfigError(
                f"{DATABASE_VARIABLE} cannot be parsed", action="percent-encode special characters in it"
            ) from None
        return connection


def _broken(error: psycopg2.Error, said: str) -> bool:
    """Whether the connection itself is at an end: the server stops, crashed, or closed it."""
    import psycopg2

    stopping = (error.pgcode or "").startswith("57P")
    closed = isinstance(error, psycopg2.InterfaceError) or "server closed the connection" in said
    return stopping or closed


def _secrets(rest: str) -> tuple[str, ...]:
    """The password in every form in which a message could repeat it, longest first."""
    account, at, place = rest.rpartition("@")
    _, _, password = account.partition(":")
    found = {password, unquote(password)} if at else set()
    for name, value in re.findall(r"[?&](\w+)=([^&#]*)", place):
        if "password" in name.lower():
            found |= {value, unquote(value)}
    return tuple(sorted((text for text in found if text), key=len, reverse=True))
