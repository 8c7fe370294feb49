"""``zanzibar resume``: release the kill switch."""

from __future__ import annotations

import json

import click

from zanzibar_assets.config import load_config
from zanzibar_assets.execution.halt import release


@click.command(epilog="Example:  zanzibar resume")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(as_json: bool) -> None:
    """Release the kill switch; prints the halt that was in force."""
    held = release(load_config().halt_file)
    reason, since = (held.reason, held.since) if held else (None, None)
    if as_json:
        click.echo(json.dumps({"halted": False, "reason": reason, "since": since}))
    elif held:
        click.echo(f"trading is free again; it was halted since {since}: {reason}")
    else:
        click.echo("trading was not halted")
