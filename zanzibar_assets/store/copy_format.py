"""Frames as PostgreSQL's binary COPY stream and back.

The layout is that of the PostgreSQL manual, "COPY", section "Binary Format": a signature of 11
bytes, two int32, then for every row an int16 number of fields and for each field an int32 length
and its big-endian bytes; an int16 of -1 ends the stream. The stream of a frame depends on nothing
but the frame and its partition, and the server gives back the bytes that it was given.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from zanzibar_assets.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zanzibar_assets.store.keys import PartitionKey

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
CHUNK_ROWS = 16_384
EPOCH_SHIFT_US = 946_684_800_000_000
"""PostgreSQL counts timestamps from 2000-01-01."""
EARLIEST_US = -210_866_803_200_000_000
"""4714-11-24 BC, the first instant that PostgreSQL knows, on the epoch of 1970."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """How a polars type stands in PostgreSQL: its SQL name and numpy's big-endian form (None: text)."""

    sql: str
    wire: str | None


TYPES: dict[str, ColumnType] = {
    "Boolean": ColumnType("boolean", ">u1"),
    "Int8": ColumnType("smallint", ">i2"),
    "UInt8": ColumnType("smallint", ">i2"),
    "Int16": ColumnType("smallint", ">i2"),
    "UInt16": ColumnType("integer", ">i4"),
    "Int32": ColumnType("integer", ">i4"),
    "UInt32": ColumnType("bigint", ">i8"),
    "Int64": ColumnType("bigint", ">i8"),
    "Float32": ColumnType("real", ">f4"),
    "Float64": ColumnType("double precision", ">f8"),
    "String": ColumnType("text", None),
    "Datetime": ColumnType("timestamp with time zone", ">i8"),
}
UTC_STAMP = pl.Datetime("us", "UTC")


def type_name(name: str, kind: pl.DataType) -> str:
    """Key of a polars type in ``TYPES``; StoreError for types that no table of ours has."""
    if kind == UTC_STAMP:
        return "Datetime"
    if str(kind) in TYPES and str(kind) != "Datetime":
        return str(kind)
    raise StoreError(
        f"column {name} cannot be stored in PostgreSQL", expected=", ".join(TYPES), got=str(kind)
    )


def schema_names(frame: pl.DataFrame) -> dict[str, str]:
    """Column names and type names of a frame, in order."""
    return {name: type_name(name, kind) for name, kind in frame.schema.items()}


class Digest(Protocol):
    """A running hash of a stream."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take further bytes."""
        ...

    def hexdigest(self) -> str:
        """Hash of the bytes so far."""
        ...


def columns_mark(schema: Mapping[str, str]) -> bytes:
    """What a stream's hash begins with: the columns, which the stream itself does not name."""
    return repr(list(schema.items())).encode()


def encode(frame: pl.DataFrame, key: PartitionKey | None) -> Iterator[bytes]:
    """The stream in pieces: partition columns and ``row_no`` from 0 (not without a key), then the frame's."""
    yield HEADER
    schema = schema_names(frame)
    prefix = struct.pack(">h", len(schema)) if key is None else _prefix(key, len(schema))
    columns = [_plain_column(frame[name], kind) for name, kind in schema.items()]
    if key is not None:
        columns.insert(0, _Column("row_no", np.arange(frame.height, dtype=np.int32), ">i4"))
    for start in range(0, frame.height, CHUNK_ROWS):
        yield _encode_rows(columns, prefix, start, min(start + CHUNK_ROWS, frame.height))
    yield TRAILER


def partition_values(key: PartitionKey) -> dict[str, str]:
    """Partition columns and their values: those parts that the key has."""
    parts = {"partition_instrument": key.instrument, "partition_session": key.session}
    return {name: value for name, value in parts.items() if value is not None}


def _prefix(key: PartitionKey, columns: int) -> bytes:
    values = partition_values(key)
    found = struct.pack(">h", len(values) + 1 + columns)
    for name, value in values.items():
        if name == "partition_session":
            found += struct.pack(">ii", 4, (date.fromisoformat(value) - date(2000, 1, 1)).days)
        else:
            found += struct.pack(">i", len(value)) + value.encode("ascii")
    return found


@dataclass(frozen=True, slots=True)
class _Column:
    """A whole column: values to be written as ``wire``, or a text column's bytes and running ends."""

    name: str
    values: NDArray[Any]
    wire: str
    valid: NDArray[np.bool_] | None = None
    ends: NDArray[np.int64] | None = None


def _plain_column(series: pl.Series, kind: str) -> _Column:
    """Values of a column without nulls, whole: polars is asked once a column, not once a piece."""
    wire = TYPES[kind].wire
    valid = series.is_not_null().to_numpy() if series.null_count() else None
    if wire is None:
        return _text(series, valid)
    if kind == "Datetime":
        values = series.to_physical().fill_null(EPOCH_SHIFT_US).to_numpy()
        if len(values) and int(values.min()) < EARLIEST_US:
            raise StoreError(f"column {series.name} has a time before 4714 BC", got=str(int(values.min())))
        return _Column(series.name, values - EPOCH_SHIFT_US, wire, valid)
    values = series.fill_null(False if kind == "Boolean" else 0).to_numpy()
    return _Column(series.name, values, wire, valid)


def _text(series: pl.Series, valid: NDArray[np.bool_] | None) -> _Column:
    filled = series if valid is None else series.fill_null("")
    array = filled.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, ends, joined = array.buffers()
    found = np.frombuffer(ends, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(joined if joined is not None else b"", dtype=np.uint8)
    if len(array) and not data[found[0] : found[-1]].all():
        raise StoreError(
            f"column {series.name} holds a text with a NUL character",
            expected="texts without it: PostgreSQL cannot store one",
            action="clean the text where it is read",
        )
    return _Column(series.name, data, "", valid, found)


def _encode_rows(columns: list[_Column], prefix: bytes, start: int, stop: int) -> bytes:
    from zanzibar_assets.store import _copy_kernels as kernels

    rows = stop - start
    widths = np.full(rows, len(prefix) + kernels.LENGTH_BYTES * len(columns), dtype=np.int64)
    every, parts = np.ones(rows, dtype=np.bool_), []
    for column in columns:
        valid = every if column.valid is None else column.valid[start:stop]
        if column.ends is not None:
            ends, data = column.ends[start : stop + 1], column.values
            widths += np.diff(ends)
        else:
            ends, data = None, _wire_form(column.values[start:stop], column.wire)
            widths += (8 if data.ndim == 1 else data.shape[1]) * valid
        parts.append((data, ends, valid))
    at = np.cumsum(widths) - widths
    out = np.empty(int(widths.sum()), dtype=np.uint8)
    kernels.put_constant(out, at, np.frombuffer(prefix, dtype=np.uint8))
    for data, ends, valid in parts:
        if ends is not None:
            kernels.put_text(out, at, data, ends, valid)
        elif data.ndim == 1:
            kernels.put_eight(out, at, data, valid)
        else:
            kernels.put_fixed(out, at, data, valid)
    return out.tobytes()


def _wire_form(values: NDArray[Any], wire: str) -> NDArray[Any]:
    """Values of eight bytes as native uint64 (rows,), others as big-endian bytes (rows, width)."""
    kind = np.dtype(wire)
    if kind.itemsize == 8:
        return np.ascontiguousarray(values.astype(kind.newbyteorder("="), copy=False)).view(np.uint64)
    found = np.ascontiguousarray(values.astype(kind))
    return found.view(np.uint8).reshape(len(found), kind.itemsize)


def decode(stream: bytes | memoryview, schema: Mapping[str, str], rows: int, skipped: int) -> pl.DataFrame:
    """Frame of a stream; ``skipped`` fields (partition columns, ``row_no``) stand before its columns.

    Raises StoreError when the stream does not hold that many rows.
    """
    from zanzibar_assets.store import _copy_kernels as kernels

    data = np.frombuffer(stream, dtype=np.uint8)
    at = np.empty(rows, dtype=np.int64)
    end = kernels.find_rows(data, len(HEADER), skipped + len(schema), at) if rows else len(HEADER)
    if end + len(TRAILER) != len(data):
        raise StoreError("a COPY stream has another number of rows than its partition", got=f"{len(data)}")
    for _ in range(skipped):
        kernels.skip(data, at)
    return pl.DataFrame([_column(data, at, name, kind) for name, kind in schema.items()])


def _column(data: NDArray[np.uint8], at: NDArray[np.int64], name: str, kind: str) -> pl.Series:
    from zanzibar_assets.store import _copy_kernels as kernels

    rows, wire = len(at), TYPES[kind].wire
    valid = np.empty(rows, dtype=np.bool_)
    if wire is None:
        ends = np.empty(rows + 1, dtype=np.int64)
        kernels.measure_text(data, at, ends, valid)
        joined = np.empty(int(ends[-1]), dtype=np.uint8)
        kernels.take_text(data, at, ends, joined)
        return _text_series(name, joined, ends, valid)
    width = np.dtype(wire).itemsize
    found = np.zeros((rows, width), dtype=np.uint8)
    kernels.take_fixed(data, at, found, valid)
    values: Any = found.reshape(-1).view(wire)
    values = values.astype(values.dtype.newbyteorder("="))
    if kind == "Datetime":
        series = pl.Series(name, values + EPOCH_SHIFT_US).cast(UTC_STAMP)
    else:
        series = pl.Series(name, values).cast(getattr(pl, kind)())
    return series if valid.all() else series.set(~pl.Series(valid), None)


def _text_series(
    name: str, joined: NDArray[np.uint8], ends: NDArray[np.int64], valid: NDArray[np.bool_]
) -> pl.Series:
    import pyarrow as pa

    mask = pa.array(valid).buffers()[1]
    buffers = [mask, pa.py_buffer(ends), pa.py_buffer(joined)]
    return pl.Series(name, pa.Array.from_buffers(pa.large_string(), len(valid), buffers), dtype=pl.String)
