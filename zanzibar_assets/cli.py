"""The ``zanzibar`` command line: one lazily imported file a command (``commands/<name>.py``).

Exit 0 = done, 1 = the work failed or a check says no, 2 = wrong usage. ``--json`` prints one JSON
document alone on standard output; messages go to standard error.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from zanzibar_assets.errors import UsageError, ZanzibarError

COMMANDS: dict[str, str] = {
    "demo": "the whole graph on simulated sessions and a simulated account",
    "run": "the whole graph on a folder of real Sierra Chart files",
    "up": "serve Dagster's UI and daemon on loopback",
    "doctor": "check environment, configuration, stores, terminal and clock",
    "status": "can it trade now, and why not",
    "ticks": "decode one .scid file or text export",
    "book": "replay one .depth file to top-N snapshots",
    "events": "causal structure events of one bar table",
    "export": "levels, zones and signals for Sierra Chart and Bookmap",
    "validate": "what a file of returns proves, after all trials",
    "backfill": "build historical sessions; never trades",
    "simulate": "write Sierra files of a simulated market",
    "trace": "from a signal, order or deal back to source bytes",
    "archive": "keep depth files before Sierra Chart forgets them",
    "prove": "does a stored table say what could not be known yet",
    "versions": "what partitions were before, and what is stale now",
    "models": "challengers and champions: list, show, promote, rollback, reproduce",
    "halt": "pull the kill switch",
    "resume": "release the kill switch",
    "arm": "arm the live backend for the running session",
    "bench": "our speed beside what could be used instead",
}
"""Command name -> one line of help, in the order in which help shows them."""


class LazyGroup(click.Group):
    """Imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"zanzibar_assets.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zanzibar-assets", prog_name="zanzibar")
def root() -> None:
    """Zanzibar: from raw market data to risk-checked orders, each number traceable to its bytes.

    Start with:  zanzibar demo
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point; turns our errors into one plain line and the right exit code."""
    try:
        code = root.main(args=arguments, prog_name="zanzibar", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nzanzibar: stopped; what was built is kept, the same command goes on", err=True)
        sys.exit(1)
    except UsageError as error:
        click.echo(f"zanzibar: {error}", err=True)
        sys.exit(2)
    except ZanzibarError as error:
        click.echo(f"zanzibar: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"zanzibar: {where}{error.strerror or error}; check the path and its rights", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
