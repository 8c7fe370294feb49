"""``zanzibar halt``: pull the kill switch."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime

import click

from zanzibar_assets.config import load_config
from zanzibar_assets.execution.halt import pull
from zanzibar_assets.vocabulary import to_us


@click.command(epilog='Example:  zanzibar halt "news in ten minutes"')
@click.argument("reason")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(reason: str, as_json: bool) -> None:
    """Pull the kill switch: no order is sent until `zanzibar resume`."""
    halt = pull(load_config().halt_file, reason, getpass.getuser(), to_us(datetime.now(UTC)))
    if as_json:
        click.echo(json.dumps({"halted": True, "reason": halt.reason, "since": halt.since, "by": halt.by}))
    else:
        click.echo(f"halted since {halt.since}: {halt.reason}")
        click.echo("open positions keep their stops; `zanzibar resume` frees trading again")
