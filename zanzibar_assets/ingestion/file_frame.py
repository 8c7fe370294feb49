"""A ``.scid`` file as a frame of its own columns, at the speed at which memory takes them.

What the file says, not yet what it means: Float32 prices in the feed's units, where Open, High and
Low of a single trade are its mark, its ask and its bid. ``scid.iter_chunks`` gives the raw tick
table (kinds, true prices, trade ids, defects); ``true_price`` gives true prices of a column here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.arena import Arena
from zanzibar_assets.ingestion.record_blocks import load_records, open_file, read_into
from zanzibar_assets.ingestion.record_kinds import Bools, Records, flat_ticks, single_trades
from zanzibar_assets.ingestion.scid import Scale, holds_bars, to_prices
from zanzibar_assets.ingestion.scid_columns import UTC, optional

BLOCK_RECORDS = 1 << 15
"""Records that a thread reads and spreads at a time: 1.3 MB, which stay in its cache; a multiple of 8."""
COMPILED_FROM_RECORDS = 100_000
"""Shorter files are read sooner than the compiled loops are loaded."""
PRICES = ("open", "high", "low", "close")
COUNTS = ("trades", "volume", "bid_volume", "ask_volume")


def decode_frame(path: Path, scale: Scale) -> pl.DataFrame:
    """All records of a ``.scid`` file: ts_utc, open, high, low, close, the four counts, side.

    ``ts_utc`` Datetime[us, UTC] (null where the stamp cannot be true; both stamp forms), prices Float32
    and counts UInt32 as the file holds them, ``side`` Int8 of single trades (+1 buyer, -1 seller, 0
    unknown, bar or quote). 41 bytes a record, in one allocation. Raises FormatError when the file is
    no Sierra file, SourceError when it is cut while it is read.
    """
    header = formats.read_header(path)
    bars_only = holds_bars(path, header, scale)
    if header.records < COMPILED_FROM_RECORDS:
        return plain_frame(load_records(path, header, 0, header.records), bars_only=bars_only)
    return compiled_frame(path, header, bars_only=bars_only)


def true_price(column: str, scale: Scale) -> pl.Expr:
    """Expression for true prices (Float64) of a price column: multiplier applied, on the tick grid.

    Values that lie off the grid keep the file's own value; marks of single trades are no prices.
    """
    return pl.col(column).map_batches(
        lambda raw: pl.Series(raw.name, to_prices(raw.to_numpy(), scale)[0]),
        return_dtype=pl.Float64,
        is_elementwise=True,
    )


def plain_frame(records: Records, *, bars_only: bool) -> pl.DataFrame:
    """``decode_frame`` of records at hand in plain numpy: the reference of the compiled way."""
    unix, stamp_ok = formats.unix_stamps(records["stamp"])
    single = single_trades(records)[0]
    side = (records["ask_volume"] > 0).astype(np.int8) - (records["bid_volume"] > 0).astype(np.int8)
    traded = single & ~_quotes(records)
    if not bars_only:
        traded |= flat_ticks(records) & ~single
    columns = {name: np.ascontiguousarray(records[name]) for name in PRICES + COUNTS}
    return _frame(unix, stamp_ok, columns, np.where(traded, side, np.int8(0)))


def _quotes(records: Records) -> Bools:
    """Bid/ask updates: one trade of no size, Open 0, both quotes there."""
    quoted = (records["high"] != 0) & (records["low"] != 0) & (records["open"] == 0)
    return np.asarray(quoted & (records["trades"] == 1) & (records["volume"] == 0))


def _frame(
    unix: NDArray[np.int64], stamp_ok: Bools | None, columns: dict[str, NDArray[Any]], side: NDArray[np.int8]
) -> pl.DataFrame:
    if stamp_ok is None or stamp_ok.all():
        stamps = pl.Series(unix).cast(UTC)
    else:
        stamps = optional(unix, np.packbits(stamp_ok, bitorder="little"), pl.Int64).cast(UTC)
    return pl.DataFrame({"ts_utc": stamps, **columns, "side": side})


@dataclass(frozen=True, slots=True)
class _Columns:
    """Room for the columns of a frame; ``valid`` holds a bit a stamp."""

    unix: NDArray[np.int64]
    words: tuple[NDArray[np.uint32], ...]
    side: NDArray[np.int8]
    valid: NDArray[np.uint8]


def _room_for(count: int) -> _Columns:
    arena = Arena((count, np.int64), *[(count, np.uint32)] * 8, (count, np.int8))
    return _Columns(
        arena.take(count, np.int64),
        tuple(arena.take(count, np.uint32) for _ in range(8)),
        arena.take(count, np.int8),
        np.full((count + 7) // 8, 255, dtype=np.uint8),
    )


def compiled_frame(path: Path, header: formats.FileHeader, *, bars_only: bool) -> pl.DataFrame:
    """``decode_frame`` of a whole file on all processors, a block of it at a time."""
    filled = _room_for(header.records)
    starts = iter(range(0, header.records, BLOCK_RECORDS))
    workers = min(os.cpu_count() or 1, -(-header.records // BLOCK_RECORDS))

    def work(_: int) -> bool:
        return _spread_blocks(path, header, starts, filled, bars_only)

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        bad = any([*pool.map(work, range(workers))])
    names = zip(PRICES + COUNTS, filled.words, strict=True)
    columns: dict[str, NDArray[Any]] = {
        name: words.view(np.float32) if name in PRICES else words for name, words in names
    }
    stamp_ok = np.unpackbits(filled.valid, count=header.records, bitorder="little") == 1 if bad else None
    return _frame(filled.unix, stamp_ok, columns, filled.side)


def _spread_blocks(
    path: Path, header: formats.FileHeader, starts: Iterator[int], columns: _Columns, bars_only: bool
) -> bool:
    """Read and spread blocks until none is left; True when a stamp in one of them cannot be true."""
    from zanzibar_assets.ingestion import _file_frame_kernel

    kernel: Any = _file_frame_kernel  # numba's stubs know no varargs
    buffer = np.empty(BLOCK_RECORDS * header.record_bytes, dtype=np.uint8)
    bad = False
    with open_file(path) as stream:
        for start in starts:
            end = min(start + BLOCK_RECORDS, header.records)
            block = buffer[: (end - start) * header.record_bytes]
            offset = header.header_bytes + start * header.record_bytes
            read_into(stream, str(path), block.data, offset)
            records, days, singles = kernel.views(block)
            unix, side = columns.unix[start:end], columns.side[start:end]
            if not kernel.copy_block(records, unix, *(words[start:end] for words in columns.words), side):
                valid = columns.valid[start // 8 : (end + 7) // 8]
                bad |= kernel.mend_block(records, days, singles, bars_only, unix, side, valid)
    return bad
