"""The house's one way to write Parquet: small, quick to read back, the same bytes for the same rows.

Few distinct values are stored as dictionaries, other whole numbers and stamps as packed differences,
each row group of ``ROW_GROUP_ROWS`` rows compressed with zstd. However the rows arrive, in one frame
or in many, the file's bytes are the same. Enum and Categorical columns are stored as text.

Files of at least one full row group are encoded by compiled loops on all processors
(``parquet_columns``); shorter ones, and types that those loops do not know, by pyarrow, which is
sooner done than the loops are loaded.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import polars as pl

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store import parquet_layout as layout

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

    Holds the rows of less than one row group besides the frame at hand and one row group for each
    processor. The first frame fixes the columns; StoreError when a later one has others, or when the
    writer ends without any frame. The file is complete only after ``close``; leaving a ``with`` block
    by an exception completes nothing.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: deque[pl.DataFrame] = deque()
        self._rows_waiting = 0
        self._schema: pl.Schema | None = None
        self._file: _CompiledFile | _ArrowFile | None = None

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._file is not None:
            self._file.abandon()

    def write(self, frame: pl.DataFrame) -> None:
        """Append a frame's rows."""
        if self._schema is None:
            self._schema = frame.schema
        elif frame.schema != self._schema:
            raise StoreError(
                "a frame has other columns than the file that it is appended to",
                expected=str(dict(self._schema)),
                got=str(dict(frame.schema)),
            )
        self._waiting.append(frame)
        self._rows_waiting += frame.height
        while self._rows_waiting >= ROW_GROUP_ROWS:
            if self._file is None:
                self._file = _file_for_many_rows(self._stream, self._schema)
            self._file.add(self._take(ROW_GROUP_ROWS))

    def close(self) -> None:
        """Write what waits and the footer."""
        if self._schema is None:
            raise StoreError(
                "a Parquet file needs its columns", expected="at least one frame, even an empty one"
            )
        if self._file is None:
            self._file = _ArrowFile(self._stream)
            self._file.add(self._take(self._rows_waiting))
        elif self._rows_waiting:
            self._file.add(self._take(self._rows_waiting))
        self._file.finish()

    def _take(self, rows: int) -> pl.DataFrame:
        """The first rows that wait, in one piece; those of one frame are not copied."""
        pieces = [self._waiting.popleft()]
        taken = pieces[0].height
        while taken < rows:
            pieces.append(self._waiting.popleft())
            taken += pieces[-1].height
        if taken > rows:
            last = pieces.pop()
            pieces.append(last.head(last.height - (taken - rows)))
            self._waiting.appendleft(last.tail(taken - rows))
        self._rows_waiting -= rows
        return (pieces[0] if len(pieces) == 1 else pl.concat(pieces)).rechunk()


def _file_for_many_rows(stream: BinaryIO, schema: pl.Schema) -> _CompiledFile | _ArrowFile:
    from zanzibar_assets.store.parquet_columns import stored_type

    types = {name: stored_type(kind) for name, kind in schema.items()}
    known = {name: stored for name, stored in types.items() if stored is not None}
    return _CompiledFile(stream, known) if len(known) == len(types) else _ArrowFile(stream)


class _CompiledFile:
    """A file whose row groups are encoded on threads and written in order."""

    def __init__(self, stream: BinaryIO, types: dict[str, layout.StoredType]) -> None:
        self._stream, self._types = stream, types
        self._workers = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers)
        self._coming: deque[tuple[int, Future[list[layout.Chunk]]]] = deque()
        self._groups: list[bytes] = []
        self._rows = 0
        stream.write(layout.MAGIC)
        self._offset = len(layout.MAGIC)

    def add(self, group: pl.DataFrame) -> None:
        """Encode a row group; returns when no more are under way than there are processors."""
        from zanzibar_assets.store.parquet_columns import encode_group

        self._coming.append((group.height, self._pool.submit(encode_group, group)))
        while len(self._coming) > self._workers:
            self._put_first()

    def _put_first(self) -> None:
        rows, coming = self._coming.popleft()
        chunks = coming.result()
        begin, columns = self._offset, []
        for name, chunk in zip(self._types, chunks, strict=True):
            columns.append(layout.column_fields(name, chunk, self._offset))
            self._stream.write(chunk.pages)
            self._offset += len(chunk.pages)
        self._groups.append(layout.row_group(columns, chunks, rows, begin, len(self._groups)))
        self._rows += rows

    def finish(self) -> None:
        """Write what is under way and the footer."""
        while self._coming:
            self._put_first()
        self._pool.shutdown()
        self._stream.write(layout.footer(self._types, self._groups, self._rows))

    def abandon(self) -> None:
        """Stop; the stream holds no complete file."""
        self._pool.shutdown(cancel_futures=True)


class _ArrowFile:
    """A file written by pyarrow with the encoding of each column chosen by its type."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._writer: Any = None  # pyarrow ships no types

    def add(self, group: pl.DataFrame) -> None:
        """Write a row group."""
        plain = group.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))
        table = plain.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = _arrow_writer(self._stream, table.schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def finish(self) -> None:
        """Write the footer."""
        self._writer.close()

    def abandon(self) -> None:
        """Nothing runs beside; the stream holds no complete file."""


def _arrow_writer(stream: BinaryIO, schema: Any) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    packed = [field.name for field in schema if _wants_differences(pa.types, field.type)]
    known = [
        field.name for field in schema if not pa.types.is_nested(field.type) and field.type != pa.bool_()
    ]
    return pq.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=[name for name in known if name not in packed],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in packed},
    )


def _wants_differences(types: Any, kind: Any) -> bool:
    """Whether values of a type are stamps, or whole numbers of more than 16 bits."""
    whole = types.is_integer(kind) and kind.bit_width > 16
    return bool(whole or types.is_timestamp(kind) or types.is_date32(kind))
