"""The fast way from ``.scid`` records to columns: one compiled pass on all processors.

Buffers are filled by the kernel and handed to polars without a copy; absent values are Arrow
validity bits. The plain numpy decoding in ``scid`` is the reference that every column equals.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ingestion.arena import Arena
from zanzibar_assets.ingestion.grid import EXACT_SLACK_TICKS, decimals_of, float32_noise, to_lots
from zanzibar_assets.ingestion.record_kinds import DEFECTS, KINDS, GroupState, Records

BLOCK_RECORDS = 1 << 16
"""Records a thread takes at a time: 2.6 MB of file; a multiple of 8, so that no two share a validity byte."""

COUNTS = ("trades", "volume", "bid_volume", "ask_volume")
UTC = pl.Datetime("us", "UTC")
KIND_TYPE = pl.Enum(KINDS)
DEFECT_TYPE = pl.Enum(DEFECTS)


@dataclass(frozen=True, slots=True)
class Columns:
    """Decoded buffers of a run of records; ``bits`` holds the validity of what may be absent.

    ``prices`` has a row each for price, bid, ask, open, high, low (true prices); ``counts`` one each
    for trades, volume, bid volume, ask volume (the file's units); rows may be longer than the run.
    """

    unix_us: NDArray[np.int64]
    kind: NDArray[np.uint8]
    side: NDArray[np.int8]
    prices: NDArray[np.float64]
    counts: NDArray[np.uint32]
    group: NDArray[np.int64]
    defect: NDArray[np.uint8]
    bits: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.unix_us)


def decode_columns(
    records: Records,
    first_seq: int,
    price_multiplier: float,
    tick_size: float | None,
    state: GroupState,
    *,
    bars_only: bool,
) -> Columns:
    """Columns of a run of ``.scid`` records; ``state`` is carried to the next run and updated."""
    from zanzibar_assets.ingestion import _scid_kernel

    kernel: Any = _scid_kernel  # numba's stubs know no varargs
    count = len(records)
    columns = _buffers(count, kernel.BIT_ROWS)
    if not count:
        return columns
    views = kernel.views(_aligned(records))
    scale, tolerance = _grid_constants(price_multiplier, tick_size)
    starts = range(0, count, BLOCK_RECORDS)
    states = np.zeros((len(starts), kernel.STATE_SLOTS), dtype=np.int64)

    def run(block: int) -> None:
        start = starts[block]
        kernel.decode(
            *views, start, min(start + BLOCK_RECORDS, count), first_seq, bars_only, scale, tolerance,
            columns.unix_us, columns.kind, columns.side, columns.prices, columns.counts, columns.group,
            columns.defect, columns.bits, states[block],
        )  # fmt: skip

    _on_all_processors(run, len(starts))
    for block, start in enumerate(starts):
        stop = min(start + BLOCK_RECORDS, count)
        _join(kernel, views[3], columns, start, stop, states[block], state)
    return columns


def _join(
    kernel: Any,
    words: Any,
    columns: Columns,
    start: int,
    stop: int,
    found: NDArray[np.int64],
    state: GroupState,
) -> None:
    """Carry an open unbundled trade into a block and out of it again."""
    mark = int(found[kernel.FIRST_MARK])
    if state.seq >= 0:
        kernel.join_block(
            words, columns.unix_us, columns.kind, columns.group, columns.bits, start, stop,
            state.seq, state.stamp_us, mark,
        )  # fmt: skip
    if mark >= 0:
        state.seq, state.stamp_us = int(found[kernel.OPEN_SEQ]), int(found[kernel.OPEN_US])


def _on_all_processors(run: Any, blocks: int) -> None:
    """Run each block once; threads of our own, as numba's pools bear neither forks nor two callers."""
    workers = min(blocks, os.cpu_count() or 1)
    if workers <= 1:
        for block in range(blocks):
            run(block)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(run, range(blocks)):
            pass


def _buffers(count: int, bit_rows: int) -> Columns:
    """Room for ``count`` records; a kernel fills what the validity bits then declare."""
    kinds = (np.int64, np.uint8, np.int8, *[np.float64] * 6, *[np.uint32] * 4, np.int64, np.uint8)
    arena = Arena(*((count, kind) for kind in kinds))
    return Columns(
        unix_us=arena.take(count, np.int64),
        kind=arena.take(count, np.uint8),
        side=arena.take(count, np.int8),
        prices=arena.take_rows(6, count, np.float64),
        counts=arena.take_rows(4, count, np.uint32),
        group=arena.take(count, np.int64),
        defect=arena.take(count, np.uint8),
        bits=np.zeros((bit_rows, (count + 7) // 8), dtype=np.uint8),
    )


def _aligned(records: Records) -> Records:
    """The records where numbers may be read in place; a header of odd length needs a copy."""
    plain = np.asarray(records)
    fits = plain.flags.c_contiguous and plain.ctypes.data % 8 == 0
    return plain if fits else np.array(plain)


def _grid_constants(multiplier: float, tick_size: float | None) -> tuple[Any, Any]:
    """Multiplier, tick and decimal of the grid; distance from it that float32 explains, per exponent."""
    tick = 0.0 if tick_size is None else tick_size
    decimal = 1.0 if tick_size is None else 10.0 ** decimals_of(tick_size)
    exponents = np.arange(256, dtype=np.uint32) << np.uint32(23)
    noise = float32_noise(exponents.view(np.float32), multiplier)
    tolerance = noise / (tick or 1.0) + EXACT_SLACK_TICKS
    dyadic = tick > 0 and abs(np.frexp(tick)[0]) == 0.5 and decimal < 1e4
    return np.array([multiplier, tick, decimal, 1.0 / tick if dyadic else 0.0]), tolerance


def optional(values: NDArray[Any], bits: NDArray[np.uint8], kind: Any) -> pl.Series:
    """Series over a buffer without a copy, null where its validity bit is 0."""
    import pyarrow as pa

    arrow = pa.from_numpy_dtype(values.dtype)
    array = pa.Array.from_buffers(arrow, len(values), [pa.py_buffer(bits), pa.py_buffer(values)])
    series = pl.Series(array)
    return series if series.dtype == kind else series.cast(kind)


def tick_frame(columns: Columns, first_seq: int, volume_multiplier: float) -> pl.DataFrame:
    """The raw tick frame but for its texts: Enum kinds and defects, no contract; sizes in lots.

    Prices are true ones, Float64 on the tick grid where they lie on it.
    """
    from zanzibar_assets.ingestion import _scid_kernel as kernel

    bits, rows = columns.bits, len(columns)
    prices, counts = columns.prices[:, :rows], columns.counts[:, :rows]
    price = [optional(prices[row], bits[row], pl.Float64) for row in range(len(prices))]
    lots = {name: to_lots(counts[row], volume_multiplier) for row, name in enumerate(COUNTS) if row}
    defect = optional(columns.defect, bits[kernel.DEFECT_BITS], pl.UInt8)
    return pl.DataFrame(
        {
            "ts_utc": optional(columns.unix_us, bits[kernel.STAMP_BITS], pl.Int64).cast(UTC),
            "seq": np.arange(first_seq, first_seq + rows, dtype=np.int64),
            "kind": pl.Series(columns.kind).cat.to(KIND_TYPE),
            "price": price[kernel.PRICE],
            "size": lots["volume"],
            "side": columns.side,
            "bid": price[kernel.BID],
            "ask": price[kernel.ASK],
            "trade_id": optional(columns.group, bits[kernel.GROUP_BITS], pl.Int64),
            "open": price[kernel.OPEN],
            "high": price[kernel.HIGH],
            "low": price[kernel.LOW],
            "trades": counts[0].astype(np.int64),
            "bid_volume": lots["bid_volume"],
            "ask_volume": lots["ask_volume"],
            "defect": defect.cat.to(DEFECT_TYPE),
        }
    )


def with_texts(frame: pl.DataFrame, symbol: str) -> pl.DataFrame:
    """The raw tick frame of a ``tick_frame``: kinds and defects as String, the contract after ``seq``."""
    texts = frame.with_columns(pl.col("kind", "defect").cast(pl.String))
    return texts.insert_column(
        2, pl.repeat(symbol, frame.height, dtype=pl.String, eager=True).alias("contract")
    )
