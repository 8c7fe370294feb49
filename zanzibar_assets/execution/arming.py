"""Arming of the live backend: one session, one account, until the session's close.

Only a local operator arms, by a command and by typing the account's number. Without a valid
``ARMED.json`` the live backend sends nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from zanzibar_assets.execution.halt import write_json
from zanzibar_assets.vocabulary import from_us


@dataclass(frozen=True, slots=True)
class Arming:
    """A live arming; times in UTC microseconds."""

    session: str
    login: int
    armed_us: int
    expires_us: int


def write_arming(path: Path, arming: Arming) -> None:
    """Write the arming file atomically."""
    write_json(
        path,
        {
            "session": arming.session,
            "login": arming.login,
            "armed_us": arming.armed_us,
            "expires_us": arming.expires_us,
            "expires_at": from_us(arming.expires_us).isoformat(),
        },
    )


def disarm(path: Path) -> bool:
    """Remove the arming; True when there was one."""
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed


def read_arming(path: Path) -> Arming | None:
    """The arming on file; None when there is none or it cannot be read (fails safe)."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return Arming(
            str(body["session"]), int(body["login"]), int(body["armed_us"]), int(body["expires_us"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def arming_refusal(path: Path, session: str, login: int, now_us: int) -> str | None:
    """Why the live backend is not armed for this session and account now; None when it is."""
    arming = read_arming(path)
    if arming is None:
        return f"the live backend is not armed: run `zanzibar arm --session {session} --account {login}`"
    if arming.session != session:
        return f"the live backend is armed for session {arming.session}, not for {session}"
    if arming.login != login:
        return f"the live backend is armed for account {arming.login}, not for {login}"
    if not arming.armed_us <= now_us < arming.expires_us:
        return f"the arming is valid until {from_us(arming.expires_us).isoformat()} only"
    return None
