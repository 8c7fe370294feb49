"""Compiled loops of PostgreSQL's binary COPY format. Imported lazily: numba costs a second.

Every loop handles one column of all rows; ``at`` holds each row's position in the stream and moves
past the field, so that columns follow each other in order.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LENGTH_BYTES = 4
"""Each field starts with its length as a big-endian int32; -1 is null."""


@njit(cache=True, nogil=True)
def _put_length(out: Bytes, at: int, length: int) -> None:
    for byte in range(4):
        out[at + byte] = (length >> (24 - 8 * byte)) & 0xFF


@njit(cache=True, nogil=True)
def _length_at(stream: Bytes, at: int) -> int:
    value = 0
    for byte in range(4):
        value = (value << 8) | stream[at + byte]
    return value - (1 << 32) if value >= (1 << 31) else value


@njit(cache=True, nogil=True)
def put_fixed(out: Bytes, at: Ints, data: Bytes, valid: Flags) -> None:
    """Write a column of one width: ``data`` is (rows, width) in big-endian bytes."""
    rows, width = data.shape
    for row in range(rows):
        start = at[row]
        if valid[row]:
            _put_length(out, start, width)
            for byte in range(width):
                out[start + 4 + byte] = data[row, byte]
            at[row] = start + 4 + width
        else:
            _put_length(out, start, -1)
            at[row] = start + 4


@njit(cache=True, nogil=True)
def put_eight(out: Bytes, at: Ints, data: NDArray[np.uint64], valid: Flags) -> None:
    """Write a column of eight bytes a row from its native form: shifts become one swapped store."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for row in range(len(at)):
        start = np.uint64(at[row])  # unsigned: no check for places counted from the end
        if valid[row]:
            value = data[row]
            out[start], out[start + one], out[start + two], out[start + three] = 0, 0, 0, 8
            for byte in range(8):
                out[start + np.uint64(4 + byte)] = np.uint8(value >> np.uint64(56 - 8 * byte))
            at[row] += 12
        else:
            for byte in range(4):
                out[start + np.uint64(byte)] = 255
            at[row] += 4


@njit(cache=True, nogil=True)
def put_text(out: Bytes, at: Ints, data: Bytes, ends: Ints, valid: Flags) -> None:
    """Write a column of texts: row i is ``data[ends[i]:ends[i + 1]]``."""
    for row in range(len(at)):
        start = at[row]
        if valid[row]:
            first, length = ends[row], ends[row + 1] - ends[row]
            _put_length(out, start, length)
            for byte in range(length):
                out[start + 4 + byte] = data[first + byte]
            at[row] = start + 4 + length
        else:
            _put_length(out, start, -1)
            at[row] = start + 4


@njit(cache=True, nogil=True)
def put_constant(out: Bytes, at: Ints, data: Bytes) -> None:
    """Write the same bytes, length included, to every row."""
    for row in range(len(at)):
        start = at[row]
        for byte in range(len(data)):
            out[start + byte] = data[byte]
        at[row] = start + len(data)


@njit(cache=True, nogil=True)
def find_rows(stream: Bytes, start: int, fields: int, at: Ints) -> int:
    """Fill ``at`` with the position of each row's first field; the position after the last row."""
    here = start
    for row in range(len(at)):
        here += 2
        at[row] = here
        for _ in range(fields):
            here += 4 + max(0, _length_at(stream, here))
    return here


@njit(cache=True, nogil=True)
def skip(stream: Bytes, at: Ints) -> None:
    """Move past one field of every row."""
    for row in range(len(at)):
        at[row] += 4 + max(0, _length_at(stream, at[row]))


@njit(cache=True, nogil=True)
def take_fixed(stream: Bytes, at: Ints, data: Bytes, valid: Flags) -> None:
    """Read a column of one width into ``data`` (rows, width); nulls stay as they are there."""
    rows, width = data.shape
    for row in range(rows):
        start = at[row]
        valid[row] = _length_at(stream, start) >= 0
        if valid[row]:
            for byte in range(width):
                data[row, byte] = stream[start + 4 + byte]
            at[row] = start + 4 + width
        else:
            at[row] = start + 4


@njit(cache=True, nogil=True)
def measure_text(stream: Bytes, at: Ints, ends: Ints, valid: Flags) -> None:
    """Lengths of a column of texts as running ends (rows + 1); ``at`` stays."""
    ends[0] = 0
    for row in range(len(at)):
        length = _length_at(stream, at[row])
        valid[row] = length >= 0
        ends[row + 1] = ends[row] + max(0, length)


@njit(cache=True, nogil=True)
def take_text(stream: Bytes, at: Ints, ends: Ints, data: Bytes) -> None:
    """Read a column of texts, measured before, into ``data``."""
    for row in range(len(at)):
        first, length = ends[row], ends[row + 1] - ends[row]
        for byte in range(length):
            data[first + byte] = stream[at[row] + 4 + byte]
        at[row] += 4 + length
