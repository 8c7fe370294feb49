"""``.scid`` to columns and to Parquet, beside the conversion that anyone would write first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.benchmarks.measure import Figure, read_plainly, side_by_side
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.file_frame import decode_frame
from zanzibar_assets.ingestion.record_kinds import GroupState
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.bulk import write_bulk

ROUNDS = 7
PARQUET_ROUNDS = 2
PLAIN_RECORDS = 500_000
NAIVE = "numpy.memmap to polars, time and side"
Write = Callable[[Path, Path], object]


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


def measure(folder: Path, records: int, seed: int, write: Write, say: Callable[[str], None]) -> list[Figure]:
    """Figures of one simulated file of ``records`` records, written into ``folder``.

    ``write`` decodes a file into a Parquet file as ``zanzibar ticks --out`` does.
    """
    instrument = load_instruments()["SIM_ES"]
    path = write_bulk(folder, instrument, records, seed, trades_per_session=200_000).ticks
    scale = scid.scale_of(symbol_of(path), instrument)
    header = formats.read_header(path)
    say(f"{records} simulated records, {path.stat().st_size / 1e6:.0f} MB: decoding")
    seconds = side_by_side(
        {
            "read": lambda: read_plainly(path),
            "naive": lambda: naive_frame(path),
            "compact": lambda: decode_frame(path, scale),
            "raw": lambda: sum(frame.height for frame in scid.iter_chunks(path, header, scale)),
        },
        ROUNDS,
    )
    compact, raw = seconds["compact"], seconds["raw"]
    return [
        Figure("scid_to_frame", compact, "s", NAIVE, seconds["naive"]),
        Figure("scid_to_frame_against_reading", compact, "s", "plain sequential read", seconds["read"]),
        Figure("scid_to_frame_rate", records / compact / 1e6, "million records/s"),
        Figure("scid_to_raw_ticks_in_chunks", raw, "s", NAIVE, seconds["naive"]),
        _plain_figure(path, header, scale),
        *_parquet_figures(folder, path, write, say),
    ]


def _plain_figure(path: Path, header: formats.FileHeader, scale: scid.Scale) -> Figure:
    """The compiled decoding beside our own plain one, which it equals."""
    records = np.array(formats.map_records(path, header, 0, min(header.records, PLAIN_RECORDS)))
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
    """``ticks --out`` beside the naive decoding and polars' default write of the same frame."""
    say("decoding to Parquet")
    ours, default = folder / "ours.parquet", folder / "default.parquet"
    write(path, ours)
    same = pl.read_parquet(ours)

    def naive() -> None:
        naive_frame(path)
        same.write_parquet(default)

    seconds = side_by_side({"ours": lambda: write(path, ours), "naive": naive}, PARQUET_ROUNDS)
    peer = "naive frame, then polars' write_parquet of the same rows"
    return [
        Figure("scid_to_parquet", seconds["ours"], "s", peer, seconds["naive"]),
        Figure("parquet_bytes", ours.stat().st_size, "bytes", peer, default.stat().st_size),
    ]
