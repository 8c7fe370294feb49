"""Where and for how long predictions rank what follows: IC by horizon, regime, session phase, instrument.

All of it looks back over a finished record, so a phase may be named by the session's end. Each figure
comes with its Newey-West t; parts are ranked within themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.ml.ic import Floats, HacMean, hac_mean, rank_scores

REGIMES = {0: "calm", 1: "normal", 2: "stressed"}
EDGE_MINUTES = 60


@dataclass(frozen=True, slots=True)
class PartIc:
    """IC of one part of a record: ``kind`` is what it was cut by, ``part`` its name."""

    kind: str
    part: str
    rows: int
    test: HacMean


def ic_by_horizon(path: pl.DataFrame, bars: pl.DataFrame, horizons: Sequence[int]) -> list[PartIc]:
    """IC decay: predictions of a ModelOos path against log returns over each horizon of bars' length.

    ``bars`` is a Bars frame with ``session``; the close that holds at the horizon's end is taken, and
    rows whose horizon ends after their session are left out. No row, no line.
    """
    if bars.is_empty():
        return []
    step = pl.duration(seconds=int(bars["bar_seconds"][0]))
    closes = bars.select("session", "known_at", pl.col("close").log().alias("level")).sort("known_at")
    ends = closes.group_by("session").agg(pl.col("known_at").max().alias("end"))
    rows = path.select("session", "prediction", pl.col("event_ts").alias("known_at")).sort("known_at")
    rows = (
        rows.join(closes, on=["session", "known_at"], how="inner").join(ends, on="session").sort("known_at")
    )
    found = []
    for horizon in horizons:
        target = rows.with_columns((pl.col("known_at") + horizon * step).alias("target"))
        target = target.filter(pl.col("target") <= pl.col("end"))
        later = target.join_asof(
            closes.rename({"known_at": "target", "level": "later"}),
            on="target", by="session", strategy="backward", check_sortedness=False,
        )  # fmt: skip
        outcome = later.select(pl.col("prediction"), (pl.col("later") - pl.col("level")).alias("outcome"))
        if outcome.height:
            found.append(_part("horizon", str(horizon), outcome, horizon))
    return found


def ic_by_regime(path: pl.DataFrame, regimes: pl.DataFrame, horizon: int) -> list[PartIc]:
    """IC in each volatility regime known at the entry; rows without one are named ``unknown``."""
    if regimes.is_empty():
        return []
    states = regimes.select(pl.col("known_at").alias("event_ts"), "vol_state").sort("event_ts")
    rows = path.sort("event_ts").join_asof(states, on="event_ts", strategy="backward")
    names = pl.col("vol_state").cast(pl.Int64).replace_strict(REGIMES, default="unknown")
    return ic_by("regime", rows.with_columns(names.fill_null("unknown").alias("part")), horizon)


def ic_by_phase(path: pl.DataFrame, bars: pl.DataFrame, horizon: int) -> list[PartIc]:
    """IC before the open, in the first and last hour of the session, and between."""
    if bars.is_empty():
        return []
    opened = pl.col("event_ts").filter(pl.col("session_state") == "open").min().alias("opened")
    edges = bars.group_by("session").agg(opened, pl.col("known_at").max().alias("closed"))
    hour, entry = pl.duration(minutes=EDGE_MINUTES), pl.col("event_ts")
    phase = (
        pl.when(entry <= pl.col("opened")).then(pl.lit("pre_open"))
        .when(entry <= pl.col("opened") + hour).then(pl.lit("first_hour"))
        .when(entry > pl.col("closed") - hour).then(pl.lit("last_hour"))
        .otherwise(pl.lit("middle"))
    )  # fmt: skip
    rows = path.join(edges, on="session", how="inner").with_columns(phase.alias("part"))
    return ic_by("phase", rows, horizon)


def ic_by(kind: str, rows: pl.DataFrame, horizon: int) -> list[PartIc]:
    """IC of each value of the column ``part``; an ``instrument`` column serves as one when renamed."""
    parts = rows.sort("event_ts").partition_by("part", as_dict=True, maintain_order=True)
    named = sorted(((str(key[0]), part) for key, part in parts.items()), key=lambda pair: pair[0])
    return [
        _part(kind, name, part.select("prediction", pl.col("gross_return").alias("outcome")), horizon)
        for name, part in named
    ]


def session_ics(path: pl.DataFrame) -> Floats:
    """Rank IC of each session in order, shape ``(sessions,)``; 0 where nothing varies."""
    ranks = [pl.col(name).rank("average").over("session") for name in ("prediction", "gross_return")]
    by_session = path.select("session", *ranks).group_by("session", maintain_order=True)
    found = by_session.agg(pl.corr("prediction", "gross_return").fill_nan(0.0).fill_null(0.0).alias("ic"))
    return found["ic"].to_numpy().astype(np.float64)


def weakest(parts: Sequence[PartIc]) -> PartIc | None:
    """The part with the lowest t among those with an error; None without any."""
    known = [part for part in parts if math.isfinite(part.test.error)]
    return min(known, key=lambda part: part.test.t) if known else None


def _part(kind: str, name: str, rows: pl.DataFrame, horizon: int) -> PartIc:
    prediction, outcome = (rows[column].to_numpy().astype(np.float64) for column in ("prediction", "outcome"))
    return PartIc(kind, name, rows.height, hac_mean(rank_scores(prediction, outcome), horizon))
