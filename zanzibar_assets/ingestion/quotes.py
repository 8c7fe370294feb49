"""Quotes beside rows: locked, crossed and one-sided ones, by session state. Kept, counted, no error."""

from __future__ import annotations

import polars as pl

from zanzibar_assets.vocabulary import BookState


def quote_states(bid: pl.Expr, ask: pl.Expr) -> pl.Expr:
    """State of a quote by its two sides, null where neither is there."""
    return (
        pl.when(bid.is_null() & ask.is_null())
        .then(pl.lit(None, dtype=pl.String))
        .when(bid.is_null() | ask.is_null())
        .then(pl.lit(BookState.ONE_SIDED.value))
        .when(bid > ask)
        .then(pl.lit(BookState.CROSSED.value))
        .when(bid == ask)
        .then(pl.lit(BookState.LOCKED.value))
        .otherwise(pl.lit(BookState.NORMAL.value))
    )


def quote_counts(rows: pl.DataFrame) -> dict[str, int]:
    """``quote.<state>.<session state>`` of every quote that is not normal.

    ``rows`` hold ``bid`` and ``ask`` (prices or ticks of one grid) and ``session_state``.
    """
    counted = (
        rows.lazy()
        .select(quote=quote_states(pl.col("bid"), pl.col("ask")), state="session_state")
        .filter(pl.col("quote") != BookState.NORMAL.value)
        .group_by("quote", "state")
        .len()
        .sort("quote", "state")
        .collect()
    )
    return {f"quote.{quote}.{state}": int(count) for quote, state, count in counted.iter_rows()}
