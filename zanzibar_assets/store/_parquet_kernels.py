"""Compiled loops of the Parquet writer: dictionaries, packed codes and packed differences.

Layouts follow the published Parquet format ("Encodings"). The loops hold no lock, so that row groups
may be encoded on threads of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Codes = NDArray[np.uint32]
Whole = NDArray[Any]
"""int64 or int32 values; floats come as the integers that have their bits."""

BLOCK, MINI = 128, 32
"""Differences of a block and of each of its four miniblocks."""
TABLE_BITS = 16
HASH = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def dictionary_of(values: Whole, limit: int, codes: Codes, distinct: Whole) -> int:
    """Code of each value by first appearance; how many distinct ones, -1 when more than ``limit``."""
    keys = np.empty(1 << TABLE_BITS, dtype=values.dtype)
    table = np.zeros(1 << TABLE_BITS, dtype=np.uint32)
    mask = (1 << TABLE_BITS) - 1
    shift = np.uint64(64 - TABLE_BITS)
    count = 0
    for i in range(len(values)):
        value = values[i]
        slot = np.int64((np.uint64(value) * HASH) >> shift)
        while table[slot] != 0 and keys[slot] != value:
            slot = (slot + 1) & mask
        if table[slot] == 0:
            if count == limit:
                return -1
            distinct[count] = value
            count += 1
            keys[slot], table[slot] = value, count
        codes[i] = table[slot] - np.uint32(1)
    return count


@njit(cache=True, nogil=True)
def _put_varint(out: Bytes, at: int, value: Any) -> int:
    """Append an unsigned number, seven bits a byte; the place after it."""
    rest = np.uint64(value)
    while rest >= np.uint64(128):
        out[at] = np.uint8(rest & np.uint64(127)) | np.uint8(128)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@njit(cache=True, nogil=True)
def pack_codes(codes: Codes, width: int, out: Bytes) -> int:
    """One bit-packed run of codes of 1, 2, 4, 8 or 16 bits; bytes written (at most 2 a code and 32).

    Repeats are left to the compression, which finds them in whole bytes sooner and better.
    """
    count = len(codes)
    at = _put_varint(out, 0, ((count + 7) // 8 << 1) | 1)
    if width == 16:
        for i in range(count):
            out[at + 2 * i] = np.uint8(codes[i] & np.uint32(255))
            out[at + 2 * i + 1] = np.uint8(codes[i] >> np.uint32(8))
    else:
        each = 8 // width
        body = out[at : at + count // each]
        _pack_bytes(codes, width, body)
        if count % each:
            last = np.uint32(0)
            for k in range(count % each):
                last |= codes[count - count % each + k] << np.uint32(k * width)
            out[at + count // each] = np.uint8(last)
    used = (count * width + 7) // 8
    end = (count + 7) // 8 * width
    for i in range(used, end):
        out[at + i] = 0
    return at + end


@njit(cache=True, nogil=True)
def _pack_bytes(codes: Codes, width: int, body: Bytes) -> None:
    """Whole bytes of codes of at most 8 bits."""
    if width == 8:
        for i in range(len(body)):
            body[i] = np.uint8(codes[i])
    elif width == 4:
        for i in range(len(body)):
            body[i] = np.uint8(codes[2 * i] | codes[2 * i + 1] << np.uint32(4))
    elif width == 2:
        for i in range(len(body)):
            low = codes[4 * i] | codes[4 * i + 1] << np.uint32(2)
            body[i] = np.uint8(low | codes[4 * i + 2] << np.uint32(4) | codes[4 * i + 3] << np.uint32(6))
    else:
        for i in range(len(body)):
            byte = np.uint32(0)
            for k in range(8):
                byte |= codes[8 * i + k] << np.uint32(k)
            body[i] = np.uint8(byte)


@njit(cache=True, nogil=True)
def _pack_mini(offsets: NDArray[np.uint64], width: int, words: NDArray[np.uint64]) -> None:
    """32 offsets of ``width`` bits each into the words; what lies beyond them means nothing."""
    held, filled, word = np.uint64(0), 0, 0
    for k in range(MINI):
        value = offsets[k]
        held |= value << np.uint64(filled)
        filled += width
        if filled >= 64:
            words[word] = held
            word += 1
            filled -= 64
            held = value >> np.uint64(width - filled) if filled else np.uint64(0)
    words[word] = held


@njit(cache=True, nogil=True)
def pack_differences(values: Whole, out: Bytes) -> int:
    """DELTA_BINARY_PACKED of int64 or int32 values; bytes written (at most 9 a value and 2,000)."""
    count, narrow = len(values), values.itemsize == 4
    at = _put_varint(out, 0, BLOCK)
    at = _put_varint(out, at, BLOCK // MINI)
    at = _put_varint(out, at, count)
    first = np.int64(values[0]) if count else np.int64(0)
    at = _put_varint(out, at, np.uint64((first << 1) ^ (first >> 63)))
    changes = np.empty(BLOCK, dtype=np.int64)
    offsets = np.zeros(MINI, dtype=np.uint64)
    words = np.empty(MINI + 1, dtype=np.uint64)
    packed = words.view(np.uint8)
    for start in range(1, count, BLOCK):
        held = min(BLOCK, count - start)
        low = np.int64(2**63 - 1)
        for k in range(held):
            change = np.int64(values[start + k]) - np.int64(values[start + k - 1])
            if narrow:
                change = np.int64(np.int32(change))  # as the reader adds them: modulo 2**32
            changes[k] = change
            low = min(low, change)
        at = _put_varint(out, at, np.uint64((low << 1) ^ (low >> 63)))
        widths = at
        at += BLOCK // MINI
        for mini in range(BLOCK // MINI):
            begin = mini * MINI
            seen = np.uint64(0)
            for k in range(MINI):
                offset = np.uint64(changes[begin + k] - low) if begin + k < held else np.uint64(0)
                offsets[k] = offset
                seen |= offset
            width = 0
            while width < 64 and seen >> np.uint64(width):
                width += 1
            out[widths + mini] = width
            if width:
                _pack_mini(offsets, width, words)
                for byte in range(4 * width):
                    out[at + byte] = packed[byte]
                at += 4 * width
    return at
