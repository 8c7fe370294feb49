"""Parquet's own records: page headers and the footer, in Thrift's compact protocol.

Field numbers and codes are those of the published ``parquet.thrift``. A record is written as its
fields in the order of their numbers: (number, kind, value).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MAGIC: Final = b"PAR1"
CREATED_BY: Final = "zanzibar-assets"
_TRUE, _FALSE, _I8, _I16, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 4, 5, 6, 8, 9, 12
_BOOL = 0
"""Kind of a field that is written as _TRUE or _FALSE."""

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY = 0, 1, 2, 4, 5, 6
PLAIN, RLE, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, RLE_DICTIONARY = 0, 3, 5, 6, 8
UNCOMPRESSED, ZSTD = 0, 6
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_OPTIONAL = 1

Fields = Sequence[tuple[int, int, Any]]


@dataclass(frozen=True, slots=True)
class StoredType:
    """A column's physical type with its converted and its logical one; None for none."""

    physical: int
    converted: int | None = None
    logical: Fields | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group, ready for the file; sizes count the pages' headers."""

    pages: bytes
    physical: int
    encodings: tuple[int, ...]
    codec: int
    values: int
    plain_bytes: int
    dictionary_bytes: int
    nulls: int
    bounds: tuple[bytes, bytes] | None


def varint(value: int) -> bytes:
    """An unsigned number, seven bits a byte."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _whole(value: int) -> bytes:
    return varint((value << 1) ^ (value >> 63))


def record(fields: Fields) -> bytes:
    """One Thrift struct."""
    out, last = bytearray(), 0
    for number, kind, value in fields:
        written = (_TRUE if value else _FALSE) if kind == _BOOL else kind
        out.append((number - last) << 4 | written)
        out += _value(kind, value)
        last = number
    out.append(0)
    return bytes(out)


def _value(kind: int, value: Any) -> bytes:
    if kind == _BOOL:
        return b""
    if kind == _I8:
        return struct.pack("b", value)
    if kind in (_I16, _I32, _I64):
        return _whole(value)
    if kind == _BINARY:
        raw = value.encode() if isinstance(value, str) else value
        return varint(len(raw)) + raw
    if kind == _STRUCT:
        return value if isinstance(value, bytes) else record(value)
    inner, items = value
    size = bytes([len(items) << 4 | inner]) if len(items) < 15 else bytes([0xF0 | inner]) + varint(len(items))
    return size + b"".join(_value(inner, item) for item in items)


def integer(bits: int, *, signed: bool) -> StoredType:
    """A whole number of so many bits."""
    converted = {8: 15, 16: 16, 32: 17, 64: 18}[bits] - (0 if signed else 4)
    logical = (10, _STRUCT, [(1, _I8, bits), (2, _BOOL, signed)])
    return StoredType(INT64 if bits == 64 else INT32, converted, [logical])


def timestamp_us(*, utc: bool) -> StoredType:
    """Microseconds since 1970, in UTC or in an unnamed zone."""
    unit: Fields = [(2, _STRUCT, [])]
    logical = (8, _STRUCT, [(1, _BOOL, utc), (2, _STRUCT, unit)])
    return StoredType(INT64, 10 if utc else None, [logical])


TEXT: Final = StoredType(BYTE_ARRAY, 0, [(1, _STRUCT, [])])
DATE: Final = StoredType(INT32, 6, [(6, _STRUCT, [])])


def data_page_header(plain_bytes: int, stored_bytes: int, values: int, encoding: int) -> bytes:
    """Header of a data page (version 1) whose levels are RLE."""
    data = [(1, _I32, values), (2, _I32, encoding), (3, _I32, RLE), (4, _I32, RLE)]
    return record(
        [(1, _I32, _DATA_PAGE), (2, _I32, plain_bytes), (3, _I32, stored_bytes), (5, _STRUCT, data)]
    )


def dictionary_page_header(plain_bytes: int, stored_bytes: int, values: int) -> bytes:
    """Header of a dictionary page of plain values."""
    data = [(1, _I32, values), (2, _I32, PLAIN)]
    return record(
        [(1, _I32, _DICTIONARY_PAGE), (2, _I32, plain_bytes), (3, _I32, stored_bytes), (7, _STRUCT, data)]
    )


def _schema_element(name: str, stored: StoredType) -> Fields:
    fields = [(1, _I32, stored.physical), (3, _I32, _OPTIONAL), (4, _BINARY, name)]
    if stored.converted is not None:
        fields.append((6, _I32, stored.converted))
    if stored.logical is not None:
        fields.append((10, _STRUCT, stored.logical))
    return fields


def column_fields(name: str, chunk: Chunk, offset: int) -> Fields:
    """Footer entry of a chunk whose pages begin at ``offset``."""
    statistics: list[tuple[int, int, Any]] = [(3, _I64, chunk.nulls)]
    if chunk.bounds is not None:
        statistics += [(5, _BINARY, chunk.bounds[1]), (6, _BINARY, chunk.bounds[0])]
        statistics += [(7, _BOOL, True), (8, _BOOL, True)]
    about: list[tuple[int, int, Any]] = [
        (1, _I32, chunk.physical),
        (2, _LIST, (_I32, chunk.encodings)),
        (3, _LIST, (_BINARY, [name])),
        (4, _I32, chunk.codec),
        (5, _I64, chunk.values),
        (6, _I64, chunk.plain_bytes),
        (7, _I64, len(chunk.pages)),
        (9, _I64, offset + chunk.dictionary_bytes),
    ]
    if chunk.dictionary_bytes:
        about.append((11, _I64, offset))
    about.append((12, _STRUCT, statistics))
    return [(2, _I64, 0), (3, _STRUCT, about)]


def row_group(columns: list[Fields], chunks: Sequence[Chunk], rows: int, offset: int, ordinal: int) -> bytes:
    """Footer entry of a row group that begins at ``offset``, as its bytes: a long file has many."""
    return record(
        [
            (1, _LIST, (_STRUCT, columns)),
            (2, _I64, sum(chunk.plain_bytes for chunk in chunks)),
            (3, _I64, rows),
            (5, _I64, offset),
            (6, _I64, sum(len(chunk.pages) for chunk in chunks)),
            (7, _I16, ordinal % 2**15),
        ]
    )


def footer(types: dict[str, StoredType], groups: list[bytes], rows: int) -> bytes:
    """What ends the file: metadata, its length, the magic."""
    root: Fields = [(4, _BINARY, "schema"), (5, _I32, len(types))]
    elements = [root, *(_schema_element(name, stored) for name, stored in types.items())]
    by_type_order: Fields = [(1, _STRUCT, [])]
    body = record(
        [
            (1, _I32, 2),
            (2, _LIST, (_STRUCT, elements)),
            (3, _I64, rows),
            (4, _LIST, (_STRUCT, groups)),
            (6, _BINARY, CREATED_BY),
            (7, _LIST, (_STRUCT, [by_type_order] * len(types))),
        ]
    )
    return body + struct.pack("<I", len(body)) + MAGIC
