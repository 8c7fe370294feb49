"""Compiled walk over ``.scid`` records. Imported lazily: numba costs a second.

One pass fills all columns of a block; blocks may run on threads of their own (the loops hold no
lock). What it gives equals the plain numpy decoding of ``scid.decode_records`` value for value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.grid import EXACT_SLACK_TICKS
from zanzibar_assets.ingestion.record_kinds import BAR, FIRST, LAST, MIDDLE, QUOTE, SUB_TRADE_SPAN_US, TRADE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Words = NDArray[np.uint32]
Bytes = NDArray[np.uint8]

OFFSET_US = formats.SC_UNIX_OFFSET_US
MAX_US = formats.MAX_STAMP_US
US_PER_DAY = formats.US_PER_DAY
DAY_FLOOR = formats.FLOAT_DAY_FLOOR
FIRST_BITS, LAST_BITS = formats.FIRST_SUB_TRADE_BITS, formats.LAST_SUB_TRADE_BITS
INT_MAX = formats.INT_MAX
EXACT_LIMIT = 2.0**53
DYADIC_LIMIT = 2.0**40
INFINITE_BITS = 0x7F800000
"""Bits of float32 infinity: positive finite numbers lie below."""
TILE = 512
"""Records that pass through each loop together: they stay in the nearest cache."""
PRICE, BID, ASK, OPEN, HIGH, LOW = range(6)
"""Rows of the price block and of its validity bits."""
STAMP_BITS, GROUP_BITS, DEFECT_BITS = 6, 7, 8
"""Rows of the validity bits after the six of the prices."""
BIT_ROWS = 9
STAMP, COUNT, NAN, NONPOSITIVE, RANGE, OFF_GRID = range(1, 7)
"""Codes into ``scid.DEFECTS``."""
OPEN_SEQ, OPEN_US, FIRST_MARK = 0, 1, 2
"""Slots of a block's state: seq and stamp of the trade open at its end, first sub-trade mark in it."""
STATE_SLOTS = 3
MULTIPLIER, TICK, DECIMAL, INVERSE = 0, 1, 2, 3
"""Slots of the scale: price multiplier, tick size (0: unknown), 10 to the grid's decimals, 1 / tick
where the tick is a power of two (else 0)."""


@njit(cache=True, nogil=True, inline="always")
def _unix(raw: int, day: float) -> int:
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


@njit(cache=True, nogil=True, inline="always")
def _on_grid(raw: float, bits: int, scale: Floats, tolerance: Floats) -> tuple[float, bool]:
    """Price on the tick grid and True, or the price as it is and False."""
    value = raw * scale[MULTIPLIER]
    if scale[TICK] == 0.0:
        return value, True
    exact = value / scale[TICK]
    whole = np.rint(exact) + 0.0  # no negative zero
    if not (abs(exact) < EXACT_LIMIT and abs(exact - whole) <= tolerance[(bits >> 23) & 0xFF]):
        return value, False
    return np.rint(whole * scale[TICK] * scale[DECIMAL]) / scale[DECIMAL], True


@njit(cache=True, nogil=True, inline="always")
def _defect(kind: int, o: float, h: float, low: float, c: float, finite: bool) -> int:
    """Code of what the prices of a record cannot be; 0 when nothing."""
    if not finite:
        return NAN
    bar = kind == BAR
    if c < 0 or (c == 0 and kind != QUOTE):
        return NONPOSITIVE
    if not bar and (h < 0 or low < 0):
        return NONPOSITIVE
    if bar and (o <= 0 or h <= 0 or low <= 0):
        return NONPOSITIVE
    if bar and (h < max(o, c) or low > min(o, c)):
        return RANGE
    return 0


@njit(cache=True, nogil=True)
def _copy_tile(
    stamps: Ints,
    words: Words,
    base: int,
    end: int,
    unix_out: Ints,
    side_out: NDArray[np.int8],
    counts: Words,
    raw: Words,
    usual: Bytes,
) -> None:
    """Stamps, counts and sides of one tile, and which records look like usual trades so far.

    A usual trade has Open 0 (1 in ``usual``) or a sub-trade's mark (2), one trade, a size, counts and
    a stamp that can be true, and three positive finite prices; only others (0) need the long way.
    """
    for i in range(base, end):
        at = i - base
        unix = stamps[i, 0] - OFFSET_US
        unix_out[i] = unix
        high, low, close = words[i, 3], words[i, 4], words[i, 5]
        trades, volume, sold, bought = words[i, 6], words[i, 7], words[i, 8], words[i, 9]
        raw[0, at], raw[1, at], raw[2, at] = close, low, high
        counts[0, i], counts[1, i], counts[2, i], counts[3, i] = trades, volume, sold, bought
        side_out[i] = np.int8(bought > 0) - np.int8(sold > 0)
        opened = words[i, 2]
        mark = (opened == FIRST_BITS) | (opened == LAST_BITS)
        fits = ((opened == 0) | mark) & (trades == 1) & (volume > 0)
        fits &= ((volume | sold | bought) <= INT_MAX) & (unix >= 0) & (unix < MAX_US)
        for bits in (high, low, close):
            fits &= (bits > 0) & (bits < INFINITE_BITS)
        usual[at] = fits * (1 + mark)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _grid_tile(
    floats: Singles, bits: Words, scale: Floats, tolerance: Floats, out: Floats, usual: Bytes, judge: bool
) -> None:
    """One price of a tile brought to the grid; ``judge`` marks off-grid records as not usual."""
    multiplier, tick, decimal = scale[MULTIPLIER], scale[TICK], scale[DECIMAL]
    if tick == 0.0:
        for at in range(len(out)):
            out[at] = floats[at] * multiplier
        return
    if scale[INVERSE] != 0.0 and _dyadic_tile(floats, scale, out):
        return
    for at in range(len(out)):
        value = floats[at] * multiplier
        exact = value / tick
        whole = np.rint(exact) + 0.0
        near = (abs(exact) < EXACT_LIMIT) & (abs(exact - whole) <= tolerance[(bits[at] >> 23) & 0xFF])
        out[at] = np.rint(whole * tick * decimal) / decimal if near else value
        if judge and not near:
            usual[at] = 0


@njit(cache=True, nogil=True)
def _kind_of(single: Singles, word: Words, bars_only: bool) -> int:
    """Kind of one record (rows of the views), TRADE where only an open trade could make it MIDDLE."""
    if word[2] == FIRST_BITS:
        return FIRST
    if word[2] == LAST_BITS:
        return LAST
    trades = word[6]
    if (word[2] & 0x7FFFFFFF) == 0 and trades <= 1:
        quote = trades == 1 and word[7] == 0 and single[3] != 0 and single[4] != 0
        return QUOTE if quote else TRADE
    close = single[5]
    flat = single[2] == close and single[3] == close and single[4] == close
    return TRADE if flat and trades <= 1 and not bars_only else BAR


@njit(cache=True, nogil=True)
def _gather(
    i: int, seq: int, unix: int, kind: int, quoted: bool, group_out: Ints, bits_out: Bytes, state: Ints
) -> int:
    """Give a single trade to the unbundled trade that is open, open and close it; returns the kind."""
    if kind == FIRST:
        state[OPEN_SEQ], state[OPEN_US] = seq, unix
    if (kind == FIRST or kind == LAST) and state[FIRST_MARK] < 0:  # noqa: SIM109 - faster so when compiled
        state[FIRST_MARK] = i
    if quoted and kind != QUOTE and state[OPEN_SEQ] >= 0 and abs(unix - state[OPEN_US]) <= SUB_TRADE_SPAN_US:
        group_out[i] = state[OPEN_SEQ]
        bits_out[GROUP_BITS, i >> 3] |= np.uint8(1 << (i & 7))
        if kind == TRADE:
            kind = MIDDLE
    if kind == LAST:
        state[OPEN_SEQ], state[OPEN_US] = -1, 0
    return kind


@njit(cache=True, nogil=True)
def _price_row(
    row: int,
    word: int,
    i: int,
    floats: Singles,
    words: Words,
    scale: Floats,
    tolerance: Floats,
    prices: Floats,
    bits_out: Bytes,
) -> bool:
    """Fill one price of a record and its validity bit; False when it lies off the grid."""
    raw = floats[i, word]
    if not np.isfinite(raw):
        return True
    prices[row, i], on_grid = _on_grid(raw, words[i, word], scale, tolerance)
    bits_out[row, i >> 3] |= np.uint8(1 << (i & 7))
    return on_grid


@njit(cache=True, nogil=True)
def _fill_prices(
    i: int,
    kind: int,
    quoted: bool,
    floats: Singles,
    words: Words,
    scale: Floats,
    tolerance: Floats,
    prices: Floats,
    bits_out: Bytes,
) -> bool:
    """Fill the prices that a record of this kind has; False when one but bid and ask lies off the grid."""
    on_grid = True
    if kind != QUOTE or floats[i, 5] > 0:
        on_grid = _price_row(PRICE, 5, i, floats, words, scale, tolerance, prices, bits_out)
    if kind == BAR:
        for row, word in ((OPEN, 2), (HIGH, 3), (LOW, 4)):
            on_grid &= _price_row(row, word, i, floats, words, scale, tolerance, prices, bits_out)
    elif quoted:
        for row, word in ((BID, 4), (ASK, 3)):
            if floats[i, word] > 0:
                _price_row(row, word, i, floats, words, scale, tolerance, prices, bits_out)
    return on_grid


@njit(cache=True, nogil=True)
def _decode_one(
    i: int,
    first_seq: int,
    stamps: Ints,
    days: Floats,
    floats: Singles,
    words: Words,
    bars_only: bool,
    scale: Floats,
    tolerance: Floats,
    unix_out: Ints,
    kind_out: Bytes,
    side_out: NDArray[np.int8],
    prices: Floats,
    group_out: Ints,
    defect_out: Bytes,
    bits_out: Bytes,
    state: Ints,
) -> None:
    """The long way of one record, whatever it is."""
    at, bit = i >> 3, np.uint8(1 << (i & 7))
    unix = _unix(stamps[i, 0], days[i, 0])
    stamp_ok = unix >= 0
    unix = max(unix, 0)
    unix_out[i] = unix
    kind = _kind_of(floats[i], words[i], bars_only)
    open_bits = words[i, 2]
    quoted = kind in (FIRST, LAST) or (kind != BAR and (open_bits & 0x7FFFFFFF) == 0)
    kind = _gather(i, first_seq + i, unix, kind, quoted, group_out, bits_out, state)
    kind_out[i] = kind
    if not (quoted or kind == TRADE) or kind == QUOTE:
        side_out[i] = 0
    o, h, low, c = floats[i, 2], floats[i, 3], floats[i, 4], floats[i, 5]
    finite = np.isfinite(o) and np.isfinite(h) and np.isfinite(low) and np.isfinite(c)
    on_grid = _fill_prices(i, kind, quoted, floats, words, scale, tolerance, prices, bits_out)
    defect = _defect(kind, o, h, low, c, finite)
    if max(words[i, 6], words[i, 7], words[i, 8], words[i, 9]) > INT_MAX:
        defect = COUNT
    if stamp_ok:
        bits_out[STAMP_BITS, at] |= bit
    else:
        defect = STAMP
    if defect == 0 and not on_grid:
        defect = OFF_GRID
    defect_out[i] = defect
    if defect:
        bits_out[DEFECT_BITS, at] |= bit


@njit(cache=True, nogil=True)
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

    The views hold one record a row: 5 int64 (stamp first) and 10 32-bit words. No trade is open at
    the block's start: ``join_block`` mends what an earlier block left open. Where a validity bit is
    0 the value means nothing.
    """
    state[OPEN_SEQ], state[OPEN_US], state[FIRST_MARK] = -1, 0, -1
    raw, usual = np.empty((3, TILE), dtype=np.uint32), np.empty(TILE, dtype=np.uint8)
    singles = raw.view(np.float32)
    for base in range(start, stop, TILE):
        end = min(base + TILE, stop)
        _copy_tile(stamps, words, base, end, unix_out, side_out, counts, raw, usual)
        for row in range(3):
            _grid_tile(
                singles[row, : end - base],
                raw[row],
                scale,
                tolerance,
                prices[row, base:end],
                usual,
                row == PRICE,
            )
        kind_out[base:end] = TRADE
        defect_out[base:end] = 0
        for eight in range(base, end, 8):
            upto = min(eight + 8, end)
            all_plain = state[OPEN_SEQ] < 0
            whole = 0
            for i in range(eight, upto):
                all_plain &= usual[i - base] == 1
                whole |= (usual[i - base] != 0) << (i - eight)
            at = eight >> 3
            for row in (PRICE, BID, ASK, STAMP_BITS):
                bits_out[row, at] = np.uint8(whole)
            if all_plain:
                continue
            for i in range(eight, upto):
                if usual[i - base]:
                    kind = TRADE if usual[i - base] == 1 else FIRST if words[i, 2] == FIRST_BITS else LAST
                    kind_out[i] = _gather(
                        i, first_seq + i, unix_out[i], kind, True, group_out, bits_out, state
                    )
                    continue
                _decode_one(
                    i, first_seq, stamps, days, floats, words, bars_only, scale, tolerance, unix_out,
                    kind_out, side_out, prices, group_out, defect_out, bits_out, state,
                )  # fmt: skip


@njit(cache=True, nogil=True)
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
