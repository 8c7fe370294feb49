"""The house's one way to write Parquet: small, quick to read back, the same bytes for the same rows.

Floats and texts are stored as dictionaries, whole numbers and stamps as packed differences, each row
group of ``ROW_GROUP_ROWS`` rows compressed with zstd. However the rows arrive, in one frame or in many,
the file's bytes are the same. Enum and Categorical columns are stored as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import polars as pl

from zanzibar_assets.errors import StoreError

ROW_GROUP_ROWS = 1 << 17
"""Rows of each row group but the last."""
ZSTD_LEVEL = 1
"""Beyond it, dictionaries and packed differences shrink by a few percent at most."""


def write_frame(frame: pl.DataFrame, target: Path | BinaryIO) -> None:
    """Write a frame as one Parquet file to a path (replaced) or to an open binary stream."""
    if isinstance(target, Path):
        with target.open("wb") as stream:
            write_frame(frame, stream)
        return
    with ParquetWriter(target) as writer:
        writer.write(frame)


class ParquetWriter:
    """One Parquet file written frame by frame into an open binary stream, which stays open.

    Holds the rows of less than one row group besides the frame at hand. The first frame fixes the
    columns; StoreError when a later one has others, or when the writer ends without any frame. The
    file is complete only after ``close``; leaving a ``with`` block by an exception completes nothing.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[pl.DataFrame] = []
        self._rows_waiting = 0
        self._schema: pl.Schema | None = None
        self._arrow: Any = None  # pyarrow ships no types

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def write(self, frame: pl.DataFrame) -> None:
        """Append a frame's rows."""
        stored = frame.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))
        if self._schema is None:
            self._schema = stored.schema
        elif stored.schema != self._schema:
            raise StoreError(
                "a frame has other columns than the file that it is appended to",
                expected=str(dict(self._schema)),
                got=str(dict(stored.schema)),
            )
        self._waiting.append(stored)
        self._rows_waiting += stored.height
        if self._rows_waiting >= ROW_GROUP_ROWS:
            for group in self._full_groups():
                self._write_group(group)

    def close(self) -> None:
        """Write what waits and the footer."""
        if self._schema is None:
            raise StoreError(
                "a Parquet file needs its columns", expected="at least one frame, even an empty one"
            )
        if self._rows_waiting or self._arrow is None:
            self._write_group(pl.concat(self._waiting).rechunk())
        self._waiting, self._rows_waiting = [], 0
        self._arrow.close()

    def _full_groups(self) -> Iterator[pl.DataFrame]:
        """Whole row groups of what waits; the rest goes on waiting, holding on to no other rows."""
        rows = pl.concat(self._waiting).rechunk()
        whole = rows.height - rows.height % ROW_GROUP_ROWS
        for start in range(0, whole, ROW_GROUP_ROWS):
            yield rows.slice(start, ROW_GROUP_ROWS)
        self._rows_waiting = rows.height - whole
        self._waiting = [rows.slice(whole).clone()] if self._rows_waiting else []

    def _write_group(self, group: pl.DataFrame) -> None:
        table = group.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._arrow is None:
            self._arrow = _arrow_writer(self._stream, table.schema)
        self._arrow.write_table(table, row_group_size=max(1, table.num_rows))


def _arrow_writer(stream: BinaryIO, schema: Any) -> Any:
    """pyarrow's writer with the encoding of each column chosen by its type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    packed = [field.name for field in schema if _is_whole(pa.types, field.type)]
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    return pq.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=[
            name for name in flat if name not in packed and schema.field(name).type != pa.bool_()
        ],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in packed},
    )


def _is_whole(types: Any, kind: Any) -> bool:
    """Whether values of a type are stored as whole numbers."""
    return bool(types.is_integer(kind) or types.is_timestamp(kind) or types.is_date32(kind))
