"""One ``.depth`` file replayed to a Parquet file and its figures."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from zanzibar_assets.commands._decode import ParquetStream, iso, print_result
from zanzibar_assets.commands._decode_quarantine import (
    DepthDefects,
    PutAside,
    same_count,
    version_warning,
    warnings_of,
)
from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion import book, book_frames, formats, full_book, scid
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import to_us

_STEP_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000, "h": 3_600_000_000}


def parse_step_us(step: str) -> int:
    """Microseconds of a grid step such as ``100ms``, ``1s`` or ``0``; UsageError otherwise."""
    found = re.fullmatch(r"(\d+)(us|ms|s|min|m|h)?", step.strip())
    if not found or (found[2] is None and int(found[1]) != 0):
        raise UsageError(
            f"{step!r} is no grid step",
            expected="0, or a whole number with a unit us, ms, s, m or h",
            action="write for instance 500ms",
        )
    micros = int(found[1]) * _STEP_US[found[2] or "us"]
    if micros > formats.US_PER_DAY:
        raise UsageError(f"grid step {step!r} is longer than a day", expected="at most 24h")
    return micros


def replay_book(
    path: Path, levels: int, every: str, out: Path | None, quarantine: Path | None = None
) -> dict[str, Any]:
    """Figures of one replayed depth file, its rows written to ``out``, those put aside to ``quarantine``.

    records = applied + quarantined + unfinished_records; a batch of which every record is put aside
    counts under ``quarantined_batches``.
    """
    began = time.perf_counter()
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    state, tally, rows = book.Book(levels, parse_step_us(every)), book_frames.ReplayTally(), 0
    header, defects = _depth_header(path), DepthDefects()
    with ParquetStream(out, path) as stream, PutAside(quarantine, path, header) as aside:
        for frame in book_frames.replay_file(path, scale, state, tally):
            rows += frame.height
            stream.write(frame)
        if rows == 0:
            stream.write(book_frames.price_frame(state.finish(), levels, scale))
        if tally.defective:
            defects.read(path, header, tally.records, scale, aside)
            same_count(path, tally.defective, aside.count)
    unfinished = tally.unfinished_records - defects.open_aside
    return {
        "records": tally.records,
        "applied": tally.records - tally.defective - unfinished,
        "batches": state.count("BATCHES") - defects.empty_batches,
        "quarantined_batches": defects.empty_batches,
        "snapshots": state.count("CLEARS"),
        "rows": rows,
        "crossed_batches": state.count("CROSSED"),
        "locked_batches": state.count("LOCKED"),
        "unknown_deletes": state.count("UNKNOWN_DELETES"),
        "quarantined": tally.defective,
        **aside.figures(),
        "unfinished_records": unfinished,
        "torn_bytes": header.torn_bytes,
        "first_utc": iso(tally.first_us),
        "last_utc": iso(tally.last_us),
        "simulated": header.simulated,
        "warnings": warnings_of(header, tally.records, defects.priced, aside)
        + _unfinished_warning(tally.records, state.count("BATCHES")),
        "seconds": round(time.perf_counter() - began, 6),
    }


def _depth_header(path: Path) -> formats.FileHeader:
    header = formats.read_header(path)
    if header.kind != "depth":
        raise FormatError(
            f"{path} is no depth file",
            expected="b'SCDD'",
            got=f"a .{header.kind} file",
            action="use `zanzibar ticks`",
        )
    return header


def _unfinished_warning(records: int, batches: int) -> list[str]:
    if batches or not records:
        return []
    return [
        f"none of {records} records ends a batch: the book was never whole, there are no rows; "
        "wait until the file is longer, or copy it again"
    ]


def parse_instant_us(text: str) -> int:
    """UTC microseconds of an ISO instant with a zone; UsageError otherwise."""
    try:
        return to_us(datetime.fromisoformat(text))
    except ValueError:
        raise UsageError(
            f"{text!r} is no instant", expected="a date and time with a zone, such as 2023-12-26T01:00:00Z"
        ) from None


def full_book_at(path: Path, at: str, every: str, levels: int | None, out: Path | None) -> dict[str, Any]:
    """Figures and levels of the full book at an instant, its rows written to ``out``.

    ``bids`` and ``asks`` count all levels; of them the best ``levels`` a side are given, None: all.
    """
    instant_us = parse_instant_us(at)
    if parse_step_us(every):
        raise UsageError("--at and --every exclude each other", action="leave one of the two out")
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    header = _depth_header(path)
    found = full_book.book_at(path, instant_us, scale)
    shown = found.levels
    if levels is not None:
        shown = shown.group_by("side", maintain_order=True).head(levels).select(shown.columns)
    with ParquetStream(out, path) as stream:
        stream.write(shown)
    sides = found.levels["side"]
    return {
        "at_utc": iso(instant_us),
        "as_of_utc": iso(found.as_of_us),
        "snapshot_before": found.seeded,
        "bids": int((sides == "bid").sum()),
        "asks": int((sides == "ask").sum()),
        "simulated": header.simulated,
        "warnings": version_warning(header) + _nothing_before(header.records, found.as_of_us),
        "levels": shown.to_dicts(),
    }


def _nothing_before(records: int, as_of_us: int | None) -> list[str]:
    return ["no complete batch came before this instant"] if records and as_of_us is None else []


def print_full_book(result: dict[str, Any], as_json: bool) -> None:
    """The full book: JSON with its levels, or figures and a line a level."""
    if as_json:
        print_result(result, as_json)
        return
    print_result({name: value for name, value in result.items() if name != "levels"}, as_json)
    for level in result["levels"]:
        click.echo(f"{level['side']} {level['price']:>14} {level['size']:>12g} {level['orders']:>6}")
