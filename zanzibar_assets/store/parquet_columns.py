"""One column of one row group to Parquet pages, each by the encoding that its values want.

Few distinct values become a dictionary and packed codes; other whole numbers packed differences;
other floats stay plain; other texts are their lengths and their bytes. A chunk is compressed
where a sample of it shrinks.
"""

from __future__ import annotations

import struct
import threading
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.store import parquet_layout as layout
from zanzibar_assets.store.parquet_layout import Chunk, StoredType

DISTINCT_LIMIT = 1 << 15
"""Most distinct values of a dictionary; the compiled table holds twice as many."""
DISTINCT_WHOLE_LIMIT = 1 << 11
"""Whole numbers with more distinct values than this are better stored as differences."""
CODE_WIDTHS = (1, 2, 4, 8, 16)
"""Bits of a code: whole bytes and their even parts, in which the compression finds repeats."""
SAMPLE_BYTES = 1 << 14
WORTHWHILE = 0.9
"""Compressed bytes a byte above which a chunk stays as it is: reading it is then quicker."""

_TYPES: dict[Any, StoredType] = {
    pl.Int8: layout.integer(8, signed=True),
    pl.Int16: layout.integer(16, signed=True),
    pl.Int32: layout.integer(32, signed=True),
    pl.Int64: layout.integer(64, signed=True),
    pl.UInt8: layout.integer(8, signed=False),
    pl.UInt16: layout.integer(16, signed=False),
    pl.UInt32: layout.integer(32, signed=False),
    pl.UInt64: layout.integer(64, signed=False),
    pl.Float32: StoredType(layout.FLOAT),
    pl.Float64: StoredType(layout.DOUBLE),
    pl.Boolean: StoredType(layout.BOOLEAN),
    pl.String: layout.TEXT,
    pl.Enum: layout.TEXT,
    pl.Categorical: layout.TEXT,
    pl.Date: layout.DATE,
}
_WIDTHS = {layout.INT32: "<i4", layout.INT64: "<i8", layout.FLOAT: "<f4", layout.DOUBLE: "<f8"}


def stored_type(kind: pl.DataType) -> StoredType | None:
    """How a polars type is stored; None for types that this module does not write."""
    if isinstance(kind, pl.Datetime):
        known = kind.time_unit == "us" and kind.time_zone in (None, "UTC")
        return layout.timestamp_us(utc=kind.time_zone is not None) if known else None
    return _TYPES.get(kind.base_type())


def encode_group(group: pl.DataFrame) -> list[Chunk]:
    """Chunks of all columns of a row group, in order."""
    return [encode_column(column) for column in group.get_columns()]


def encode_column(column: pl.Series) -> Chunk:
    """One chunk: a dictionary page where there is a dictionary, and one data page."""
    stored = stored_type(column.dtype)
    if stored is None:
        raise TypeError(f"columns of {column.dtype} are not written here")
    levels = _levels(column)
    values = column.drop_nulls() if column.null_count() else column
    if stored.physical == layout.BOOLEAN:
        found = _Encoded(layout.PLAIN, np.packbits(values.to_numpy(), bitorder="little").tobytes())
    elif stored.physical == layout.BYTE_ARRAY:
        found = _texts(values)
    else:
        found = _numbers(values.to_physical().to_numpy(), stored)
    return _chunk(column, stored.physical, levels, found)


class _Encoded:
    """Values of a page, the dictionary they point into, and their least and greatest value."""

    __slots__ = ("body", "bounds", "dictionary", "distinct", "encoding")

    def __init__(
        self,
        encoding: int,
        body: bytes,
        dictionary: bytes | None = None,
        distinct: int = 0,
        bounds: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.encoding, self.body, self.bounds = encoding, body, bounds
        self.dictionary, self.distinct = dictionary, distinct


def _levels(column: pl.Series) -> bytes:
    """Definition levels: 1 where a value is there."""
    count = len(column)
    if column.null_count() == 0:
        body = layout.varint(count << 1) + b"\x01" if count else b""
    else:
        body = _packed(column.is_not_null().to_numpy().astype(np.uint32), 1)
    return struct.pack("<I", len(body)) + body


class _Scratch(threading.local):
    """Buffers of one thread, grown to the largest row group and used again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], NDArray[Any]] = {}

    def take(self, name: str, count: int, kind: Any) -> NDArray[Any]:
        key = (name, np.dtype(kind).str)
        if key not in self._kept or len(self._kept[key]) < count:
            self._kept[key] = np.empty(count, dtype=kind)
        return self._kept[key][:count]


_scratch = _Scratch()


def _packed(codes: NDArray[np.uint32], width: int) -> bytes:
    from zanzibar_assets.store import _parquet_kernels as kernels

    out = _scratch.take("out", 2 * len(codes) + 32, np.uint8)
    return out[: kernels.pack_codes(codes, width, out)].tobytes()


def _codes(codes: NDArray[np.uint32], distinct: int) -> bytes:
    """Body of a page of dictionary codes: their width, then the codes."""
    if distinct == 1:
        return b"\x01" + layout.varint(len(codes) << 1) + b"\x00"
    needed = max(distinct - 1, 1).bit_length()
    width = next(width for width in CODE_WIDTHS if width >= needed)
    return bytes([width]) + _packed(codes, width)


def _dictionary(values: NDArray[Any], limit: int) -> tuple[NDArray[np.uint32], NDArray[Any]] | None:
    """Codes and distinct values of whole numbers; None beyond the limit. Good until the next call."""
    from zanzibar_assets.store import _parquet_kernels as kernels

    codes = _scratch.take("codes", len(values), np.uint32)
    distinct = _scratch.take("distinct", limit, values.dtype)
    count = kernels.dictionary_of(values, limit, codes, distinct)
    return None if count < 0 else (codes, distinct[:count])


def _numbers(values: NDArray[Any], stored: StoredType) -> _Encoded:
    kind = np.dtype(_WIDTHS[stored.physical])
    typed = np.ascontiguousarray(values).astype(kind, copy=False)
    bits = typed.view(f"<i{kind.itemsize}")
    floating = kind.kind == "f"
    found = _dictionary(bits, min(DISTINCT_LIMIT, len(bits) // 4) if floating else DISTINCT_WHOLE_LIMIT)
    if found is not None:
        codes, distinct = found
        plain = distinct.view(kind)
        bounds = _bounds(plain.astype(values.dtype), kind)
        return _Encoded(layout.RLE_DICTIONARY, _codes(codes, len(plain)), plain.tobytes(), len(plain), bounds)
    bounds = _bounds(values, kind)
    if floating:
        return _Encoded(layout.PLAIN, typed.tobytes(), bounds=bounds)
    return _Encoded(layout.DELTA_BINARY_PACKED, _differences(bits), bounds=bounds)


def _differences(values: NDArray[Any]) -> bytes:
    from zanzibar_assets.store import _parquet_kernels as kernels

    out = _scratch.take("out", 9 * len(values) + 2_000, np.uint8)
    return out[: kernels.pack_differences(values, out)].tobytes()


def _bounds(values: NDArray[Any], kind: np.dtype[Any]) -> tuple[bytes, bytes] | None:
    """Least and greatest value as stored; None where there is none or one is NaN."""
    if not len(values):
        return None
    low, high = values.min(), values.max()
    if kind.kind == "f":
        if np.isnan(low) or np.isnan(high):
            return None
        low, high = (-0.0 if low == 0 else low), (0.0 if high == 0 else high)
    return np.array(low).astype(kind).tobytes(), np.array(high).astype(kind).tobytes()


def _texts(values: pl.Series) -> _Encoded:
    found, words = _words(values)
    if found is None:
        return _lengths_and_bytes(values)
    codes, distinct = found
    texts = [words[code].encode() for code in distinct.tolist()]
    plain = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    bounds = (min(texts), max(texts)) if texts and max(map(len, texts)) <= 64 else None
    return _Encoded(layout.RLE_DICTIONARY, _codes(codes, len(texts)), plain, len(texts), bounds)


def _words(values: pl.Series) -> tuple[tuple[NDArray[np.uint32], NDArray[Any]] | None, list[str]]:
    """Codes by first appearance with the numbers of the words they stand for, and the words."""
    if isinstance(values.dtype, pl.Enum):
        numbers = values.to_physical().to_numpy().astype(np.int32)
        return _dictionary(numbers, DISTINCT_LIMIT), values.dtype.categories.to_list()
    indexed = values.cast(pl.String).to_arrow().dictionary_encode()
    if len(indexed.dictionary) > min(DISTINCT_LIMIT, max(len(values) // 4, 1)):
        return None, []
    codes = indexed.indices.to_numpy(zero_copy_only=False).astype(np.uint32)
    words = indexed.dictionary.to_pylist()
    return (codes, np.arange(len(words))), words


def _lengths_and_bytes(values: pl.Series) -> _Encoded:
    raw = values.cast(pl.String)
    lengths = raw.str.len_bytes().to_numpy().astype(np.int32)
    joined = "".join(raw.to_list()).encode()
    return _Encoded(layout.DELTA_LENGTH_BYTE_ARRAY, _differences(lengths) + joined)


def _chunk(column: pl.Series, physical: int, levels: bytes, found: _Encoded) -> Chunk:
    body = levels + found.body
    codec, squeeze = _compression(body)
    pages, plain_bytes, dictionary_bytes = b"", 0, 0
    if found.dictionary is not None:
        stored = squeeze(found.dictionary)
        header = layout.dictionary_page_header(len(found.dictionary), len(stored), found.distinct)
        pages = header + stored
        plain_bytes, dictionary_bytes = len(header) + len(found.dictionary), len(pages)
    stored = squeeze(body)
    header = layout.data_page_header(len(body), len(stored), len(column), found.encoding)
    encodings = {layout.RLE, found.encoding} | ({layout.PLAIN} if found.dictionary is not None else set())
    return Chunk(
        pages + header + stored,
        physical,
        tuple(sorted(encodings)),
        codec,
        len(column),
        plain_bytes + len(header) + len(body),
        dictionary_bytes,
        column.null_count(),
        found.bounds,
    )


def _compression(body: bytes) -> tuple[int, Any]:
    """Codec of a chunk and the function that applies it."""
    import pyarrow as pa

    codec = pa.Codec("zstd", 1)
    sample = body[:SAMPLE_BYTES]
    if len(codec.compress(sample)) > WORTHWHILE * len(sample):
        return layout.UNCOMPRESSED, lambda plain: plain
    return layout.ZSTD, lambda plain: codec.compress(plain, asbytes=True)
