"""Joining a table to bars on what was known at each bar's close."""

from __future__ import annotations

import polars as pl

ATR = "_atr"
"""ATR at each bar's close (price), beside the bars while features are computed."""
SO_FAR = "_so_far"
"""Volume since the open (before it: of the pre-open) up to each bar, beside the bars likewise."""


def as_of(bars: pl.DataFrame, table: pl.DataFrame, tolerance: str | None = None) -> pl.DataFrame:
    """Newest row of ``table`` known at each bar's close (not older than ``tolerance``), nulls without one.

    Same height and order as ``bars``; only the columns of ``table`` beyond its times.
    """
    right = table.sort("known_at", maintain_order=True).drop("event_ts", strict=False)
    joined = bars.select("known_at").join_asof(right, on="known_at", strategy="backward", tolerance=tolerance)
    return joined.drop("known_at")


def of_bar(bars: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """``as_of`` for a table with a row a bar: a row that is missing leaves nulls, never an old value.

    The columns of ``bars`` stand beside those of the table, which win where both have a name.
    """
    found = as_of(bars, table, f"{int(bars['bar_seconds'][0])}s")
    return found.hstack(bars.drop(found.columns, strict=False))


def ratio(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    """Quotient, null where the bottom is not positive."""
    return pl.when(bottom > 0).then(top / bottom)


def balance(one: str, other: str) -> pl.Expr:
    """(one - other) / (one + other), 0 where both are 0, null where one is null; for counts and scores."""
    total = pl.col(one) + pl.col(other)
    return pl.when(total > 0).then((pl.col(one) - pl.col(other)) / total).when(total == 0).then(0.0)
