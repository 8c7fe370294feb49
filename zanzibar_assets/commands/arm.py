"""``zanzibar arm``: arm the live backend for the running session, by a local operator only."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from zanzibar_assets.calendars import is_session, parse_session, session_window
from zanzibar_assets.config import Config, load_config
from zanzibar_assets.errors import UsageError
from zanzibar_assets.execution.arming import Arming, disarm, write_arming
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import from_us, to_us


@click.command(epilog="Example:  zanzibar arm --session 2026-11-23 --account 51234567")
@click.option("--session", help="Session date that is running now (YYYY-MM-DD).")
@click.option("--account", type=int, help="Account number (login) of the terminal.")
@click.option("--disarm", "off", is_flag=True, help="Disarm at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(session: str | None, account: int | None, off: bool, as_json: bool) -> None:
    """Arm the live backend for one session and one account, until the session's close."""
    config = load_config()
    if off:
        was_armed = disarm(config.arming_file)
        text = "disarmed" if was_armed else "was not armed"
        click.echo(json.dumps({"armed": False, "was_armed": was_armed}) if as_json else text)
        return
    if session is None or account is None:
        raise UsageError("--session and --account are needed", action="see zanzibar arm --help")
    now_us = to_us(datetime.now(UTC))
    expires_us = running_until(config, parse_session(session), now_us)
    _confirm(account)
    write_arming(config.arming_file, Arming(session, account, now_us, expires_us))
    until = from_us(expires_us).isoformat()
    if as_json:
        click.echo(json.dumps({"armed": True, "session": session, "account": account, "until": until}))
    else:
        click.echo(f"armed: account {account}, session {session}, until {until}")


def running_until(config: Config, session: str, now_us: int) -> int:
    """Close (UTC us) of the session when it is running for a configured instrument."""
    known = load_instruments(config.instruments_file)
    chosen = [known[name] for name in config.instruments] or list(known.instruments.values())
    tradable = [i for i in chosen if not i.simulated and is_session(i, session)]
    windows = [session_window(i, session) for i in tradable]
    running = [w.close_us for w in windows if w.starts_us <= now_us < w.close_us]
    if not running:
        raise UsageError(
            f"session {session} is not running now",
            expected="the running session of a configured instrument",
            got=from_us(now_us).isoformat(),
        )
    return max(running)


def _confirm(account: int) -> None:
    click.echo(f"This lets Zanzibar send REAL orders on account {account}.", err=True)
    typed = click.prompt("Type the account number to confirm", type=str, err=True)
    if typed.strip() != str(account):
        raise UsageError("the number typed is not the account's", action="nothing was armed")
