"""Sierra Chart's binary layouts: headers, record types, sentinels, stamps.

Shared by the readers and by the market simulator. Layouts follow Sierra Chart's published
"Intraday Data File Format" and "Market Depth Data File Format". All integers are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError, SourceError

US_PER_DAY: Final = 86_400_000_000
SC_UNIX_OFFSET_US: Final = 25_569 * US_PER_DAY
"""Microseconds from Sierra's epoch (1899-12-30 UTC) to 1970-01-01 UTC."""

SCID_MAGIC: Final = b"SCID"
DEPTH_MAGIC: Final = b"SCDD"
SCID_HEADER_BYTES: Final = 56
SCID_RECORD_BYTES: Final = 40
DEPTH_HEADER_BYTES: Final = 64
DEPTH_RECORD_BYTES: Final = 24
FORMAT_VERSION: Final = 1
SIMULATED_MARKER: Final = b"ZANZIBAR-SIMULATED"
"""First bytes of the header's reserve in files that the market simulator wrote."""

_SCID_HEADER: Final = struct.Struct("<4sIIHHI36s")
_DEPTH_HEADER: Final = struct.Struct("<4sIII48s")

SCID_DTYPE: Final = np.dtype(
    [
        ("stamp", "<i8"),
        ("open", "<f4"),
        ("high", "<f4"),
        ("low", "<f4"),
        ("close", "<f4"),
        ("trades", "<u4"),
        ("volume", "<u4"),
        ("bid_volume", "<u4"),
        ("ask_volume", "<u4"),
    ]
)
DEPTH_DTYPE: Final = np.dtype(
    [
        ("stamp", "<i8"),
        ("command", "u1"),
        ("flags", "u1"),
        ("num_orders", "<u2"),
        ("price", "<f4"),
        ("quantity", "<u4"),
        ("reserved", "<u4"),
    ]
)

FIRST_SUB_TRADE_BITS: Final = 0xFD709EF9
LAST_SUB_TRADE_BITS: Final = 0xFD709F01
FIRST_SUB_TRADE: Final = np.array([FIRST_SUB_TRADE_BITS], dtype="<u4").view("<f4")[0]
"""Open of the first sub-trade of an unbundled trade; compare by bits, never by tolerance."""
LAST_SUB_TRADE: Final = np.array([LAST_SUB_TRADE_BITS], dtype="<u4").view("<f4")[0]
"""Open of the last sub-trade of an unbundled trade."""
INT_MAX: Final = 2**31 - 1
"""Sierra treats any count or volume above this as garbage."""
END_OF_BATCH: Final = 0x01
"""Depth flag: the book is consistent only after a record that carries it."""

MIN_STAMP_US: Final = 0
"""1970-01-01: no stamp before it can be true."""
MAX_STAMP_US: Final = 4_102_444_800_000_000
"""2100-01-01: no stamp at or after it can be true."""
FLOAT_DAY_FLOOR: Final = 4_600_000_000_000_000_000
"""An old float64 day stamp after 1899 + 20 days, read as int64, lies above this (1.0 is 4.607e18)."""


class DepthCommand(IntEnum):
    """Commands of ``.depth`` records; even is the bid side and odd the ask side from 2 on."""

    NONE = 0
    CLEAR = 1
    ADD_BID = 2
    ADD_ASK = 3
    MODIFY_BID = 4
    MODIFY_ASK = 5
    DELETE_BID = 6
    DELETE_ASK = 7


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What a file says of itself, with the whole records it holds and the bytes of a torn tail."""

    kind: str
    header_bytes: int
    record_bytes: int
    version: int
    simulated: bool
    records: int
    torn_bytes: int


def pack_scid_header(*, simulated: bool = False) -> bytes:
    """The 56 header bytes of a ``.scid`` file."""
    reserve = SIMULATED_MARKER if simulated else b""
    return _SCID_HEADER.pack(SCID_MAGIC, SCID_HEADER_BYTES, SCID_RECORD_BYTES, FORMAT_VERSION, 0, 0, reserve)


def pack_depth_header(*, simulated: bool = False) -> bytes:
    """The 64 header bytes of a ``.depth`` file."""
    reserve = SIMULATED_MARKER if simulated else b""
    return _DEPTH_HEADER.pack(DEPTH_MAGIC, DEPTH_HEADER_BYTES, DEPTH_RECORD_BYTES, FORMAT_VERSION, reserve)


def read_header(path: Path) -> FileHeader:
    """Header of a ``.scid`` or ``.depth`` file, told apart by its magic.

    Sizes are taken from the header. Raises FormatError for another magic, another record size or a
    header that is cut short, SourceError when the file cannot be read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(DEPTH_HEADER_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=str(error)) from error
    return parse_header(start, size, str(path))


def header_is_torn(start: bytes) -> bool:
    """True for the beginning of a header that is not whole: Sierra makes a file first, then fills it."""
    magic = start[:4]
    wanted = DEPTH_HEADER_BYTES if magic == DEPTH_MAGIC else SCID_HEADER_BYTES
    begun = any(known.startswith(magic) for known in (SCID_MAGIC, DEPTH_MAGIC))
    return begun and len(start) < wanted


def parse_header(start: bytes, size: int, name: str) -> FileHeader:
    """Header from a file's first bytes and its size; ``name`` is for the error's text."""
    magic = start[:4]
    if not start:
        raise FormatError(
            f"{name} is empty",
            expected="the first bytes b'SCID' or b'SCDD'",
            got="0 bytes",
            action="wait until Sierra Chart has written to it, or copy the file again",
        )
    if magic not in (SCID_MAGIC, DEPTH_MAGIC):
        raise FormatError(
            f"{name} is no Sierra intraday or depth file",
            expected="the first bytes b'SCID' or b'SCDD'",
            got=repr(magic),
            action="point at a .scid or .depth file (a text export goes by its .txt name)",
        )
    scid = magic == SCID_MAGIC
    layout, wanted = (_SCID_HEADER, SCID_RECORD_BYTES) if scid else (_DEPTH_HEADER, DEPTH_RECORD_BYTES)
    if len(start) < layout.size:
        raise FormatError(
            f"{name} has a cut header",
            expected=f"{layout.size} bytes",
            got=f"{len(start)} bytes",
            action="wait until Sierra Chart has written it whole, or copy the file again",
        )
    if scid:
        _, header_bytes, record_bytes, version, _, _, reserve = layout.unpack(start[: layout.size])
    else:
        _, header_bytes, record_bytes, version, reserve = layout.unpack(start[: layout.size])
    if record_bytes != wanted:
        raise FormatError(
            f"{name} has records of another size",
            expected=f"{wanted} bytes",
            got=str(record_bytes),
            action="copy the file again; if it says the same, another program or format version wrote it",
        )
    if not layout.size <= header_bytes <= max(size, layout.size):
        raise FormatError(
            f"{name} has an impossible header size",
            expected=f"{layout.size} to {size}",
            got=str(header_bytes),
            action="copy the file again from Sierra Chart's folder: this header is damaged",
        )
    records, torn = divmod(size - header_bytes, record_bytes)
    simulated = reserve.startswith(SIMULATED_MARKER)
    kind = "scid" if scid else "depth"
    return FileHeader(kind, header_bytes, record_bytes, version, simulated, records, torn)


def map_records(path: Path, header: FileHeader, first: int = 0, last: int | None = None) -> NDArray[np.void]:
    """Read-only memory map of records ``[first, last)``; bytes are paged in as they are used."""
    dtype = SCID_DTYPE if header.kind == "scid" else DEPTH_DTYPE
    stop = header.records if last is None else last
    if stop <= first:
        return np.empty(0, dtype=dtype)
    offset = header.header_bytes + first * header.record_bytes
    try:
        return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(stop - first,))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path} cannot be mapped", expected=f"records {first} to {stop}", got=str(error)
        ) from error


def unix_stamps(stamps: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """UTC microseconds since 1970 of Sierra stamps, and which of them can be true.

    Both stamp forms are told apart by their value: int64 microseconds, or float64 days whose bits,
    read as int64, lie far above any microsecond count. Impossible stamps give 0 and False.
    """
    raw = np.ascontiguousarray(stamps, dtype=np.int64)
    # Microsecond counts overflow nothing after this bound test; float-day bits are replaced below.
    unix = np.where(raw > -(2**62), raw, -(2**62)) - SC_UNIX_OFFSET_US
    old = raw >= FLOAT_DAY_FLOOR
    if old.any():
        days = raw[old].view(np.float64)
        sane = np.isfinite(days) & (days < 100_000.0)
        # Day fractions carry about 0.6 us at today's dates: rounding to the microsecond is exact enough.
        whole = np.floor(np.where(sane, days, 0.0))
        part = np.rint((np.where(sane, days, 0.0) - whole) * US_PER_DAY)
        unix[old] = whole.astype(np.int64) * US_PER_DAY + part.astype(np.int64) - SC_UNIX_OFFSET_US
    valid = (unix >= MIN_STAMP_US) & (unix < MAX_STAMP_US)
    return np.where(valid, unix, 0), valid


def sierra_stamps(unix_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sierra's microsecond stamps of UTC microseconds since 1970."""
    return np.asarray(unix_us, dtype=np.int64) + SC_UNIX_OFFSET_US
