"""``zanzibar run``: the whole graph on a folder of real Sierra Chart files."""

from __future__ import annotations

from pathlib import Path

import click

from zanzibar_assets.commands._output import json_option, remember
from zanzibar_assets.errors import UsageError


@click.command(
    name="run",
    epilog="Example:  zanzibar run --sierra-data C:/SierraChart/Data --instruments ESH24-CME",
)
@click.option(
    "--sierra-data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Sierra Chart's Data folder (.scid, and .depth there or in MarketDepthData).",
)
@click.option(
    "--instruments", default="", metavar="A,B", help="Instrument ids or Sierra symbols; default: all found."
)
@click.option("--from", "first", metavar="DATE", help="First session, included.")
@click.option("--to", "last", metavar="DATE", help="Last session, included.")
@click.option(
    "--inbox",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of narratives; default: inbox in the home folder.",
)
@click.option(
    "--trade-sessions",
    type=click.IntRange(1, 60),
    default=3,
    show_default=True,
    help="How many of the last sessions are traded on the simulated account.",
)
@click.option(
    "--paper-unapproved",
    is_flag=True,
    help="Trade models that validation did not promote, on the simulated account, marked so.",
)
@click.option("--account", help="Name of the simulated account; default: one of its own for this run.")
@json_option
def command(
    sierra_data: Path,
    instruments: str,
    first: str | None,
    last: str | None,
    inbox: Path | None,
    trade_sessions: int,
    paper_unapproved: bool,
    account: str | None,
    as_json: bool,
) -> None:
    """Build the whole graph from real Sierra files and trade it on the simulated account.

    Models are trained through the session before the traded ones. A model that validation does not
    promote is not traded unless --paper-unapproved asks for it, and never on a live account.
    """
    from zanzibar_assets.calendars import parse_session
    from zanzibar_assets.commands._graph import account_name, make_scope, run_scope
    from zanzibar_assets.config import load_config
    from zanzibar_assets.instruments import load_instruments
    from zanzibar_assets.orchestration.resources import ZanzibarResource

    config = load_config()
    if config.execution.backend != "simulated":
        raise UsageError(
            f"`run` trades on the simulated account only, and the backend is {config.execution.backend}",
            action="set execution.backend to simulated in zanzibar.yaml",
        )
    folder = sierra_data.resolve()
    known = load_instruments(config.instruments_file)
    names = [name.strip() for name in instruments.split(",") if name.strip()] or found_in(folder, known)
    chosen = sorted({known.resolve(name).id for name in names})
    first, last = (parse_session(day) if day else None for day in (first, last))
    if first and last and last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    name = account or account_name("SIM", [chosen, first, last, folder, trade_sessions, paper_unapproved])
    settings = {
        "sierra_dir": str(folder),
        "inbox_dir": str((inbox or config.home / "inbox").resolve()),
        "instruments": chosen,
    }
    execution = {"account": name, "paper_unapproved": paper_unapproved}
    zanzibar = ZanzibarResource(
        home=str(config.home),
        overrides={**settings, "execution": execution},
    )
    scope = make_scope(zanzibar.workspace(), first, last, trade_sessions)
    remember(config, {**settings, "execution": execution})
    run_scope(zanzibar, scope, as_json=as_json)


def found_in(folder: Path, known: object) -> list[str]:
    """Ids of the instruments whose tick files lie in a folder; UsageError when there is none."""
    from zanzibar_assets.ingestion.sources import find_sources
    from zanzibar_assets.instruments import Instruments

    assert isinstance(known, Instruments)
    files = find_sources(folder, list(known.instruments.values()))
    names = sorted({file.instrument_id for file in files if file.kind == "scid"})
    if not names:
        raise UsageError(
            f"{folder} holds no .scid file of a known instrument",
            expected="names that instruments.yaml knows, such as ESH24-CME.scid",
            action="name the folder that holds them, or add the symbol to instruments.yaml",
        )
    return names
