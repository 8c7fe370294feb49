"""``zanzibar trace``: from a signal, order or deal back to source bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zanzibar_assets.config import Config
    from zanzibar_assets.reporting.trace import Link

SHOWN_STEPS = 3


@click.command(
    name="trace", epilog="Example:  zanzibar trace 706   (a deal; or order:506, an intent or a signal id)"
)
@click.argument("identifier", metavar="ID")
@click.option("--all", "show_all", is_flag=True, help="Show every partition, however many reads away.")
@click.option("--verify", "check", is_flag=True, help="Hash the source bytes again; exit 1 when any changed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(identifier: str, show_all: bool, check: bool, as_json: bool) -> None:
    """Follow a deal, order, intent or signal back to the bytes it came from.

    First the rows (deal, order, signal, its evidence, the bar and its ticks), then every partition
    that they were made from, then the byte ranges of the source files with their hashes.
    """
    from zanzibar_assets.config import load_config
    from zanzibar_assets.errors import UsageError
    from zanzibar_assets.reporting.trace import OTHER_BYTES, verify
    from zanzibar_assets.reporting.trace_rows import trace
    from zanzibar_assets.store.evolution import load_where_possible
    from zanzibar_assets.store.manifest import Manifest
    from zanzibar_assets.store.opening import metadata_place, open_database, open_partition_store

    config = load_config()
    if not metadata_place(config).exists():
        raise UsageError(
            f"{config.home} holds nothing yet", action="run `zanzibar demo` or `zanzibar run` first"
        )
    lake = open_partition_store(config)
    found = trace(
        identifier,
        Manifest(open_database(config)),
        lambda record: load_where_possible(lake, record),
        lambda name: str(source_path(config, name)),
    )
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    chain = verify(found.chain) if check else list(found.chain)
    if as_json:
        click.echo(json.dumps({"chain": [link.to_json() for link in chain]}, indent=2))
    else:
        click.echo("\n".join(lines(chain, show_all=show_all)))
    if any(link.state == OTHER_BYTES for link in chain):
        raise click.exceptions.Exit(1)


def source_path(config: Config, name: str) -> Path:
    """Where a source named in the manifest stands under the configured folders."""
    if name == "inbox":
        return config.inbox
    folders = [config.sierra_dir, config.depth_dir]
    for folder in folders:
        if folder is None:
            continue
        for candidate in (folder / name, folder / "MarketDepthData" / name):
            if candidate.exists():
                return candidate
    return Path(name)


def lines(chain: Sequence[Link], *, show_all: bool) -> list[str]:
    """The chain for people: rows first, near partitions, then the source bytes."""
    from zanzibar_assets.reporting.trace import REBUILT, SUPERSEDED

    rows = [link for link in chain if link.kind not in ("table", "source")]
    bar_bytes = [link for link in chain if link.kind == "source" and link.fingerprint is None]
    tables = [link for link in chain if link.kind == "table"]
    sources = [link for link in chain if link.kind == "source" and link.fingerprint is not None]
    nearest = min((link.steps for link in tables), default=0)
    near = [link for link in tables if show_all or link.steps < nearest + SHOWN_STEPS]
    found = [f"{link.kind:<11} {link.id}  ({link.source})  {link.detail}" for link in (*rows, *bar_bytes)]
    found += ["", "made from these partitions (fingerprint, reads away from the rows above):"]
    found += [_table_line(link, nearest) for link in near]
    if len(near) < len(tables):
        found.append(f"  ... and {len(tables) - len(near)} partitions further away (--all shows them)")
    found += ["", "which come from these bytes:"]
    found += [f"  {link.fingerprint}  {link.source}{_state(link)}" for link in sources]
    before = sum(link.state.startswith(SUPERSEDED) for link in tables)
    if before:
        found += ["", f"{before} partitions were replaced since: shown as they were read then"]
    changed = sum(link.state == REBUILT for link in tables)
    if changed:
        found += ["", f"{changed} partitions were rebuilt since: they are not what was read then"]
    return found


def _table_line(link: Link, nearest: int) -> str:
    steps = link.steps - nearest
    return f"  {link.fingerprint or '-':<32}  {steps}  {link.id}  {link.detail}{_state(link)}"


def _state(link: Link) -> str:
    return "" if link.state == "as it was read" else f"  [{link.state}]"
