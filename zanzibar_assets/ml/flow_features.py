"""Features of order flow: what trades and the book said in a bar, and the last events of single trades."""

from __future__ import annotations

import polars as pl

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.event_features import bars_since, last_dir
from zanzibar_assets.ml.joins import ATR, SO_FAR, as_of, balance, of_bar, ratio

LAST_DIRS = {
    "tick_sweep_dir": "level_sweep",
    "stop_run_dir": "stop_run",
    "absorption_dir": "absorption",
    "refill_dir": "refill",
}
SINCE = {
    "bars_since_tick_sweep": "level_sweep",
    "bars_since_stop_run": "stop_run",
    "bars_since_absorption": "absorption",
}


def flow_features(bars: pl.DataFrame, liquidity: pl.DataFrame) -> pl.DataFrame:
    """Features of ``liquidity_features``, one row a bar (``bars`` with its ATR)."""
    depth = pl.col("bid_depth") + pl.col("ask_depth")
    volume, atr = pl.col("volume"), pl.col(ATR)
    bought, sold = pl.col("ask_volume"), pl.col("bid_volume")
    height = pl.col("high_ticks") - pl.col("low_ticks")
    floats = pl.col("unfinished_high", "unfinished_low").cast(pl.Float64)
    return of_bar(bars, liquidity).select(
        "ofi_norm", "queue_imbalance", "spread_ticks", "trade_imbalance", "vpin", "effective_spread_ticks",
        "ofi_integrated", "realized_spread_ticks", "price_impact_ticks", "signed_share", floats,
        ratio(pl.col("bid_depth") - pl.col("ask_depth"), depth).alias("depth_imbalance"),
        ratio(bought - sold, bought + sold).alias("delta_share"),
        (pl.col("stacked_buy") - pl.col("stacked_sell")).cast(pl.Float64).alias("stacked_net"),
        ratio(pl.col("mlofi"), depth).alias("mlofi_depth"),
        ratio(pl.col("microprice_edge_ticks"), pl.col("spread_ticks")).alias("microprice_edge"),
        ratio(pl.col("cvd"), pl.col(SO_FAR)).alias("cvd_share"),
        ratio(pl.col("delta_min"), volume).alias("delta_low"),
        ratio(pl.col("delta_max"), volume).alias("delta_high"),
        ratio(pl.col("kyle_lambda") * volume, atr).alias("impact_atr"),
        ratio(pl.col("roll_spread"), atr).alias("roll_spread_atr"),
        balance("imbalance_buy", "imbalance_sell").alias("imbalance_net"),
        balance("absorption_bid", "absorption_ask").alias("absorption_net"),
        balance("refill_bid", "refill_ask").alias("refill_net"),
        pl.col("ratio_high", "ratio_low").log1p(),
        ratio(pl.col("bar_poc_ticks") - pl.col("low_ticks"), height).alias("bar_poc_position"),
    )  # fmt: skip


def orderflow_event_features(
    bars: pl.DataFrame, events: pl.DataFrame, instrument: Instrument
) -> pl.DataFrame:
    """Directions of the last events of each kind, and the bars since them."""
    by_kind = {kind: events.filter(pl.col("kind") == kind) for kind in {*LAST_DIRS.values(), *SINCE.values()}}
    columns = [as_of(bars, last_dir(by_kind[kind])).to_series().rename(n) for n, kind in LAST_DIRS.items()]
    columns += [
        bars_since(bars, by_kind[kind], instrument.bar_seconds).rename(n) for n, kind in SINCE.items()
    ]
    return pl.DataFrame(columns)
