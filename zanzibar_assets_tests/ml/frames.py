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


def profile_frame(prices, poc, area, nodes, known_us) -> pl.DataFrame:
    """Final profile of one session; ``area`` (low, high), ``nodes`` price -> hvn or lvn."""
    low, high = area
    frame = pl.DataFrame(
        {
            "price": [float(price) for price in prices],
            "is_poc": [price == poc for price in prices],
            "in_value_area": [low <= price <= high for price in prices],
            "node": pl.Series([nodes.get(price) for price in prices], dtype=pl.String),
        }
    ).with_columns(known_at=pl.lit(int(known_us)).cast(UTC))
    return _filled("volume_profile", frame)


def anchored_frame(traded, seed: int) -> pl.DataFrame:
    """A VWAP since each anchor from some bar on, one row a bar and anchor."""
    rng = np.random.default_rng(seed)
    anchors = ("session_open", "swing_high", "swing_low", "break_up", "break_down", "prior_session_low")
    parts = []
    for anchor in anchors:
        rows = traded[int(rng.integers(0, traded.height // 2)) :].select("event_ts", "known_at")
        near = traded["close"].tail(rows.height).to_numpy() + rng.normal(0, 3, rows.height)
        parts.append(rows.with_columns(anchor=pl.lit(anchor), vwap=near))
    return _filled("anchored_vwap", pl.concat(parts).sort("known_at", maintain_order=True))


def _filled(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Columns that the rows do not name: event_ts = known_at, numbers 0, texts empty."""
    for name, kind in polars_schema(table).items():
        if name in frame.columns:
            continue
        if name == "event_ts":
            frame = frame.with_columns(pl.col("known_at").alias("event_ts"))
        elif kind == UTC:
            frame = frame.with_columns(pl.col("event_ts").alias(name))
        else:
            filler = "" if kind == pl.String else 0
            frame = frame.with_columns(pl.lit(filler).cast(kind).alias(name))
    return conform(table, frame)
