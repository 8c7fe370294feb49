"""Features from causal events: a state after each event, to be joined as-of on ``known_at``."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.vocabulary import US_PER_SECOND

GAP_ENDS = ("fvg_fill", "fvg_invert")
BLOCK_ENDS = ("breaker",)
_FOREVER = int(np.iinfo(np.int64).max)
Floats = NDArray[np.float64]


def last_dir(events: pl.DataFrame) -> pl.DataFrame:
    """Direction of the newest event: columns ``known_at``, ``dir``; at one instant the last row rules."""
    return events.select("known_at", pl.col("dir").cast(pl.Float64))


def bars_since(bars: pl.DataFrame, events: pl.DataFrame, bar_seconds: int) -> pl.Series:
    """Bars of exchange time since the newest event known at each bar's close, null before the first."""
    stamps = events.select("known_at", pl.col("known_at").alias("last_at")).sort("known_at")
    joined = bars.select("known_at").join_asof(stamps, on="known_at", strategy="backward")
    age = (pl.col("known_at") - pl.col("last_at")).dt.total_microseconds().cast(pl.Float64)
    # polars divides many values by a literal otherwise than a single one: the last bit would hang on it
    bars_ago = joined.select(age).to_series().to_numpy() / (bar_seconds * US_PER_SECOND)
    return pl.Series(bars_ago, nan_to_null=True)


def still_open(events: pl.DataFrame, birth: str, ends: tuple[str, ...], direction: int) -> pl.DataFrame:
    """Rows of kind ``birth`` and a direction that live after each event: ``known_at``, ``open`` (count).

    One ends once, at the first row of a kind of ``ends`` whose ``ref_id`` names it. Those of earlier
    sessions are not in the frame, so neither they nor their ends are counted.
    """
    born = events.filter((pl.col("kind") == birth) & (pl.col("dir") == direction))
    over = events.filter(pl.col("kind").is_in(ends)).sort("known_at", maintain_order=True)
    over = over.unique("ref_id", keep="first", maintain_order=True)
    over = over.filter(pl.col("ref_id").is_in(born["event_id"].implode()))
    steps = pl.concat(
        [
            born.select("known_at", pl.lit(1.0).alias("step")),
            over.select("known_at", pl.lit(-1.0).alias("step")),
        ]
    )
    return steps.sort("known_at").select("known_at", pl.col("step").cum_sum().alias("open"))


def nearest_level(bars: pl.DataFrame, sweeps: pl.DataFrame, side: int) -> Floats:
    """Signed way (price) from each close to the nearest resting level or pool of a side, NaN without one.

    One rests from its ``known_at`` until a row names it (swept, accepted, taken, or grown into a
    larger pool). ``side`` +1: those that rest above the market when they were made.
    """
    close, known = bars["close"].to_numpy(), bars["known_at"].to_physical().to_numpy()
    ended = sweeps.drop_nulls("ref_id").group_by("ref_id").agg(pl.col("known_at").min().alias("dead"))
    made = sweeps.filter(pl.col("kind").is_in(("level", "pool")) & (pl.col("dir") == side))
    lives = made.join(ended, left_on="event_id", right_on="ref_id", how="left").select(
        pl.col("known_at", "dead").to_physical(), "level"
    )
    way = np.full(len(close), np.nan)
    born = np.searchsorted(known, lives["known_at"].to_numpy(), side="left")
    stop = np.searchsorted(known, lives["dead"].fill_null(_FOREVER).to_numpy(), side="left")
    for first, last, level in zip(born, stop, lives["level"].to_list(), strict=True):
        part = way[first:last]
        found = level - close[first:last]
        np.copyto(part, found, where=~(np.abs(part) <= np.abs(found)))
    return way


def nearest_zone(bars: pl.DataFrame, zones: pl.DataFrame, atr: pl.Series) -> pl.DataFrame:
    """Nearest valid point of interest of each bar: ``poi_distance_atr``, ``poi_dir``, ``poi_score``.

    Distance from the close to the zone's near edge over ATR: positive when the zone lies above, 0
    inside. A zone is valid from its ``known_at`` until the first row that invalidates it; of zones
    equally near the newest counts.
    """
    close = bars["close"].to_numpy()
    known = bars["known_at"].dt.epoch("us").to_numpy()
    distance, direction, score = (np.full(len(close), np.nan) for _ in range(3))
    for born, dead, low, high, side, points in _lives(zones):
        start, stop = np.searchsorted(known, (born, dead), side="left")
        part = slice(int(start), int(stop))
        way = np.maximum(low - close[part], 0.0) - np.maximum(close[part] - high, 0.0)
        nearer = ~(np.abs(distance[part]) < np.abs(way))
        distance[part] = np.where(nearer, way, distance[part])
        direction[part] = np.where(nearer, side, direction[part])
        score[part] = np.where(nearer, points, score[part])
    scale = atr.cast(pl.Float64).fill_null(np.nan).to_numpy()
    relative = np.divide(distance, scale, out=np.full(len(close), np.nan), where=scale > 0)
    return pl.DataFrame({"poi_distance_atr": relative, "poi_dir": direction, "poi_score": score})


def _lives(zones: pl.DataFrame) -> list[tuple[int, int, float, float, int, float]]:
    stamped = zones.with_columns(pl.col("known_at").dt.epoch("us").alias("us"))
    over = stamped.filter(pl.col("kind") == "poi_invalidated")
    ends = over.group_by("poi_id").agg(pl.col("us").min().alias("dead"))
    born = stamped.filter(pl.col("kind") == "poi").join(ends, on="poi_id", how="left", maintain_order="left")
    rows = born.sort("us", maintain_order=True).select(
        "us", pl.col("dead").fill_null(_FOREVER), "lo", "hi", "dir", "score"
    )
    return rows.rows()
