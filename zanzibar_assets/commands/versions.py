"""``zanzibar versions``: what partitions were before, why they were replaced, and what is stale now."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import PartitionRecord, PartitionVersion
    from zanzibar_assets.store.partition_store import PartitionStore
    from zanzibar_assets.store.versions import Changed, Forgotten, History, Stale
    from zanzibar_assets.store.workspace import Workspace

SHOWN = 50
_DAYS = re.compile(r"^(\d{1,4})d$")
US_PER_DAY = 86_400_000_000


@click.command(
    name="versions",
    epilog="Example:  zanzibar versions bars --stale   (a partition: zanzibar versions bars 'ES|2025-01-06')",
)
@click.argument("table", required=False)
@click.argument("key", required=False)
@click.option("--stale", "only_stale", is_flag=True, help="Only what was made from something replaced since.")
@click.option(
    "--sources", is_flag=True, help="Hash the source bytes again: those that changed count as stale."
)
@click.option("--prune", is_flag=True, help="Remove stored bytes of old versions that nothing stands on.")
@click.option("--older-than", metavar="DAYS", help="With --prune: replaced at least so long ago, as 90d.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(
    table: str | None,
    key: str | None,
    only_stale: bool,
    sources: bool,
    prune: bool,
    older_than: str | None,
    as_json: bool,
) -> None:
    """List the versions that partitions had, why each was replaced, and what is stale now.

    A rebuild that gives other rows keeps the old ones by their fingerprint. Pruning removes their
    bytes, never of what a kept signal, a prediction, an order, a current model or any champion was
    made from; what each was stays in the manifest. Older predictions, and challengers that never
    became champion, cannot be computed again once they are pruned.
    """
    from zanzibar_assets.store.versions import History, stale

    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    age_us = _age(prune, older_than)
    wanted = _wanted(table, key)
    workspace = _open(now_us)
    history = History.of(workspace.manifest)
    _require_known(workspace, table, key)
    if age_us is not None:
        _show_pruned(_prune(workspace, history, now_us - age_us, wanted), as_json=as_json)
        return
    stales = [s for s in stale(history, _changed(workspace) if sources else None) if wanted(s.record)]
    versions = [] if only_stale else [v for v in history.superseded() if wanted(v.record)]
    if as_json:
        found = {"stale": [_stale_json(item) for item in stales]}
        listed = {"versions": [_version_json(v, workspace.lake) for v in versions]}
        click.echo(json.dumps(found if only_stale else listed | found, indent=2))
    else:
        lines = [] if only_stale else _version_lines(versions)
        click.echo("\n".join([*lines, *_stale_lines(stales)]))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which partitions were asked for."""

    table: str | None
    key: str | None

    def __call__(self, record: PartitionRecord) -> bool:
        return self.table in (None, record.table) and self.key in (None, str(record.key))


def _wanted(table: str | None, key: str | None) -> _Wanted:
    from zanzibar_assets.contracts.registry import TABLES
    from zanzibar_assets.errors import UsageError
    from zanzibar_assets.store.keys import PartitionKey

    if table is not None and table not in TABLES:
        raise UsageError(f"there is no table {table!r}", expected=", ".join(sorted(TABLES)))
    return _Wanted(table, None if key is None else str(PartitionKey.parse(key)))


def _require_known(workspace: Workspace, table: str | None, key: str | None) -> None:
    """StoreError (exit 1) for a partition of which the manifest knows neither a row nor an old version."""
    from zanzibar_assets.errors import StoreError
    from zanzibar_assets.store.keys import PartitionKey

    if table is None or key is None:
        return
    partition = PartitionKey.parse(key)
    if workspace.manifest.get(table, partition) is None and not workspace.manifest.versions(table, partition):
        raise StoreError(
            f"no such partition was ever stored: {table} {partition}",
            action=f"`zanzibar versions {table}` lists the table's versions; check the key",
        )


def _age(prune: bool, older_than: str | None) -> int | None:
    """Microseconds that --older-than names; None when nothing is to be pruned."""
    from zanzibar_assets.errors import UsageError

    if not prune and older_than is None:
        return None
    found = _DAYS.match(older_than or "")
    if not prune or found is None:
        raise UsageError(
            "--prune and --older-than go together",
            expected="zanzibar versions --prune --older-than 90d",
            got=f"--older-than {older_than}" if older_than else "no --older-than",
        )
    return int(found[1]) * US_PER_DAY


def _open(now_us: int) -> Workspace:
    from zanzibar_assets.config import load_config
    from zanzibar_assets.errors import UsageError
    from zanzibar_assets.store.opening import metadata_place
    from zanzibar_assets.store.workspace import Workspace

    config = load_config()
    if not metadata_place(config).exists():
        raise UsageError(
            f"{config.home} holds nothing yet", action="run `zanzibar demo` or `zanzibar run` first"
        )
    return Workspace(config, lambda: now_us)


def _changed(workspace: Workspace) -> Changed:
    """Says why the source bytes of a partition are other ones now; reads and hashes them."""
    from zanzibar_assets.orchestration.graph import all_assets
    from zanzibar_assets.orchestration.table_asset import SPECS
    from zanzibar_assets.store.keeping import SOURCE_GONE
    from zanzibar_assets.store.keys import SOURCE_PREFIX

    all_assets()

    def changed(record: PartitionRecord) -> str | None:
        kind = SPECS[record.table].source if record.table in SPECS else None
        if kind is None or SOURCE_GONE in record.notes:
            return None
        recorded = [read for read in record.inputs if read.table.startswith(SOURCE_PREFIX)]
        if workspace.sources.holds(kind, record.key, recorded):
            return None
        return "its source holds other bytes now than those that were read"

    return changed


def _prune(workspace: Workspace, history: History, cutoff_us: int, wanted: _Wanted) -> list[Forgotten]:
    from zanzibar_assets.store.housekeeping import champions_evidence, kept_signal_test
    from zanzibar_assets.store.versions import forget, releasable

    evidence = champions_evidence(workspace, history)
    found = releasable(history, cutoff_us, kept_signal_test(workspace), evidence)
    return forget(workspace.lake, [version for version in found if wanted(version.record)])


def _show_pruned(found: Sequence[Forgotten], *, as_json: bool) -> None:
    total = sum(item.bytes for item in found)
    if as_json:
        removed = [
            {"table": i.version.record.table, "partition": str(i.version.record.key),
             "fingerprint": i.version.record.fingerprint, "bytes": i.bytes}
            for i in found
        ]  # fmt: skip
        click.echo(json.dumps({"removed": removed, "bytes": total}, indent=2))
        return
    for item in found:
        click.echo(f"removed {item.version.record.fingerprint}  {_name(item.version.record)}")
    click.echo(f"{len(found)} versions removed, {total / 1e6:.1f} MB freed")


def _name(record: PartitionRecord) -> str:
    return f"{record.table} {record.key}"


def _time(stamp_us: int) -> str:
    from zanzibar_assets.vocabulary import from_us

    return f"{from_us(stamp_us):%Y-%m-%d %H:%M:%S} UTC"


def _version_json(version: PartitionVersion, store: PartitionStore) -> dict[str, Any]:
    record = version.record
    return {
        "table": record.table,
        "partition": str(record.key),
        "fingerprint": record.fingerprint,
        "rows": record.rows,
        "verdict": record.verdict.value,
        "schema_version": record.schema_version,
        "written": _time(record.written_us),
        "superseded": _time(version.superseded_us or 0),
        "superseded_by": version.superseded_by,
        "because": version.reason,
        "bytes_kept": record.fingerprint in store.kept(record.table, record.key, record.schema_version),
    }


def _version_lines(versions: Sequence[PartitionVersion]) -> list[str]:
    if not versions:
        return ["no partition was ever replaced by another one"]
    found = [
        f"{v.record.fingerprint}  {_name(v.record)}: superseded {_time(v.superseded_us or 0)}"
        f" by {v.superseded_by or 'nothing usable'}: {v.reason}"
        for v in versions[:SHOWN]
    ]
    more = len(versions) - SHOWN
    return found + ([f"... and {more} more (--json)"] if more > 0 else [])


def _stale_json(item: Stale) -> dict[str, Any]:
    return {
        "table": item.record.table,
        "partition": str(item.record.key),
        "direct": item.is_direct,
        "because": list(item.reasons),
        "chain": list(item.chain),
    }


def _stale_lines(stales: Sequence[Stale]) -> list[str]:
    if not stales:
        return ["nothing is stale"]
    found = [f"{len(stales)} partitions are stale: build them again"]
    for item in stales[:SHOWN]:
        why = "; ".join(item.reasons) or f"made from {' <- '.join(item.chain[1:])}"
        found.append(f"  {_name(item.record)}: {why}")
    more = len(stales) - SHOWN
    return found + ([f"  ... and {more} more (--json)"] if more > 0 else [])
