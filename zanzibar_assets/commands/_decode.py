"""What ``ticks`` and ``book`` share: streaming a decoded file to Parquet and its figures to JSON."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import click
import polars as pl

from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion import book, formats, scid, text
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import from_us

TICK_COLUMNS = ("ts_utc", "seq", "price", "size", "side", "bid", "ask", "trade_id", "kind", "zero_size")
BAR_COLUMNS = ("open", "high", "low", "trades")
SOURCE_SUFFIXES = (".scid", ".depth", ".dly", ".txt")
_STEP_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000, "h": 3_600_000_000}


class ParquetStream:
    """Frames appended to one Parquet file, put in place only when complete; no path writes nothing."""

    def __init__(self, path: Path | None, source: Path) -> None:
        if path is not None:
            _refuse_unsafe(path, source)
        self._path = path
        self._writer: Any = None  # pyarrow ships no types
        self._part = path.with_name(path.name + ".part") if path else None

    def __enter__(self) -> ParquetStream:
        return self

    def write(self, frame: pl.DataFrame) -> None:
        """Append a frame; the first one fixes the columns."""
        if self._part is None:
            return
        import pyarrow.parquet as pq

        table = frame.to_arrow()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, table.schema, compression="zstd")
        self._writer.write_table(table.cast(self._writer.schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._part is None or self._path is None or not self._part.exists():
            return
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink()


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


def decode_ticks(path: Path, zone: str | None, out: Path | None) -> dict[str, Any]:
    """Figures of one decoded file, its rows written to ``out`` when that is given."""
    began = time.perf_counter()
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    frames, torn = _tick_frames(path, zone, scale)
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    span: tuple[int, int] | None = None
    aggregated = out is not None and _is_aggregated(path, scale)
    with ParquetStream(out, path) as stream:
        for raw in frames:
            totals["records"] += raw.height
            reasons.update(dict(raw["defect"].drop_nulls().value_counts().iter_rows()))
            kept = raw.filter(pl.col("defect").is_null())
            totals["rows"] += kept.height
            totals.update(_volumes(kept, scale))
            span = _wider(span, kept["ts_utc"].dt.timestamp("us"))
            stream.write(_tick_columns(kept, aggregated=aggregated))
        if not totals["records"]:
            stream.write(_tick_columns(_no_ticks(), aggregated=aggregated))
    return {
        "records": totals["records"],
        "rows": totals["rows"],
        "quarantined": totals["records"] - totals["rows"],
        "quarantined_by": dict(sorted(reasons.items())),
        "torn_bytes": torn,
        "first_utc": _iso(span and span[0]),
        "last_utc": _iso(span and span[1]),
        "volume": totals["size"],
        "bid_volume": totals["bid_volume"],
        "ask_volume": totals["ask_volume"],
        "simulated": _is_simulated(path),
        "seconds": round(time.perf_counter() - began, 6),
    }


def _volumes(kept: pl.DataFrame, scale: scid.Scale) -> dict[str, int]:
    """Summed volumes in the file's own whole units."""
    names = ("size", "bid_volume", "ask_volume")
    units = kept.select(
        (pl.col(name) / scale.volume_multiplier).round().cast(pl.Int64).sum() for name in names
    )
    return dict(zip(names, units.row(0), strict=True))


def _wider(span: tuple[int, int] | None, stamps: pl.Series) -> tuple[int, int] | None:
    """First and last stamp seen so far."""
    if stamps.is_empty():
        return span
    values = stamps.to_numpy()
    first, last = int(values.min()), int(values.max())
    return (first, last) if span is None else (min(first, span[0]), max(last, span[1]))


def _tick_frames(path: Path, zone: str | None, scale: scid.Scale) -> tuple[Iterator[pl.DataFrame], int]:
    if text.is_text(path):
        if zone is None:
            raise UsageError(
                f"{path.name} is a text export in the chart's time zone",
                expected="--tz ZONE",
                action="add the chart's zone, for instance --tz America/Chicago",
            )
        return text.iter_text_chunks(path, text.zone_of(zone), scale), 0
    header = formats.read_header(path)
    if header.kind != "scid":
        raise FormatError(f"{path} is a depth file", expected="a .scid file", action="use `zanzibar book`")
    return scid.iter_chunks(path, header, scale), header.torn_bytes


def _is_aggregated(path: Path, scale: scid.Scale) -> bool:
    """Whether the rows get the bar columns: any ``.scid`` record is a bar, or it is a bar data export."""
    return text.is_text(path) or scid.any_bars(path, formats.read_header(path), scale)


def _no_ticks() -> pl.DataFrame:
    from zanzibar_assets.contracts.registry import empty

    return empty("raw_ticks")


def _tick_columns(kept: pl.DataFrame, *, aggregated: bool) -> pl.DataFrame:
    zero = (pl.col("size") == 0) & (pl.col("kind") != "quote")
    columns = (*TICK_COLUMNS, *BAR_COLUMNS) if aggregated else TICK_COLUMNS
    return kept.with_columns(zero_size=zero).select(columns)


def _is_simulated(path: Path) -> bool:
    return not text.is_text(path) and formats.read_header(path).simulated


def parse_step_us(step: str) -> int:
    """Microseconds of a grid step such as ``100ms``, ``1s`` or ``0``; UsageError otherwise."""
    found = re.fullmatch(r"(\d+)(us|ms|s|min|m|h)?", step.strip())
    if not found or (found[2] is None and int(found[1]) != 0):
        raise UsageError(f"{step!r} is no grid step", expected="0, or a number with us, ms, s, m or h")
    micros = int(found[1]) * _STEP_US[found[2] or "us"]
    if micros > formats.US_PER_DAY:
        raise UsageError(f"grid step {step!r} is longer than a day", expected="at most 24h")
    return micros


def replay_book(path: Path, levels: int, every: str, out: Path | None) -> dict[str, Any]:
    """Figures of one replayed depth file, its rows written to ``out`` when that is given."""
    began = time.perf_counter()
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    state, tally, rows = book.Book(levels, parse_step_us(every)), book.ReplayTally(), 0
    header = formats.read_header(path)
    with ParquetStream(out, path) as stream:
        for frame in book.replay_file(path, scale, state, tally):
            rows += frame.height
            stream.write(frame)
        if rows == 0:
            stream.write(book.price_frame(state.finish(), levels, scale))
    return {
        "records": tally.records,
        "batches": state.count("BATCHES"),
        "snapshots": state.count("CLEARS"),
        "rows": rows,
        "crossed_batches": state.count("CROSSED"),
        "locked_batches": state.count("LOCKED"),
        "unknown_deletes": state.count("UNKNOWN_DELETES"),
        "quarantined": tally.defective,
        "unfinished_records": tally.unfinished_records,
        "torn_bytes": header.torn_bytes,
        "first_utc": _iso(tally.first_us),
        "last_utc": _iso(tally.last_us),
        "simulated": header.simulated,
        "seconds": round(time.perf_counter() - began, 6),
    }


def _iso(stamp_us: int | None) -> str | None:
    return None if stamp_us is None else from_us(stamp_us).isoformat().replace("+00:00", "Z")


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """One JSON document, or one line a figure for people."""
    if as_json:
        click.echo(json.dumps(result))
        return
    for name, value in result.items():
        click.echo(f"{name:<20} {value}")
