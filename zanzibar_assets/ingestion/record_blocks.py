"""Records read through an open file in blocks, never through a map.

A live file may be cut while it is read. A memory map of it would then kill the process; a read
ends short, and that is an error with a name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats

HASH_BLOCK_BYTES = 1 << 20


def dtype_of(kind: str) -> np.dtype[np.void]:
    """Record type of a ``scid`` or ``depth`` file."""
    return formats.SCID_DTYPE if kind == "scid" else formats.DEPTH_DTYPE


def read_block(
    stream: BinaryIO, name: str, dtype: np.dtype[np.void], offset: int, count: int
) -> NDArray[np.void]:
    """``count`` records from byte ``offset`` on; SourceError when the file ends before."""
    block = np.empty(count, dtype=dtype)
    read_into(stream, name, block.data.cast("B"), offset)
    return block


def read_into(stream: BinaryIO, name: str, view: memoryview, offset: int) -> None:
    """Fill ``view`` with the bytes from ``offset`` on; SourceError when the file ends before."""
    stream.seek(offset)
    filled = 0
    while filled < len(view):
        got = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not got:
            raise SourceError(
                f"{name} was cut while it was read",
                expected=f"{offset + len(view)} bytes",
                got=f"{offset + filled} bytes",
                action="look for the sources again",
            )
        filled += got


def record_blocks(
    path: Path, kind: str, header_bytes: int, first: int, last: int, block_records: int
) -> Iterator[tuple[int, NDArray[np.void]]]:
    """(index of the first record, records) of records ``[first, last)``, all from one opening of the file.

    Raises SourceError when the file cannot be read or became shorter.
    """
    dtype = dtype_of(kind)
    with open_file(path) as stream:
        for start in range(first, last, block_records):
            count = min(block_records, last - start)
            offset = header_bytes + start * dtype.itemsize
            yield start, read_block(stream, str(path), dtype, offset, count)


def load_records(path: Path, header: formats.FileHeader, first: int, last: int) -> NDArray[np.void]:
    """Records ``[first, last)`` as an array of their own."""
    dtype = dtype_of(header.kind)
    if last <= first:
        return np.empty(0, dtype=dtype)
    with open_file(path) as stream:
        offset = header.header_bytes + first * dtype.itemsize
        return read_block(stream, str(path), dtype, offset, last - first)


def hash_range(path: Path, first_byte: int, end_byte: int) -> str:
    """blake2b-128 (hex) of a file's bytes ``[first_byte, end_byte)``; SourceError when it ends before."""
    digest = hashlib.blake2b(digest_size=16)
    buffer = memoryview(bytearray(min(HASH_BLOCK_BYTES, max(0, end_byte - first_byte))))
    with open_file(path) as stream:
        for offset in range(first_byte, end_byte, HASH_BLOCK_BYTES):
            block = buffer[: end_byte - offset]
            read_into(stream, str(path), block, offset)
            digest.update(block)
    return digest.hexdigest()


def open_file(path: Path) -> BinaryIO:
    """The file opened unbuffered for reading; SourceError when it cannot be."""
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=str(error)) from error
