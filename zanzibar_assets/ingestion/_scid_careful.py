"""The long way of one ``.scid`` record, whatever it is: kinds, stamps of both forms, damage.

``_scid_kernel`` takes it for what is no usual trade. What it gives equals the plain numpy decoding of
``scid.decode_plainly`` value for value.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion._file_frame_kernel import unix_of
from zanzibar_assets.ingestion.record_kinds import BAR, FIRST, LAST, MIDDLE, QUOTE, SUB_TRADE_SPAN_US, TRADE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Words = NDArray[np.uint32]
Bytes = NDArray[np.uint8]

FIRST_BITS, LAST_BITS = formats.FIRST_SUB_TRADE_BITS, formats.LAST_SUB_TRADE_BITS
INT_MAX = formats.INT_MAX
EXACT_LIMIT = 2.0**53
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


PRICED, QUOTED, RANGED = 1, 2, 4
"""What a record shows: a price, a bid and an ask, or open, high and low."""


@njit(cache=True, nogil=True, error_model="numpy")
def _defect(kind: int, o: float, h: float, low: float, c: float) -> int:
    """Code of what the prices of a record cannot be; 0 when nothing.

    A trade stands on its price alone: a quote beside it that cannot be true is absent.
    """
    if kind not in (BAR, QUOTE):
        if not np.isfinite(c):
            return NAN
        return NONPOSITIVE if c <= 0 else 0
    if not (np.isfinite(o) and np.isfinite(h) and np.isfinite(low) and np.isfinite(c)):
        return NAN
    if c < 0 or (c == 0 and kind != QUOTE):
        return NONPOSITIVE
    if kind == QUOTE:
        return NONPOSITIVE if h < 0 or low < 0 else 0
    if o <= 0 or h <= 0 or low <= 0:
        return NONPOSITIVE
    return RANGE if h < max(o, c) or low > min(o, c) else 0


@njit(cache=True, nogil=True, error_model="numpy")
def _kind_of(
    mark: int, trades: int, volume: int, o: float, h: float, low: float, c: float, bars_only: bool
) -> int:
    """Kind of one record, TRADE where only an open trade could make it MIDDLE."""
    if mark == FIRST_BITS:
        return FIRST
    if mark == LAST_BITS:
        return LAST
    if (mark & 0x7FFFFFFF) == 0 and trades <= 1:
        return QUOTE if trades == 1 and volume == 0 and h != 0 and low != 0 else TRADE
    return TRADE if trades <= 1 and not bars_only and o == c and h == c and low == c else BAR


@njit(cache=True, nogil=True, error_model="numpy")
def _put_kinds(
    base: int,
    end: int,
    stamps: Ints,
    days: Floats,
    floats: Singles,
    words: Words,
    bars_only: bool,
    unix_out: Ints,
    kind_out: Bytes,
    side_out: NDArray[np.int8],
    bits_out: Bytes,
    shows: Bytes,
) -> None:
    """Stamps, kinds and what each record shows; bars and quotes have no side."""
    for i in range(base, end):
        stamp = unix_of(stamps[i, 0], days[i, 0])
        unix_out[i] = max(stamp, 0)
        if stamp >= 0:
            bits_out[STAMP_BITS, i >> 3] |= np.uint8(1 << (i & 7))
        mark, c = words[i, 2], floats[i, 5]
        kind = _kind_of(
            mark, words[i, 6], words[i, 7], floats[i, 2], floats[i, 3], floats[i, 4], c, bars_only
        )
        kind_out[i] = kind
        if kind == BAR or kind == QUOTE:  # noqa: SIM109 - faster so when compiled
            side_out[i] = 0
        flat = kind == TRADE and (mark & 0x7FFFFFFF) != 0
        shown = RANGED if kind == BAR else 0 if flat else QUOTED
        shows[i - base] = shown | PRICED if kind != QUOTE or c > 0 else shown


@njit(cache=True, nogil=True, error_model="numpy")
def _put_row(
    row: int,
    word: int,
    shown: int,
    base: int,
    end: int,
    floats: Singles,
    words: Words,
    scale: Floats,
    tolerance: Floats,
    prices: Floats,
    bits_out: Bytes,
    shows: Bytes,
    away: Bytes,
) -> None:
    """One price of each record that shows it, on the grid where it lies on it; marks what lies off it."""
    multiplier, tick, decimal = scale[MULTIPLIER], scale[TICK], scale[DECIMAL]
    for i in range(base, end):
        raw = floats[i, word]
        if not (shows[i - base] & shown) or not np.isfinite(raw) or (shown == QUOTED and raw <= 0):
            continue
        value = raw * multiplier
        if tick != 0.0:
            exact = value / tick
            whole = np.rint(exact) + 0.0  # no negative zero
            exponent = (words[i, word] >> np.uint32(23)) & np.uint32(0xFF)
            if abs(exact) < EXACT_LIMIT and abs(exact - whole) <= tolerance[exponent]:
                value = np.rint(whole * tick * decimal) / decimal
            else:
                away[i - base] |= shown
        prices[row, i] = value
        bits_out[row, i >> 3] |= np.uint8(1 << (i & 7))


@njit(cache=True, nogil=True, error_model="numpy")
def _put_defects(
    base: int,
    end: int,
    floats: Singles,
    words: Words,
    kind: Bytes,
    defect: Bytes,
    bits_out: Bytes,
    away: Bytes,
) -> None:
    """The first thing that cannot be true about each record; bid and ask may lie off the grid."""
    for i in range(base, end):
        at, bit = i >> 3, np.uint8(1 << (i & 7))
        found = _defect(kind[i], floats[i, 2], floats[i, 3], floats[i, 4], floats[i, 5])
        if max(words[i, 6], words[i, 7], words[i, 8], words[i, 9]) > INT_MAX:
            found = COUNT
        if not bits_out[STAMP_BITS, at] & bit:
            found = STAMP
        if found == 0 and away[i - base] & (PRICED | RANGED):
            found = OFF_GRID
        defect[i] = found
        if found:
            bits_out[DEFECT_BITS, at] |= bit


@njit(cache=True, nogil=True, error_model="numpy")
def decode_tile(
    base: int,
    end: int,
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
    defect_out: Bytes,
    bits_out: Bytes,
) -> None:
    """Everything about records ``[base, end)`` but counts and groups; ``side_out`` holds volume signs."""
    shows = np.empty(end - base, dtype=np.uint8)
    away = np.zeros(end - base, dtype=np.uint8)
    _put_kinds(
        base, end, stamps, days, floats, words, bars_only, unix_out, kind_out, side_out, bits_out, shows
    )
    rows = (
        (PRICE, 5, PRICED), (BID, 4, QUOTED), (ASK, 3, QUOTED),
        (OPEN, 2, RANGED), (HIGH, 3, RANGED), (LOW, 4, RANGED),
    )  # fmt: skip
    for row, word, shown in rows:
        _put_row(row, word, shown, base, end, floats, words, scale, tolerance, prices, bits_out, shows, away)
    _put_defects(base, end, floats, words, kind_out, defect_out, bits_out, away)


@njit(cache=True, nogil=True, error_model="numpy")
def gather_tile(
    base: int,
    end: int,
    first_seq: int,
    unix: Ints,
    words: Words,
    kind_out: Bytes,
    group_out: Ints,
    bits_out: Bytes,
    state: Ints,
) -> None:
    """Give single trades to the unbundled trade that is open; open and close it at its marks."""
    open_seq, open_us, first_mark = state[OPEN_SEQ], state[OPEN_US], state[FIRST_MARK]
    for i in range(base, end):
        kind = kind_out[i]
        if kind == FIRST:
            open_seq, open_us = first_seq + i, unix[i]
        if kind == FIRST or kind == LAST:  # noqa: SIM109 - faster so when compiled
            first_mark = i if first_mark < 0 else first_mark
        elif kind != TRADE or open_seq < 0 or (words[i, 2] & 0x7FFFFFFF) != 0:
            continue
        if open_seq >= 0 and abs(unix[i] - open_us) <= SUB_TRADE_SPAN_US:
            group_out[i] = open_seq
            bits_out[GROUP_BITS, i >> 3] |= np.uint8(1 << (i & 7))
            if kind == TRADE:
                kind_out[i] = MIDDLE
        if kind == LAST:
            open_seq, open_us = -1, 0
    state[OPEN_SEQ], state[OPEN_US], state[FIRST_MARK] = open_seq, open_us, first_mark
