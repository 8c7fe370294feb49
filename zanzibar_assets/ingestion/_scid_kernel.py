"""The compiled pass over ``.scid`` records: one visit of each fills every column.

A tile of usual trades takes loops without branches; a tile that holds anything else goes record by
record (``_scid_careful``). Blocks may run on threads of their own (the loops hold no lock). What it
gives equals the plain numpy decoding of ``scid.decode_plainly`` value for value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion._scid_careful import (
    ASK,
    BID,
    BIT_ROWS,
    DECIMAL,
    DEFECT_BITS,
    EXACT_LIMIT,
    FIRST_BITS,
    FIRST_MARK,
    GROUP_BITS,
    HIGH,
    INT_MAX,
    INVERSE,
    LAST_BITS,
    LOW,
    MULTIPLIER,
    OPEN,
    OPEN_SEQ,
    OPEN_US,
    PRICE,
    STAMP_BITS,
    STATE_SLOTS,
    TICK,
    Bytes,
    Floats,
    Ints,
    Singles,
    Words,
    decode_tile,
    gather_tile,
)
from zanzibar_assets.ingestion.grid import EXACT_SLACK_TICKS
from zanzibar_assets.ingestion.record_kinds import FIRST, LAST, MIDDLE, QUOTE, SUB_TRADE_SPAN_US

__all__ = [
    "ASK", "BID", "BIT_ROWS", "DEFECT_BITS", "FIRST_MARK", "GROUP_BITS", "HIGH", "LOW", "OPEN", "OPEN_SEQ",
    "OPEN_US", "PRICE", "STAMP_BITS", "STATE_SLOTS", "decode", "join_block", "views",
]  # fmt: skip

OFFSET_US = formats.SC_UNIX_OFFSET_US
MAX_US = formats.MAX_STAMP_US
DYADIC_LIMIT = 2.0**40
INFINITE_BITS = 0x7F800000
"""Bits of float32 infinity: positive finite numbers lie below."""
TILE = 512
"""Records that pass through each loop together: they stay in the nearest cache. A multiple of 8."""
ODD, USUAL, MARKED = range(3)
"""What a tile holds: something unusual, only usual trades, only such with sub-trades among them."""


@njit(cache=True, nogil=True, error_model="numpy")
def _spread_tile(
    records: Ints,
    unix: Ints,
    kind: Bytes,
    side: NDArray[np.int8],
    trades: Words,
    volume: Words,
    sold: Words,
    bought: Words,
    raw: Words,
) -> int:
    """Stamps, kinds, sides, counts and raw prices of a tile, and what the tile holds.

    A usual trade has Open 0 or a sub-trade's mark, one trade, a size, counts and a stamp that can be
    true, and three positive finite prices.
    """
    closes, lows, highs = raw[0], raw[1], raw[2]
    usual, marked = True, np.uint8(0)
    for i in range(len(records)):
        stamp = records[i, 0] - OFFSET_US
        unix[i] = stamp
        word = records[i, 1]
        mark, high = np.uint32(word), np.uint32(word >> 32)
        word = records[i, 2]
        low, close = np.uint32(word), np.uint32(word >> 32)
        closes[i], lows[i], highs[i] = close, low, high
        word = records[i, 3]
        count, size = np.uint32(word), np.uint32(word >> 32)
        trades[i], volume[i] = count, size
        word = records[i, 4]
        sell, buy = np.uint32(word), np.uint32(word >> 32)
        sold[i], bought[i] = sell, buy
        side[i] = np.int8(buy > 0) - np.int8(sell > 0)
        what = np.uint8(mark == FIRST_BITS) * np.uint8(FIRST) + np.uint8(mark == LAST_BITS) * np.uint8(LAST)
        kind[i] = what
        marked |= what
        usual &= ((mark == 0) | (what > 0)) & (count == 1) & (size > 0)
        usual &= ((size | sell | buy) <= INT_MAX) & (stamp >= 0) & (stamp < MAX_US)
        usual &= (high > 0) & (high < INFINITE_BITS) & (low > 0) & (low < INFINITE_BITS)
        usual &= (close > 0) & (close < INFINITE_BITS)
    if not usual:
        return ODD
    return MARKED if marked else USUAL


@njit(cache=True, nogil=True, error_model="numpy")
def _dyadic_tile(floats: Singles, scale: Floats, out: Floats) -> bool:
    """Prices of a tile whose tick is a power of two; False when one of them lies off the grid.

    Such a tick needs no division: both products are exact as long as they stay far below 2**53.
    Plain enough for vector instructions.
    """
    multiplier, tick, inverse = scale[MULTIPLIER], scale[TICK], scale[INVERSE]
    misses = 0
    for at in range(len(out)):
        exact = floats[at] * multiplier * inverse
        whole = np.rint(exact)
        out[at] = whole * tick + 0.0
        misses += not ((abs(exact - whole) <= EXACT_SLACK_TICKS) & (abs(exact) < DYADIC_LIMIT))
    return misses == 0


@njit(cache=True, nogil=True, error_model="numpy")
def _grid_tile(floats: Singles, bits: Words, scale: Floats, tolerance: Floats, out: Floats) -> bool:
    """One price of a tile brought to the grid where it lies on it; True when all do."""
    multiplier, tick, decimal = scale[MULTIPLIER], scale[TICK], scale[DECIMAL]
    if tick == 0.0:
        for at in range(len(out)):
            out[at] = floats[at] * multiplier
        return True
    if scale[INVERSE] != 0.0 and _dyadic_tile(floats, scale, out):
        return True
    misses = 0
    for at in range(len(out)):
        value = floats[at] * multiplier
        exact = value / tick
        whole = np.rint(exact) + 0.0
        near = (abs(exact) < EXACT_LIMIT) & (abs(exact - whole) <= tolerance[(bits[at] >> 23) & 0xFF])
        out[at] = np.rint(whole * tick * decimal) / decimal if near else value
        misses += not near
    return misses == 0


@njit(cache=True, nogil=True, error_model="numpy")
def _validate_tile(base: int, end: int, defect_out: Bytes, bits_out: Bytes) -> None:
    """A tile of usual trades: price, bid, ask and stamp are there and nothing is wrong."""
    defect_out[base:end] = 0
    for row in (PRICE, BID, ASK, STAMP_BITS):
        bits_out[row, base >> 3 : end >> 3] = 255
        if end & 7:
            bits_out[row, end >> 3] = np.uint8((1 << (end & 7)) - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def decode(
    stamps: Ints,
    days: Floats,
    floats: Singles,
    words: Words,
    start: int,
    stop: int,
    first_seq: int,
    bars_only: bool,
    scale: Floats,
    tolerance: Floats,
    unix_out: Ints,
    kind_out: Bytes,
    side_out: NDArray[np.int8],
    prices: Floats,
    counts: Words,
    group_out: Ints,
    defect_out: Bytes,
    bits_out: Bytes,
    state: Ints,
) -> None:
    """Columns of records ``[start, stop)``; ``start`` is a multiple of 8, ``bits_out`` starts as zeros.

    Rows of ``prices`` and ``counts`` may be longer than needed.

    The views hold one record a row: 5 int64 (stamp first) and 10 32-bit words. No trade is open at
    the block's start: ``join_block`` mends what an earlier block left open. Where a validity bit is
    0 the value means nothing.
    """
    state[OPEN_SEQ], state[OPEN_US], state[FIRST_MARK] = -1, 0, -1
    raw = np.empty((3, TILE), dtype=np.uint32)
    singles = raw.view(np.float32)
    for base in range(start, stop, TILE):
        end = min(base + TILE, stop)
        size = end - base
        holds = _spread_tile(
            stamps[base:end], unix_out[base:end], kind_out[base:end], side_out[base:end],
            counts[0, base:end], counts[1, base:end], counts[2, base:end], counts[3, base:end], raw,
        )  # fmt: skip
        if holds != ODD:
            for row in (BID, ASK, PRICE):
                near = _grid_tile(singles[row, :size], raw[row], scale, tolerance, prices[row, base:end])
            if not near:
                holds = ODD
        if holds == ODD:
            decode_tile(
                base, end, stamps, days, floats, words, bars_only, scale, tolerance, unix_out, kind_out,
                side_out, prices, defect_out, bits_out,
            )  # fmt: skip
        else:
            _validate_tile(base, end, defect_out, bits_out)
        if holds != USUAL or state[OPEN_SEQ] >= 0:
            gather_tile(base, end, first_seq, unix_out, words, kind_out, group_out, bits_out, state)


@njit(cache=True, nogil=True, error_model="numpy")
def join_block(
    words: NDArray[np.uint32],
    unix: Ints,
    kind: NDArray[np.uint8],
    group: Ints,
    bits: NDArray[np.uint8],
    start: int,
    stop: int,
    open_seq: int,
    open_us: int,
    mark: int,
) -> None:
    """Give a block's records before its first mark (that one too, when it is a LAST) to an open trade."""
    end = stop if mark < 0 else mark + 1
    for i in range(start, end):
        marked = kind[i] == FIRST or kind[i] == LAST
        single = marked or ((words[i, 2] & 0x7FFFFFFF) == 0 and words[i, 6] <= 1)
        if kind[i] == FIRST or kind[i] == QUOTE or not single:
            continue
        if abs(unix[i] - open_us) <= SUB_TRADE_SPAN_US:
            group[i] = open_seq
            bits[GROUP_BITS, i >> 3] |= np.uint8(1 << (i & 7))
            if kind[i] != LAST:
                kind[i] = MIDDLE


def views(records: NDArray[np.void]) -> tuple[Any, Any, Any, Any]:
    """A contiguous run of records as rows of int64, float64, float32 and uint32, without a copy."""
    flat = np.asarray(records).view(np.uint8)
    wide, narrow = (len(records), 5), (len(records), 10)
    return (
        flat.view("<i8").reshape(wide),
        flat.view("<f8").reshape(wide),
        flat.view("<f4").reshape(narrow),
        flat.view("<u4").reshape(narrow),
    )
