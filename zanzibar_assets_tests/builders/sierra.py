"""Hand-made Sierra files, byte for byte, independent of the package's own record types."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

FIRST_BITS, LAST_BITS = 0xFD709EF9, 0xFD709F01
SCID_HEADER = b"SCID" + struct.pack("<IIHHI", 56, 40, 1, 0, 0) + b"\0" * 36
DEPTH_HEADER = b"SCDD" + struct.pack("<III", 64, 24, 1) + b"\0" * 48
EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
UNIX = datetime(1970, 1, 1, tzinfo=UTC)


def us(text: str) -> int:
    """UTC microseconds since 1970 of an ISO time without a zone."""
    delta = datetime.fromisoformat(text).replace(tzinfo=UTC) - UNIX
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def sc_us(text: str) -> int:
    """Sierra's microsecond stamp of an ISO time."""
    return us(text) + 25_569 * 86_400 * 1_000_000


def sc_days(text: str) -> bytes:
    """Sierra's old float-day stamp of an ISO time, as the eight bytes in the file."""
    delta = datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH
    return struct.pack("<d", delta.days + (delta.seconds + delta.microseconds / 1e6) / 86_400)


def float_of(bits: int) -> bytes:
    return struct.pack("<I", bits)


def record(stamp, o, h, lo, c, n=1, v=1, b=0, a=0) -> bytes:
    """One 40-byte intraday record; ``stamp`` ISO text, integer or raw bytes, ``o`` number or raw bytes."""
    head = (
        stamp
        if isinstance(stamp, bytes)
        else struct.pack("<q", sc_us(stamp) if isinstance(stamp, str) else stamp)
    )
    opened = o if isinstance(o, bytes) else struct.pack("<f", o)
    return head + opened + struct.pack("<fffIIII", h, lo, c, n, v, b, a)


def trade(stamp, price, bid, ask, size=1, side=1) -> bytes:
    """A single trade with the quote at the trade; ``side`` +1 buyer, -1 seller, 0 neither."""
    return record(stamp, 0.0, ask, bid, price, 1, size, size if side < 0 else 0, size if side > 0 else 0)


def sub(bits, stamp, price, size=1) -> bytes:
    """A FIRST or LAST sub-trade bought at ``price``."""
    return record(stamp, float_of(bits), price, price - 0.25, price, 1, size, 0, size)


def depth(stamp, command, price=0.0, size=0, flags=0, orders=0) -> bytes:
    """One 24-byte depth record."""
    number = sc_us(stamp) if isinstance(stamp, str) else stamp
    return struct.pack("<qBBHfII", number, command, flags, orders, price, size, 0)


def write_scid(path, *records, header=SCID_HEADER, tail=b""):
    path.write_bytes(header + b"".join(records) + tail)
    return path


def write_depth(path, *records, header=DEPTH_HEADER, tail=b""):
    path.write_bytes(header + b"".join(records) + tail)
    return path
