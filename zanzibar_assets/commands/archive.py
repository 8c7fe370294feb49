"""``zanzibar archive``: keep Sierra's depth files, or bring one back."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zanzibar_assets.config import Config
    from zanzibar_assets.ingestion.depth_archive_files import Archived


@click.command(
    name="archive",
    epilog="Example:  zanzibar archive --sierra-data C:/SierraChart/Data   (back: --restore FILE.depth)",
)
@click.option(
    "--sierra-data", type=click.Path(path_type=Path), help="Sierra's Data folder; else the configured one."
)
@click.option("--restore", metavar="NAME", help="Bring this file back from the archive instead.")
@click.option("--version", type=click.IntRange(min=1), help="With --restore: that version, not the newest.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="With --restore: into this folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(
    sierra_data: Path | None, restore: str | None, version: int | None, out: Path | None, as_json: bool
) -> None:
    """Copy depth files whose UTC day is over into the archive, compressed and read back to compare.

    Sierra Chart keeps about thirty days of depth. A file that is another one later makes a further
    version. Every stored copy is read again: a damaged one is made anew while its source is there, else
    it is named and the exit code is 1. A restored file is put where market data is looked for when
    Sierra's folder lacks it.
    """
    from zanzibar_assets.config import load_config
    from zanzibar_assets.errors import UsageError

    config = load_config()
    if restore is None and (version is not None or out is not None):
        raise UsageError("--version and --out belong to --restore", action="add --restore NAME")
    if out is not None and not out.is_dir():
        raise UsageError(f"--out {out} cannot be written", expected="a folder that exists")
    result = _archive(config, sierra_data) if restore is None else _restore(config, restore, version, out)
    click.echo(json.dumps(result) if as_json else "\n".join(_lines(result)))
    if result.get("damaged"):
        raise click.exceptions.Exit(1)


def _archive(config: Config, sierra_data: Path | None) -> dict[str, Any]:
    from zanzibar_assets.errors import ConfigError
    from zanzibar_assets.ingestion.depth_archive import archive_depth, archived_files
    from zanzibar_assets.ingestion.sources import sierra_paths
    from zanzibar_assets.vocabulary import to_us

    folder = sierra_data or config.sierra_dir
    if folder is None:
        raise ConfigError(
            "no Sierra folder is configured", action="give --sierra-data, or set sierra_dir in zanzibar.yaml"
        )
    paths = sierra_paths(folder, config.depth_dir if sierra_data is None else None)
    done = archive_depth(paths, config.depth_archive_dir, to_us(datetime.now(UTC)))
    kept = archived_files(config.depth_archive_dir)
    return {
        "archive": str(config.depth_archive_dir),
        "archived": [asdict(note) for note in done.archived],
        "unchanged": list(done.unchanged),
        "left": [{"source": name, "reason": reason} for name, reason in done.left],
        "repaired": [asdict(note) for note in done.repaired],
        "damaged": [asdict(note) for note in done.damaged],
        "held": _held(kept),
    }


def _held(kept: list[Archived]) -> dict[str, Any]:
    return {
        "files": len({note.source for note in kept}),
        "versions": len(kept),
        "bytes": sum(note.bytes for note in kept),
        "compressed_bytes": sum(note.compressed_bytes for note in kept),
        "copies": [
            {"source": note.source, "version": note.version, "bytes": note.bytes,
             "compressed_bytes": note.compressed_bytes, "archived_at": note.archived_at}
            for note in kept
        ],
    }  # fmt: skip


def _restore(config: Config, name: str, version: int | None, out: Path | None) -> dict[str, Any]:
    from zanzibar_assets.ingestion.depth_archive import restore

    path = restore(config.depth_archive_dir, name, out or config.restored_depth_dir, version)
    return {"restored": str(path), "bytes": path.stat().st_size}


def _lines(result: dict[str, Any]) -> list[str]:
    if "restored" in result:
        return [f"{result['restored']}: {result['bytes']} bytes, as they were archived"]
    lines = [
        f"archived   {note['source']} version {note['version']}: "
        f"{note['bytes']} -> {note['compressed_bytes']} bytes"
        for note in result["archived"]
    ]
    lines += [f"left       {item['source']}: {item['reason']}" for item in result["left"]]
    held = result["held"]
    lines += [
        f"held       {copy['source']} version {copy['version']}: "
        f"{copy['compressed_bytes']} of {copy['bytes']} bytes, archived {copy['archived_at']}"
        for copy in held["copies"]
    ]
    lines += [
        f"repaired   {note['source']} version {note['version']}: the stored copy was damaged; "
        f"made anew from its source, the damaged one kept as {note['file']}*.damaged"
        for note in result["repaired"]
    ]
    lines += [
        f"damaged    {note['source']} version {note['version']}: the stored copy {note['file']} is not what "
        "was archived, and Sierra's folder has no file with those bytes: bring the copy back from a backup"
        for note in result["damaged"]
    ]
    return [
        *lines,
        f"{len(result['archived'])} archived, {len(result['unchanged'])} unchanged, "
        f"{len(result['left'])} left, {len(result['repaired'])} repaired, {len(result['damaged'])} damaged; "
        f"{held['files']} files in {result['archive']}, {held['compressed_bytes']} of {held['bytes']} bytes",
    ]
