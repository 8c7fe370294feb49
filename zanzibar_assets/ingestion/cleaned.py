"""What cleaning hands back, and the pieces that ticks and depth share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow

UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean frame, its quarantine and counts by name; ``counts`` always holds ``records``."""

    clean: pl.DataFrame
    quarantine: pl.DataFrame
    counts: dict[str, int]


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


def quarantine_rows(
    aside: pl.DataFrame, source: pl.Expr, header_bytes: int, record_bytes: int
) -> pl.DataFrame:
    """Quarantine rows that point at the bytes: ``header_bytes + record_bytes * seq`` of ``source``."""
    return aside.select(
        "ts_utc",
        "seq",
        source.alias("source"),
        (pl.col("seq") * record_bytes + header_bytes).alias("byte_offset"),
        "rule",
        pl.format("price {}, size {}", pl.col("price").cast(pl.String).fill_null("none"), "size").alias(
            "detail"
        ),
        "price",
        "size",
    )
