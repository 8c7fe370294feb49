"""One ``.depth`` file replayed to a Parquet file and its figures."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from zanzibar_assets.commands._decode import ParquetStream, iso, print_result
from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion import book, book_frames, formats, full_book, scid
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import to_us

_STEP_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000, "h": 3_600_000_000}


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
    state, tally, rows = book.Book(levels, parse_step_us(every)), book_frames.ReplayTally(), 0
    header = formats.read_header(path)
    with ParquetStream(out, path) as stream:
        for frame in book_frames.replay_file(path, scale, state, tally):
            rows += frame.height
            stream.write(frame)
        if rows == 0:
            stream.write(book_frames.price_frame(state.finish(), levels, scale))
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
        "first_utc": iso(tally.first_us),
        "last_utc": iso(tally.last_us),
        "simulated": header.simulated,
        "seconds": round(time.perf_counter() - began, 6),
    }


def parse_instant_us(text: str) -> int:
    """UTC microseconds of an ISO instant with a zone; UsageError otherwise."""
    try:
        return to_us(datetime.fromisoformat(text))
    except ValueError:
        raise UsageError(
            f"{text!r} is no instant", expected="a date and time with a zone, such as 2023-12-26T01:00:00Z"
        ) from None


def print_full_book(path: Path, at: str, every: str, out: Path | None, as_json: bool) -> None:
    """The full book at an instant: JSON with its levels, or figures and a line a level; rows to ``out``."""
    instant_us = parse_instant_us(at)
    if parse_step_us(every):
        raise UsageError("--at and --every exclude each other", action="leave one of the two out")
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    found = full_book.book_at(path, instant_us, scale)
    with ParquetStream(out, path) as stream:
        stream.write(found.levels)
    sides = found.levels["side"]
    result: dict[str, Any] = {
        "at_utc": iso(instant_us),
        "as_of_utc": iso(found.as_of_us),
        "snapshot_before": found.seeded,
        "bids": int((sides == "bid").sum()),
        "asks": int((sides == "ask").sum()),
        "simulated": formats.read_header(path).simulated,
    }
    if as_json:
        print_result({**result, "levels": found.levels.to_dicts()}, as_json)
        return
    print_result(result, as_json)
    for side, _, price, size, orders in found.levels.iter_rows():
        click.echo(f"{side} {price:>14} {size:>12g} {orders:>6}")
