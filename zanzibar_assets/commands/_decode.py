"""What ``ticks`` and ``book`` share: streaming a decoded file to Parquet and its figures to JSON."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import click
import polars as pl

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.store.parquet_files import ParquetWriter
from zanzibar_assets.vocabulary import from_us

SOURCE_SUFFIXES = (".scid", ".depth", ".dly", ".txt")


class ParquetStream:
    """Frames appended to one Parquet file, put in place only when complete; no path writes nothing."""

    def __init__(self, path: Path | None, source: Path) -> None:
        if path is not None:
            _refuse_unsafe(path, source)
        self._path = path
        self._part = path.with_name(path.name + ".part") if path else None
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


def _refuse_unsafe(out: Path, source: Path) -> None:
    """UsageError when writing to ``out`` would destroy market data or has nowhere to go."""
    if out.exists() and out.samefile(source):
        raise UsageError(f"--out {out} is the file that is read", action="name another file")
    if out.suffix.lower() in SOURCE_SUFFIXES:
        raise UsageError(
            f"--out {out} has the name of a source file",
            expected="a name such as ticks.parquet",
            action="name a .parquet file",
        )
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out {out} cannot be written", expected="a file in a folder that exists")


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
        click.echo(f"{name:<20} {value}")
