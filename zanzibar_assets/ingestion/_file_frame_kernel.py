"""Compiled loops of ``file_frame``: records to the file's own columns, a block at a time.

The first loop has no branches and also tells whether the block holds anything but usual single
trades; only then a second one looks at each record. Blocks may run on threads of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats

OFFSET_US = formats.SC_UNIX_OFFSET_US
MAX_US = formats.MAX_STAMP_US
US_PER_DAY = formats.US_PER_DAY
DAY_FLOOR = formats.FLOAT_DAY_FLOOR
FIRST_BITS, LAST_BITS = formats.FIRST_SUB_TRADE_BITS, formats.LAST_SUB_TRADE_BITS

Longs = NDArray[np.int64]
Words = NDArray[np.uint32]


@njit(cache=True, nogil=True, inline="always")
def unix_of(raw: int, day: float) -> int:
    """UTC microseconds of a stamp in either form, -1 when it cannot be true."""
    if raw >= DAY_FLOOR:
        if not day < 100_000.0:
            return -1
        whole = np.floor(day)
        part = np.rint((day - whole) * US_PER_DAY)
        unix = int(whole) * US_PER_DAY + int(part) - OFFSET_US
    elif raw < OFFSET_US:
        return -1
    else:
        unix = raw - OFFSET_US
    return unix if 0 <= unix < MAX_US else -1


@njit(cache=True, nogil=True)
def copy_block(
    records: Longs,
    unix: Longs,
    opened: Words,
    high: Words,
    low: Words,
    close: Words,
    trades: Words,
    volume: Words,
    sold: Words,
    bought: Words,
    side: NDArray[np.int8],
) -> bool:
    """Fill a block's columns from records of five 64-bit words; True when all are usual single trades."""
    usual = True
    for i in range(len(records)):
        stamp = records[i, 0] - OFFSET_US
        unix[i] = stamp
        word = records[i, 1]
        mark = np.uint32(word)
        opened[i], high[i] = mark, np.uint32(word >> 32)
        word = records[i, 2]
        low[i], close[i] = np.uint32(word), np.uint32(word >> 32)
        word = records[i, 3]
        count, size = np.uint32(word), np.uint32(word >> 32)
        trades[i], volume[i] = count, size
        word = records[i, 4]
        sell, buy = np.uint32(word), np.uint32(word >> 32)
        sold[i], bought[i] = sell, buy
        side[i] = np.int8(buy > 0) - np.int8(sell > 0)
        single = ((mark == 0) | (mark == FIRST_BITS) | (mark == LAST_BITS)) & (count == 1) & (size > 0)
        usual &= single & (stamp >= 0) & (stamp < MAX_US)
    return usual


@njit(cache=True, nogil=True)
def mend_block(
    records: Longs,
    days: NDArray[np.float64],
    singles: NDArray[np.float32],
    bars_only: bool,
    unix: Longs,
    side: NDArray[np.int8],
    valid: NDArray[np.uint8],
) -> bool:
    """Stamps and sides of a block that holds anything else; True when a stamp cannot be true.

    ``valid`` (a bit a record) starts as ones.
    """
    bad = False
    for i in range(len(records)):
        stamp = unix_of(records[i, 0], days[i, 0])
        unix[i] = max(stamp, 0)
        if stamp < 0:
            valid[i >> 3] &= ~np.uint8(1 << (i & 7))
            bad = True
        mark, trades = np.uint32(records[i, 1]), np.uint32(records[i, 3])
        volume = np.uint32(records[i, 3] >> 32)
        if mark == FIRST_BITS or mark == LAST_BITS:  # noqa: SIM109 - faster so when compiled
            continue
        opened, high, low, close = singles[i, 2], singles[i, 3], singles[i, 4], singles[i, 5]
        if (mark & 0x7FFFFFFF) == 0 and trades <= 1:
            if trades == 1 and volume == 0 and high != 0 and low != 0:
                side[i] = 0
        elif bars_only or trades > 1 or not (opened == close and high == close and low == close):
            side[i] = 0
    return bad


def views(block: NDArray[np.uint8]) -> tuple[Any, Any, Any]:
    """Bytes of whole records as rows of int64, float64 and float32, without a copy."""
    return (
        block.view("<i8").reshape(-1, 5),
        block.view("<f8").reshape(-1, 5),
        block.view("<f4").reshape(-1, 10),
    )
