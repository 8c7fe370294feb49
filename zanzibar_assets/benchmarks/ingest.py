"""``.scid`` to columns and to Parquet, beside the conversion that anyone would write first."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.benchmarks.measure import Figure, read_plainly, side_by_side
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.file_frame import decode_frame
from zanzibar_assets.ingestion.record_blocks import load_records
from zanzibar_assets.ingestion.record_kinds import GroupState
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.bulk import write_bulk
from zanzibar_assets.store.parquet_files import write_frame

ROUNDS = 9
PARQUET_ROUNDS = 5
PLAIN_RECORDS = 500_000
NAIVE = "numpy.memmap to polars, time and side"
READ = "plain sequential read of the file, warm"
DEFAULT = "polars' write_parquet, default settings, of the same rows at hand"
HUGE_BYTES, HUGE_LIMIT_BYTES = 10_000_000_000, 2_000_000_000
Write = Callable[[Path, Path], object]
"""Decodes a file into a Parquet file as ``zanzibar ticks --out`` does."""
Apart = Callable[[Path, Path | None, int | None], dict[str, int]]
"""Figures of a process that decodes a file (to Parquet, within a limit): see ``_decode_memory``."""


def naive_frame(path: Path) -> pl.DataFrame:
    """The straightforward conversion: mapped fields to columns, time and side by expressions."""
    header = formats.read_header(path)
    records = np.memmap(path, dtype=formats.SCID_DTYPE, mode="r", offset=header.header_bytes)
    frame = pl.DataFrame({name: records[name] for name in formats.SCID_DTYPE.names or ()})
    return frame.with_columns(
        ts_utc=(pl.col("stamp") - formats.SC_UNIX_OFFSET_US).cast(pl.Datetime("us", "UTC")),
        side=pl.when(pl.col("ask_volume") > 0)
        .then(1)
        .when(pl.col("bid_volume") > 0)
        .then(-1)
        .otherwise(0)
        .cast(pl.Int8),
    ).select("ts_utc", *(name for name in frame.columns if name != "stamp"), "side")


def measure(
    folder: Path,
    records: int,
    seed: int,
    write: Write,
    apart: Apart,
    say: Callable[[str], None],
    *,
    huge: bool = False,
) -> list[Figure]:
    """Figures of one simulated file of ``records`` records, written into ``folder``.

    ``huge`` adds a file of 10 GB decoded by a process that may hold 2 GB. Raises SystemExit when the
    naive frame is another than ours.
    """
    instrument = load_instruments()["SIM_ES"]
    path = write_bulk(folder, instrument, records, seed, trades_per_session=200_000).ticks
    scale = scid.scale_of(symbol_of(path), instrument)
    header = formats.read_header(path)
    _same(decode_frame(path, scale), naive_frame(path))
    say(f"{records} simulated records, {path.stat().st_size / 1e6:.0f} MB: decoding")
    seconds = side_by_side(
        {
            "read": lambda: read_plainly(path),
            "naive": lambda: naive_frame(path),
            "frame": lambda: decode_frame(path, scale),
            "raw": lambda: sum(frame.height for frame in scid.iter_chunks(path, header, scale)),
        },
        ROUNDS,
    )
    frame, raw = seconds["frame"], seconds["raw"]
    return [
        Figure("scid_to_frame", frame, "s", NAIVE, seconds["naive"], wanted=4),
        Figure("scid_to_frame_against_reading", frame, "s", READ, seconds["read"], wanted=0.333),
        Figure("scid_to_frame_rate", records / frame / 1e6, "million records/s"),
        Figure("scid_to_raw_ticks_in_chunks", raw, "s", NAIVE, seconds["naive"]),
        _plain_figure(path, header, scale),
        *_parquet_figures(folder, path, write, say),
        *_memory_figures(folder, path, apart, say),
        *(_huge_figures(folder, path, apart, say) if huge else []),
    ]


def _same(ours: pl.DataFrame, naive: pl.DataFrame) -> None:
    """SystemExit unless both hold the same values in columns of the same names and types."""
    if ours.schema != naive.schema or not ours.equals(naive):
        raise SystemExit(f"the frames differ: {ours.schema} and {naive.schema}")


def _plain_figure(path: Path, header: formats.FileHeader, scale: scid.Scale) -> Figure:
    """The compiled decoding beside our own plain one, which it equals."""
    records = load_records(path, header, 0, min(header.records, PLAIN_RECORDS))
    seconds = side_by_side(
        {
            "compiled": lambda: scid.decode_records(records, 0, scale, GroupState(), bars_only=False),
            "plain": lambda: scid.decode_plainly(records, 0, scale, GroupState(), bars_only=False),
        },
        3,
    )
    what = f"raw_ticks_of_{len(records)}_records"
    return Figure(what, seconds["compiled"], "s", "our plain numpy decoding", seconds["plain"])


def _parquet_figures(folder: Path, path: Path, write: Write, say: Callable[[str], None]) -> list[Figure]:
    """``ticks --out`` beside the naive decoding and polars' default write of the same rows."""
    say("decoding to Parquet")
    ours, default = folder / "ours.parquet", folder / "default.parquet"
    write(path, ours)
    same = pl.read_parquet(ours).rechunk()

    def naive() -> None:
        naive_frame(path)
        same.write_parquet(default)

    seconds = side_by_side(
        {
            "ours": lambda: write(path, ours),
            "naive": naive,
            "default": lambda: same.write_parquet(default),
            "frame": lambda: write_frame(same, folder / "frame.parquet"),
            "read": lambda: pl.read_parquet(ours),
            "read_default": lambda: pl.read_parquet(default),
        },
        PARQUET_ROUNDS,
    )
    both = f"{NAIVE}, then {DEFAULT}"
    sizes = (ours.stat().st_size, default.stat().st_size)
    return [
        Figure("scid_to_parquet", seconds["ours"], "s", both, seconds["naive"], wanted=2),
        Figure("scid_to_parquet_against_write", seconds["ours"], "s", DEFAULT, seconds["default"]),
        Figure("write_parquet", seconds["frame"], "s", DEFAULT, seconds["default"], wanted=2),
        Figure("parquet_bytes", sizes[0], "bytes", DEFAULT, sizes[1], wanted=1),
        Figure(
            "read_parquet", seconds["read"], "s", "polars' read of its default file", seconds["read_default"]
        ),
    ]


def _memory_figures(folder: Path, path: Path, apart: Apart, say: Callable[[str], None]) -> list[Figure]:
    """Peak memory of decoding beside the bytes of one decoded chunk."""
    say("decoding apart, for its memory")
    figures = []
    for what, out in (("decoding", None), ("scid_to_parquet", folder / "apart.parquet")):
        if found := apart(path, out, None):
            figures.append(_peak_figure(f"peak_memory_of_{what}", found))
    return figures


def _peak_figure(what: str, found: dict[str, int]) -> Figure:
    return Figure(what, found["peak_bytes"], "bytes", "one decoded chunk", found["chunk_bytes"], wanted=0.333)


def _huge_figures(folder: Path, path: Path, apart: Apart, say: Callable[[str], None]) -> list[Figure]:
    """A file of 10 GB to Parquet in a process whose writable memory is limited to 2 GB."""
    huge, out = folder / "huge" / path.name, folder / "huge.parquet"
    say(f"writing {HUGE_BYTES / 1e9:.0f} GB")
    repeat_records(path, huge, HUGE_BYTES)
    say(f"decoding {HUGE_BYTES / 1e9:.0f} GB within {HUGE_LIMIT_BYTES / 1e9:.0f} GB")
    began = time.perf_counter()
    found = apart(huge, out, HUGE_LIMIT_BYTES)
    seconds = time.perf_counter() - began
    rows = pl.scan_parquet(out).select(pl.len()).collect().item()
    huge.unlink()
    if rows != found.get("records", rows):
        raise SystemExit(f"{found['records']} records became {rows} rows")
    return [
        Figure("huge_records", rows, "records"),
        Figure("huge_seconds", seconds, "s"),
        Figure("huge_parquet_bytes", out.stat().st_size, "bytes", "the file", HUGE_BYTES),
        *([_peak_figure("huge_peak_memory", found)] if found else []),
    ]


def repeat_records(path: Path, target: Path, size_bytes: int) -> None:
    """A ``.scid`` file of about ``size_bytes``: the records of ``path`` again and again on later days."""
    header = formats.read_header(path)
    records = load_records(path, header, 0, header.records)
    days = int(np.ptp(records["stamp"])) // formats.US_PER_DAY + 1
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(path.read_bytes()[: header.header_bytes])
        for _ in range(max(1, size_bytes // records.nbytes)):
            file.write(records.data.cast("B"))
            records["stamp"] += days * formats.US_PER_DAY
