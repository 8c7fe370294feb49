"""One ``.depth`` file replayed to a Parquet file and its figures."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from zanzibar_assets.commands._decode import ParquetStream, iso
from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion import book, book_frames, formats, scid
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments

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
