"""Aggressor side of trades: the recorded flag, else the quote rule, else the tick rule."""

from __future__ import annotations

import polars as pl

from zanzibar_assets.vocabulary import RecordKind, SignSource


def resolve_sides(ticks: pl.DataFrame) -> pl.DataFrame:
    """Ticks (in time order) with ``side``, ``sign_source``, ``outside_quote`` and volumes by side.

    The flag wins. Where it is missing and the quote at the trade is uncrossed, a price above its
    midpoint is a buy and below it a sell (Lee and Ready 1991); at the midpoint or without a quote the
    last price change decides, a zero tick keeping the sign. Zero-size rows, bars and quotes stay
    without a side. ``bid_volume``/``ask_volume`` of trades follow the resolved side.
    """
    single = ~pl.col("kind").is_in([RecordKind.BAR.value, RecordKind.QUOTE.value])
    traded = single & (pl.col("size") > 0)
    uncrossed = (pl.col("bid_ticks") <= pl.col("ask_ticks")).fill_null(False)
    above_mid = 2 * pl.col("price_ticks") - pl.col("bid_ticks") - pl.col("ask_ticks")
    quote = (
        pl.when(uncrossed & (pl.col("bid_ticks") < pl.col("ask_ticks"))).then(above_mid.sign()).otherwise(0)
    )
    outside = (pl.col("price_ticks") < pl.col("bid_ticks")) | (pl.col("price_ticks") > pl.col("ask_ticks"))
    flag = pl.col("side").cast(pl.Int64)
    ruled = ticks.with_columns(_tick=_tick_rule(traded), _quote=quote.cast(pl.Int64)).with_columns(
        _source=pl.when(~single)
        .then(pl.lit(SignSource.NONE.value))
        .when(flag != 0)
        .then(pl.lit(SignSource.FLAG.value))
        .when(traded & (pl.col("_quote") != 0))
        .then(pl.lit(SignSource.QUOTE.value))
        .when(traded & (pl.col("_tick") != 0))
        .then(pl.lit(SignSource.TICK.value))
        .otherwise(pl.lit(SignSource.NONE.value)),
    )
    chosen = {SignSource.FLAG: flag, SignSource.QUOTE: pl.col("_quote"), SignSource.TICK: pl.col("_tick")}
    side = pl.lit(0, dtype=pl.Int64)
    for source, value in chosen.items():
        side = pl.when(pl.col("_source") == source.value).then(value).otherwise(side)
    sided = ruled.with_columns(
        side=side.cast(pl.Int8),
        sign_source=pl.col("_source"),
        outside_quote=pl.when(single).then(outside).otherwise(None),
        trades=pl.when(pl.col("kind") == RecordKind.QUOTE.value).then(0).otherwise(pl.col("trades")),
    )
    size = pl.col("size")
    return sided.with_columns(
        bid_volume=pl.when(single & (pl.col("side") < 0)).then(size).otherwise(pl.col("bid_volume")),
        ask_volume=pl.when(single & (pl.col("side") > 0)).then(size).otherwise(pl.col("ask_volume")),
    ).drop("_tick", "_quote", "_source")


def _tick_rule(traded: pl.Expr) -> pl.Expr:
    """Sign of the last price change among rows with volume, 0 before the first change."""
    price = pl.when(traded).then(pl.col("price_ticks")).otherwise(None).forward_fill()
    change = price.diff().sign()
    return pl.when(change != 0).then(change).otherwise(None).forward_fill().fill_null(0)
