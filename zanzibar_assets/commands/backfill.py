"""``zanzibar backfill``: historical sessions of one instrument; never trades."""

from __future__ import annotations

import json
import time
from collections import Counter

import click

from zanzibar_assets.commands._output import ProgressPrinter, active_with, json_option
from zanzibar_assets.errors import UsageError


@click.command(
    name="backfill",
    epilog="Example:  zanzibar backfill --instrument SIM_ES --from 2025-01-06 --to 2025-03-28",
)
@click.option(
    "--instrument", "instruments", multiple=True, required=True, help="Instrument id or Sierra symbol."
)
@click.option("--from", "first", required=True, metavar="DATE", help="First session, included.")
@click.option("--to", "last", required=True, metavar="DATE", help="Last session, included.")
@click.option("--sierra-data", type=click.Path(exists=True, file_okay=False), help="Sierra folder.")
@json_option
def command(
    instruments: tuple[str, ...], first: str, last: str, sierra_data: str | None, as_json: bool
) -> None:
    """Build historical sessions up to their signals; orders, fills and the account are left alone.

    Sessions that are up to date are skipped; after a kill, run the same command again: it goes on
    where it stopped.
    """
    from zanzibar_assets.calendars import parse_session, union_sessions
    from zanzibar_assets.orchestration.instance import open_instance
    from zanzibar_assets.orchestration.progress import listening
    from zanzibar_assets.orchestration.run_graph import GraphPlan, run_plan

    started = time.perf_counter()
    first, last = parse_session(first), parse_session(last)
    if last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    zanzibar, chosen = active_with(instruments, sierra_data)
    workspace = zanzibar.workspace()
    sessions = tuple(union_sessions(chosen, first, last))
    if not sessions:
        raise UsageError(f"no session of {', '.join(i.id for i in chosen)} from {first} to {last}")
    workspace.lake.sweep()
    plan = GraphPlan({instrument.id: sessions for instrument in chosen})
    printer = ProgressPrinter(quiet=as_json)
    errors = []
    with open_instance(workspace.config) as instance, listening(printer):
        for result in run_plan(plan, instance, zanzibar):
            if not result.success and not result.held_back:
                errors.append(result.error)
    printer.close()
    counts = Counter(item.status for item in printer.seen)
    problems = printer.problems() + errors
    document: dict[str, object] = {
        "partitions": len(printer.seen),
        "built": counts["built"],
        "up_to_date": counts["up_to_date"],
        "failed": counts["failed"] + counts["blocked"],
        "seconds": round(time.perf_counter() - started, 3),
        "seconds_in_builders": round(sum(item.seconds for item in printer.seen), 3),
        "sessions": len(sessions),
        "problems": problems,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(
            f"{document['partitions']} partitions: {document['built']} built, "
            f"{document['up_to_date']} up to date, {document['failed']} held back, "
            f"{document['seconds']} s"
        )
        for problem in problems[:20]:
            click.echo(f"  {problem}", err=True)
    if document["failed"] or errors:
        raise click.exceptions.Exit(1)
