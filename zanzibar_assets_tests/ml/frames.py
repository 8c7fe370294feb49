"""Event, zone and per-bar frames for the feature tests, from plain tuples or a seed."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.contracts.registry import conform, polars_schema

UTC = pl.Datetime("us", "UTC")


def event_frame(rows, table="smc_events", seconds=60) -> pl.DataFrame:
    """Rows of (known_at us, kind, dir, event_id, ref_id) on bars of so many seconds."""
    frame = pl.DataFrame(
        rows,
        schema={
            "known_at": pl.Int64, "kind": pl.String, "dir": pl.Int8,
            "event_id": pl.String, "ref_id": pl.String,
        },
        orient="row",
    )  # fmt: skip
    stamped = frame.with_columns(pl.col("known_at").cast(UTC), timeframe_seconds=pl.lit(seconds, pl.Int32))
    return _filled(table, stamped)


def zone_frame(rows) -> pl.DataFrame:
    """Rows of (known_at us, kind, poi_id, dir, lo, hi, score)."""
    frame = pl.DataFrame(
        rows,
        schema={
            "known_at": pl.Int64, "kind": pl.String, "poi_id": pl.String, "dir": pl.Int8,
            "lo": pl.Float64, "hi": pl.Float64, "score": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    return _filled("points_of_interest", frame.with_columns(pl.col("known_at").cast(UTC)))


def narrative_frame(rows) -> pl.DataFrame:
    """Rows of (known_at us, instrument, bias_score, no_trade)."""
    frame = pl.DataFrame(
        rows,
        schema={
            "known_at": pl.Int64, "instrument": pl.String, "bias_score": pl.Float64, "no_trade": pl.Boolean,
        },
        orient="row",
    )  # fmt: skip
    return _filled("narratives", frame.with_columns(pl.col("known_at").cast(UTC)))


def per_bar(table: str, traded: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Random values of a per-bar table, one row a bar, known at the bar's close."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name, kind in polars_schema(table).items():
        if name in ("event_ts", "known_at"):
            columns[name] = traded[name]
        elif kind == pl.String:
            columns[name] = pl.Series([None] * traded.height, dtype=pl.String)
        elif kind == pl.Boolean:
            columns[name] = pl.Series(rng.random(traded.height) < 0.1)
        elif kind == pl.Float64:
            columns[name] = pl.Series(rng.random(traded.height) + 0.1)
        else:
            columns[name] = pl.Series(rng.integers(0, 2, traded.height)).cast(kind)
    return conform(table, pl.DataFrame(columns))


def _filled(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Columns that the rows do not name: event_ts = known_at, numbers 0, texts empty."""
    for name, kind in polars_schema(table).items():
        if name in frame.columns:
            continue
        if name == "event_ts":
            frame = frame.with_columns(pl.col("known_at").alias("event_ts"))
        else:
            filler = "" if kind == pl.String else 0
            frame = frame.with_columns(pl.lit(filler).cast(kind).alias(name))
    return conform(table, frame)
