"""``zanzibar prove``: does any stored table say something that could not be known yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from zanzibar_assets.commands._output import json_option

if TYPE_CHECKING:
    from zanzibar_assets.orchestration.proofs import Found

CUTS = 40


@click.command(
    name="prove",
    epilog="Example:  zanzibar prove --table smc_events --instrument ES --cuts 40",
)
@click.option("--table", "tables", multiple=True, help="Only this table (may be given several times).")
@click.option("--instrument", help="Only partitions of this instrument.")
@click.option("--session", metavar="DATE", help="The session to prove on; default: each table's newest.")
@click.option(
    "--cuts", type=click.IntRange(1, 1000), default=CUTS, show_default=True, help="Instants a table."
)
@json_option
def command(
    tables: tuple[str, ...], instrument: str | None, session: str | None, cuts: int, as_json: bool
) -> None:
    """Compute stored tables again on what was known at seeded instants and compare bit for bit.

    At each instant everything known later is first taken away, then replaced by nonsense. Nothing is
    written but an alert for a table that looks ahead; then the exit code is 1.
    """
    from zanzibar_assets.orchestration.proofs import chosen, prove_stored
    from zanzibar_assets.orchestration.resources import ZanzibarResource

    workspace = ZanzibarResource().workspace()
    wanted = chosen(workspace, tables, instrument, session)
    found = list(_shown(prove_stored(workspace, wanted, cuts), len(wanted)))
    documents = [_document(item) for item in found]
    leaks = sum(d["verdict"] == "leaks" for d in documents)
    if as_json:
        click.echo(json.dumps({"leaks": leaks, "proofs": documents}, indent=2))
    else:
        click.echo("\n".join(_lines(documents)))
    if leaks:
        raise click.exceptions.Exit(1)


def _shown(found: Iterator[Found], total: int) -> Iterator[Found]:
    """The same, with a line on standard error for each."""
    for number, item in enumerate(found, 1):
        word = item.proof.verdict.value if item.proof is not None else "not proved"
        click.echo(f"  {number}/{total} {item.table} {item.key}: {word}", err=True)
        yield item


def _document(item: Found) -> dict[str, Any]:
    from zanzibar_assets.store.proving import document

    named = {"table": item.table, "partition": str(item.key)}
    if item.proof is None:
        return named | {"verdict": "not proved", "reason": item.reason}
    return named | {"code_version": item.proof.code_version} | document(item.proof)


def _lines(documents: Sequence[dict[str, Any]]) -> list[str]:
    lines = [f"{'table':<24} {'partition':<24} {'verdict':<10} {'cuts':>5} {'rows':>10}  refused"]
    for d in documents:
        numbers = f"{d.get('compared', 0):>5} {d.get('rows', 0):>10}  {len(d.get('refused', ()))}"
        lines.append(f"{d['table']:<24} {d['partition']:<24} {d['verdict']:<10} {numbers}")
        said = d.get("difference") or d.get("reason")
        lines += [f"    {said}"] if said else []
    return lines
