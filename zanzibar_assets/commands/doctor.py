"""``zanzibar doctor``: is everything in place, and what to do where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import click

from zanzibar_assets.commands import _health as health
from zanzibar_assets.commands import _health_archive as archive
from zanzibar_assets.commands import _health_database as database
from zanzibar_assets.commands import _health_stores as stores
from zanzibar_assets.commands._health import FAIL, OK, WARN, Item
from zanzibar_assets.config import Config, default_home, load_config
from zanzibar_assets.errors import ConfigError, ZanzibarError
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.store.ledger_filling import lacking
from zanzibar_assets.store.manifest import Manifest, PartitionRecord
from zanzibar_assets.store.opening import metadata_place, open_database, open_partition_store
from zanzibar_assets.store.places import PostgresSchema
from zanzibar_assets.vocabulary import to_us


@click.command(name="doctor", epilog="Example:  zanzibar doctor --json")
@click.option(
    "--full", is_flag=True, help="Hash every stored partition and archived copy, however many bytes."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(full: bool, as_json: bool) -> None:
    """Check environment, configuration, data folder, stores, terminal and clock.

    Each line is ok, warn or fail, and says what to do. Nothing is changed. Exit 1 when a line fails.
    Stored partitions are hashed again, and so are archived copies: all of them when they are under
    500 MB together, else a sample of so many bytes that is another each time, and the line says so.
    """
    items = list(examine(to_us(datetime.now(UTC)), full=full))
    if as_json:
        click.echo(json.dumps({"items": [asdict(item) for item in items]}, indent=2))
    else:
        click.echo("\n".join(lines(items)))
    if any(item.status == FAIL for item in items):
        raise click.exceptions.Exit(1)


def lines(items: list[Item]) -> list[str]:
    """The answer for people: the verdict first, then a line a check, what to do beneath."""
    failed = sum(item.status == FAIL for item in items)
    warned = sum(item.status == WARN for item in items)
    if failed:
        verdict = f"NOT READY: {failed} of {len(items)} checks failed"
    else:
        verdict = "READY" + (f", with {warned} warnings" if warned else ": every check is ok")
    found = [verdict, ""]
    for item in items:
        found.append(f"{item.status:<5} {item.name:<14} {item.detail}")
        if item.action and item.status != OK:
            found.append(f"{'':<20} -> {item.action}")
    return found


def examine(now_us: int, *, full: bool = False) -> Iterator[Item]:
    """Every check, from the machine to the switches; the clock also chooses the samples."""
    yield health.python_item()
    yield health.required_items()
    yield health.pins_item(health.constraints_file())
    try:
        config = load_config()
    except ConfigError as error:
        yield Item("configuration", FAIL, error.message + f" ({error.got})", error.action)
        yield from health.home_items(default_home())
        return
    file = config.home / "zanzibar.yaml"
    yield Item("configuration", OK, f"{file} is valid" if file.exists() else "defaults (no zanzibar.yaml)")
    yield from health.home_items(config.home)
    yield from _stores(config, now_us, full=full)
    yield stores.inbox_item(config.inbox)
    yield stores.terminal_item(config)
    yield from stores.switch_items(config, now_us)
    yield from stores.dagster_items(config, dict(os.environ))


def _stores(config: Config, now_us: int, *, full: bool) -> Iterator[Item]:
    records: list[PartitionRecord] = []
    try:
        place = metadata_place(config)
    except ConfigError as error:
        yield Item("database", FAIL, error.message, error.action)
    else:
        items = list(database.database_items(place))
        yield from items
        if isinstance(place, PostgresSchema) and (journal := database.journal_item(config.database)):
            yield journal
        if items[0].status == OK and place.exists():
            opened = open_database(config)
            records = Manifest(opened).all()
            yield stores.ledgers_item(lacking(opened))
        yield stores.partitions_item(records)
        yield stores.lake_item(open_partition_store(config), records, now_us, full=full)
    if copies := archive.copies_item(config, now_us, full=full):
        yield copies
    yield from _market(config, now_us)
    newest = max((r.written_us for r in records), default=None)
    standing = next(folder for folder in (config.home, *config.home.parents) if folder.exists())
    yield health.clock_item(now_us, newest, health.file_clock_us(standing))


def _market(config: Config, now_us: int) -> Iterator[Item]:
    try:
        known = load_instruments(config.instruments_file)
    except ZanzibarError as error:
        yield Item("instruments", FAIL, str(error), "mend instruments.yaml")
        return
    item = health.instruments_item(config, known)
    yield item
    if item.status == FAIL:
        return
    active = [known[name] for name in config.instruments]
    yield health.calendars_item(active or list(known.instruments.values()), now_us)
    yield stores.sources_item(config, active)
    if found := archive.archive_item(config, now_us):
        yield found
