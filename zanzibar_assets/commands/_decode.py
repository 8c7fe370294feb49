"""What ``ticks`` and ``book`` share: streaming a decoded file to Parquet and its figures to JSON."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import click
import polars as pl

from zanzibar_assets.commands._out_files import kind_of, part_of, refuse_irregular
from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.store.parquet_files import ParquetWriter
from zanzibar_assets.vocabulary import from_us

SOURCE_SUFFIXES = (".scid", ".depth", ".dly", ".txt")


class ParquetStream:
    """Frames appended to one Parquet file, put in place only when complete; no path writes nothing."""

    def __init__(self, path: Path | None, source: Path, option: str = "--out") -> None:
        if path is not None:
            _refuse_unsafe(path, source, option)
        self._path = path
        self._part = part_of(path) if path else None
        self._file: BinaryIO | None = None
        self._writer: ParquetWriter | None = None

    def __enter__(self) -> ParquetStream:
        return self

    def write(self, frame: pl.DataFrame) -> None:
        """Append a frame; the first one fixes the columns."""
        if self._part is None:
            return
        if self._writer is None:
            self._file = self._part.open("wb")
            self._writer = ParquetWriter(self._file)
        self._writer.write(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._part is None or self._path is None or self._file is None or self._writer is None:
            return
        try:
            with self._file:
                self._writer.__exit__(kind, error, trace)
            if kind is None:
                self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)


def check_paths(source: Path, out: Path | None, quarantine: Path | None) -> None:
    """UsageError unless the source is a regular file and the outputs may be written, each its own file."""
    mode = source.stat().st_mode
    if not stat.S_ISREG(mode):
        raise UsageError(
            f"{source} cannot be decoded",
            expected="a regular file",
            got=kind_of(mode),
            action="save the records to a file and name that",
        )
    if out is not None:
        _refuse_unsafe(out, source, "--out")
    if quarantine is not None:
        _refuse_unsafe(quarantine, source, "--quarantine")
    if out is not None and quarantine is not None:
        taken = [path.resolve() for name in (out, quarantine) for path in (name, part_of(name))]
        if len(set(taken)) < len(taken):
            raise UsageError("--out and --quarantine write the same file", action="name two files")


def _refuse_unsafe(out: Path, source: Path, option: str) -> None:
    """UsageError when writing to ``out`` would destroy what is no output of ours or has nowhere to go."""
    if not out.parent.is_dir():
        raise UsageError(
            f"{option} {out} cannot be written",
            expected="a file in a folder that exists",
            action="make the folder or name another one",
        )
    refuse_irregular(out, option)
    if out.exists() and out.samefile(source):
        raise UsageError(f"{option} {out} is the file that is read", action="name another file")
    if out.suffix.lower() in SOURCE_SUFFIXES:
        raise UsageError(
            f"{option} {out} has the name of a source file",
            expected="a name such as ticks.parquet",
            action="name a .parquet file",
        )


def note_unknown(path: Path) -> None:
    """Say on standard error that a symbol is unknown and what follows from it."""
    symbol = symbol_of(path)
    if load_instruments().of_symbol(symbol) is None:
        click.echo(
            f"zanzibar: symbol {symbol!r} is in no source pattern of instruments.yaml: "
            "multipliers 1, prices not rounded to a tick",
            err=True,
        )


def iso(stamp_us: int | None) -> str | None:
    """ISO 8601 with Z of a stamp in microseconds; None stays None."""
    return None if stamp_us is None else from_us(stamp_us).isoformat().replace("+00:00", "Z")


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """One JSON document, or one line a figure for people."""
    if as_json:
        click.echo(json.dumps(result))
        return
    for name, value in result.items():
        if name == "warnings":  # said on standard error
            continue
        for one in value if isinstance(value, list) else [value]:
            click.echo(f"{name:<20} {one}")


def say_warnings(result: dict[str, Any]) -> None:
    """The document's warnings on standard error."""
    for warning in result["warnings"]:
        click.echo(f"zanzibar: warning: {warning}", err=True)
