"""``zanzibar prove``: is any stored table seen to say something that could not be known yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from zanzibar_assets.commands._output import json_option

if TYPE_CHECKING:
    from zanzibar_assets.orchestration.proofs import Found
    from zanzibar_assets.store.records import PartitionRecord

CUTS, MOST_CUTS, ALL = 40, 1000, "all"
STEPS_TOLD = 10


class CutCount(click.ParamType[int | None]):
    """A number of cuts, or ``all`` (None): one wherever a row becomes known."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """The number; fails for what is neither."""
        if value == ALL:
            return None
        return int(click.IntRange(1, MOST_CUTS).convert(value, param, ctx))


@click.command(
    name="prove",
    epilog="Example:  zanzibar prove --table smc_events --instrument ES --cuts 40",
)
@click.option("--table", "tables", multiple=True, help="Only this table (may be given several times).")
@click.option("--instrument", help="Only partitions of this instrument.")
@click.option("--session", metavar="DATE", help="The session to prove on; default: each table's newest.")
@click.option(
    "--cuts",
    type=CutCount(),
    default=CUTS,
    show_default=True,
    help="Instants of rows to cut at (up to 1000), or all: every one, however long it takes.",
)
@json_option
def command(
    tables: tuple[str, ...], instrument: str | None, session: str | None, cuts: int | None, as_json: bool
) -> None:
    """Compute stored tables again on what was known at seeded instants and compare bit for bit.

    At each instant everything known later is first taken away, then replaced by nonsense. A leak that no
    cut meets is not seen: the output says how many rows must leak to be met 19 times in 20. Nothing is
    written but an alert for a table that looks ahead; then the exit code is 1.
    """
    from zanzibar_assets.orchestration.proofs import chosen, prove_stored
    from zanzibar_assets.orchestration.resources import ZanzibarResource

    workspace = ZanzibarResource().workspace()
    wanted = chosen(workspace, tables, instrument, session)
    found = list(_shown(prove_stored(workspace, wanted, cuts, _tell), len(wanted)))
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
        word = "not tried" if item.proof is None else item.proof.verdict.value
        if item.proof is not None and word == "none seen":
            word = item.proof.words()
        click.echo(f"  {number}/{total} {item.table} {item.key}: {word}", err=True)
        yield item


def _tell(record: PartitionRecord, done: int, total: int) -> None:
    """How far a table with many cuts is, ten times."""
    if total > 2 * MOST_CUTS // STEPS_TOLD and done and done % (total // STEPS_TOLD) == 0:
        click.echo(f"    {record.table} {record.key}: {done} of {total}", err=True)


def _document(item: Found) -> dict[str, Any]:
    from zanzibar_assets.store.proving import document

    named = {"table": item.table, "partition": str(item.key)}
    if item.proof is None:
        return named | {"verdict": "not tried", "reason": item.reason}
    return named | {"code_version": item.proof.code_version} | document(item.proof)


def _lines(documents: Sequence[dict[str, Any]]) -> list[str]:
    from zanzibar_assets.reporting.groups import grouped

    head = f"{'table':<24} {'partition':<24} {'look-ahead':<10} {'cuts':>5} {'at rows':>12} {'seen from':>9}"
    lines = [f"{head} {'rows':>10}  refused"]
    for d in documents:
        at_rows = f"{d.get('at_rows', 0)} of {d.get('instants', 0)}"
        seen = f"{100 * d['least_share_seen']:.2g} %" if d.get("at_rows") else "-"
        numbers = f"{d.get('compared', 0):>5} {at_rows:>12} {seen:>9} {d.get('rows', 0):>10}"
        lines.append(
            f"{d['table']:<24} {d['partition']:<24} {d['verdict']:<10} {numbers}  {len(d.get('refused', ()))}"
        )
    said = [(d["table"], d["partition"], d.get("difference") or d.get("reason") or "") for d in documents]
    lines += [f"{where}: {why}" for where, why in grouped(item for item in said if item[2])]
    return [
        *lines,
        "",
        "seen from: the share of a table's instants that must leak for a cut to meet one 19 times in 20; a",
        "rarer leak may not be seen. 0 %: every instant was cut at (--cuts all).",
    ]
