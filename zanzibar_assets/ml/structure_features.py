"""Features of market structure: breaks, swings, gaps and blocks, sweeps and resting levels, Wyckoff."""

from __future__ import annotations

import polars as pl

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.event_features import (
    BLOCK_ENDS,
    GAP_ENDS,
    bars_since,
    last_dir,
    nearest_level,
    still_open,
)
from zanzibar_assets.ml.joins import ATR, as_of, ratio

BREAKS = ("bos", "choch")
PHASES = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0, "E": 5.0}
LONGER_BARS = {"break_dir_15m": 900, "break_dir_60m": 3_600}


def structure_features(bars: pl.DataFrame, smc_events: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Features of ``smc_events``: of the bars' own structure, and the last break of longer bars."""
    # Rows of longer bars would count the same move again: they have features of their own.
    smc = smc_events.filter(pl.col("timeframe_seconds") == instrument.bar_seconds)
    breaks = smc.filter(pl.col("kind").is_in(BREAKS))
    states = {
        "last_bos_dir": last_dir(breaks.filter(pl.col("kind") == "bos")),
        "last_choch_dir": last_dir(breaks.filter(pl.col("kind") == "choch")),
        "open_gaps_up": still_open(smc, "fvg", GAP_ENDS, 1),
        "open_gaps_down": still_open(smc, "fvg", GAP_ENDS, -1),
        "open_blocks_up": still_open(smc, "ob", BLOCK_ENDS, 1),
        "open_blocks_down": still_open(smc, "ob", BLOCK_ENDS, -1),
    }
    for name, seconds in LONGER_BARS.items():
        longer = (pl.col("timeframe_seconds") == seconds) & pl.col("kind").is_in(BREAKS)
        states[name] = last_dir(smc_events.filter(longer))
    columns = [as_of(bars, state).to_series().rename(name) for name, state in states.items()]
    columns.append(bars_since(bars, breaks, instrument.bar_seconds).rename("bars_since_break"))
    counts = pl.col("^open_(gaps|blocks)_(up|down)$").fill_null(0.0)
    return pl.DataFrame(columns).with_columns(counts).hstack(_swings(bars, smc))


def _swings(bars: pl.DataFrame, smc: pl.DataFrame) -> pl.DataFrame:
    points = smc.filter(pl.col("kind") == "swing")
    sides = {name: points.filter(pl.col("dir") == side) for name, side in (("high", 1), ("low", -1))}
    last = pl.DataFrame(
        [as_of(bars, rows.select("known_at", "level")).to_series().rename(n) for n, rows in sides.items()]
    ).hstack(bars.select("close", ATR))
    close, high, low = pl.col("close"), pl.col("high"), pl.col("low")
    return last.select(
        ratio(close - high, pl.col(ATR)).alias("swing_high_atr"),
        ratio(close - low, pl.col(ATR)).alias("swing_low_atr"),
        ratio(close - low, high - low).alias("swing_range_position"),
    )


def sweep_features(bars: pl.DataFrame, sweeps: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Features of ``liquidity_sweeps``: the last sweep, and the nearest levels that still rest."""
    swept = sweeps.filter(pl.col("kind") == "level_sweep")
    ways = {
        "level_above_atr": nearest_level(bars, sweeps, 1),
        "level_below_atr": nearest_level(bars, sweeps, -1),
    }
    scaled = bars.select(ATR, **{name: pl.Series(way) for name, way in ways.items()}).select(
        ratio(pl.col(name), pl.col(ATR)).alias(name) for name in ways
    )
    return scaled.with_columns(
        as_of(bars, last_dir(swept)).to_series().alias("last_sweep_dir"),
        bars_since(bars, swept, instrument.bar_seconds).alias("bars_since_sweep"),
    )


def wyckoff_features(bars: pl.DataFrame, events: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Features of ``wyckoff_events``: direction, age and phase of the last one."""
    name = pl.col("attrs").str.json_path_match("$.phase")
    phase = name.replace_strict(PHASES, default=0.0, return_dtype=pl.Float64)
    columns = [
        as_of(bars, last_dir(events)).to_series().rename("last_wyckoff_dir"),
        bars_since(bars, events, instrument.bar_seconds).rename("bars_since_wyckoff"),
        as_of(bars, events.select("known_at", phase)).to_series().rename("wyckoff_phase"),
    ]
    return pl.DataFrame(columns)
