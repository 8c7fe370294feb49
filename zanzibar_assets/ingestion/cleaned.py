"""What cleaning hands back, and the pieces that ticks and depth share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow

if TYPE_CHECKING:
    from zanzibar_assets.ingestion.slices import SourceSlice

UTC = pl.Datetime("us", "UTC")


SAMPLE_ROWS = 3
"""Rows of each rule that are shown to people."""


@dataclass(frozen=True, slots=True)
class FileLayout:
    """Where the records of a file lie: record ``seq`` begins at ``header_bytes + record_bytes * seq``."""

    file: str
    header_bytes: int
    record_bytes: int


Layouts = Mapping[str, FileLayout]
"""By what a raw frame calls its source: a Sierra symbol (ticks) or a file's name (depth)."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean frame, its quarantine and counts by name; ``counts`` always holds ``records``.

    ``samples``: up to three rows of each rule that put aside or flagged something, for people.
    """

    clean: pl.DataFrame
    quarantine: pl.DataFrame
    counts: dict[str, int]
    samples: tuple[dict[str, Any], ...] = ()


def layouts_of(slices: Iterable[SourceSlice]) -> dict[str, FileLayout]:
    """Layouts of the files that slices were cut from, as their headers tell them."""
    found = {}
    for piece in slices:
        file = piece.file
        layout = FileLayout(file.path.name, file.header_bytes, file.record_bytes)
        found[file.symbol if file.kind == "scid" else file.path.name] = layout
    return found


def layout_notes(slices: Iterable[SourceSlice]) -> dict[str, list[Any]]:
    """``layouts_of`` as plain data, to be kept with a raw partition."""
    return {
        name: [layout.file, layout.header_bytes, layout.record_bytes]
        for name, layout in layouts_of(slices).items()
    }


def noted_layouts(notes: Mapping[str, Sequence[Any]]) -> dict[str, FileLayout]:
    """Layouts back from what ``layout_notes`` kept."""
    return {
        name: FileLayout(str(file), int(header), int(size)) for name, (file, header, size) in notes.items()
    }


def with_offsets(rows: pl.DataFrame, name: str, layouts: Layouts, standard: FileLayout) -> pl.DataFrame:
    """Rows with ``source`` (file name) and ``byte_offset``, by the layout of what column ``name`` says.

    A source that ``layouts`` does not name has the format's standard layout; ``standard.file`` is the
    ending that makes its name a file's.
    """
    known = {
        key: layouts.get(key) or FileLayout(key + standard.file, standard.header_bytes, standard.record_bytes)
        for key in rows[name].unique().to_list()
    }
    files = {key: layout.file for key, layout in known.items()}
    headers = {key: layout.header_bytes for key, layout in known.items()}
    sizes = {key: layout.record_bytes for key, layout in known.items()}

    def told(by: Mapping[str, Any], kind: type[pl.DataType]) -> pl.Expr:
        return pl.col(name).replace_strict(by, return_dtype=kind) if by else pl.lit(None, kind)

    return rows.with_columns(
        source=told(files, pl.String),
        byte_offset=told(headers, pl.Int64) + told(sizes, pl.Int64) * pl.col("seq"),
    )


def int_series(values: NDArray[np.int64], present: NDArray[np.bool_]) -> pl.Series:
    """Integers with nulls where ``present`` is False."""
    missing = pl.repeat(None, len(values), dtype=pl.Int64, eager=True)
    return pl.Series(values).zip_with(pl.Series(present), missing)


def inside_session(stamps: pl.Series, window: SessionWindow) -> pl.Series:
    """Whether stamps lie in ``[window.starts_us, window.close_us)``; no stamp is outside."""
    us = stamps.dt.timestamp("us")
    return ((us >= window.starts_us) & (us < window.close_us)).fill_null(False)


def counts_by(prefix: str, column: pl.Series) -> dict[str, int]:
    """Counts of a column's values under names ``prefix.value``, sorted."""
    counted = column.rename("value").value_counts().sort("value")
    return {f"{prefix}.{value}": int(count) for value, count in counted.iter_rows()}


def quarantine_rows(aside: pl.DataFrame) -> pl.DataFrame:
    """Quarantine rows of rows that carry ``source``, ``byte_offset`` and ``rule``."""
    return aside.select(
        "ts_utc",
        "seq",
        "source",
        "byte_offset",
        "rule",
        pl.format("price {}, size {}", pl.col("price").cast(pl.String).fill_null("none"), "size").alias(
            "detail"
        ),
        "price",
        "size",
    )


def sample_rows(rows: pl.DataFrame) -> tuple[dict[str, Any], ...]:
    """The first rows of each rule as plain data: rule, file, byte offset, recorded stamp, price, size."""
    stamp = pl.col("ts_utc").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    columns = ["rule", "source", "byte_offset", stamp, "price", "size"]
    first = rows.select(columns).group_by("rule", maintain_order=True).head(SAMPLE_ROWS)
    return tuple(first.sort("rule", maintain_order=True).iter_rows(named=True))
