"""Contracts of structure events, zones and anchored VWAP."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from zanzibar_assets.contracts.base import Events, TimedFrame, Utc


class AnchoredVwap(TimedFrame):
    """VWAP since an anchor, per bar and kind of anchor, known at the bar's close.

    The series starts with the first trade at or after ``anchor_event_ts``; a row stands only where the
    anchor was known (``anchor_known_at`` <= ``known_at``) and was the latest of its kind. ``anchor_id``
    is the event's id; null for the session's open. Bands lie 1 and 2 ``sd`` away (weighted Welford).
    """

    anchor: str = pa.Field(
        isin=[
            "session_open",
            "swing_high",
            "swing_low",
            "break_up",
            "break_down",
            "prior_session_high",
            "prior_session_low",
        ]
    )
    anchor_id: str = pa.Field(nullable=True)
    anchor_event_ts: Utc
    anchor_known_at: Utc
    vwap: pl.Float64
    sd: pl.Float64 = pa.Field(ge=0)
    upper_1: pl.Float64
    lower_1: pl.Float64
    upper_2: pl.Float64
    lower_2: pl.Float64
    volume: pl.Float64 = pa.Field(gt=0)

    @pa.dataframe_check(error="a row stands before its anchor was known")
    def anchor_is_known(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """anchor_event_ts <= anchor_known_at <= known_at."""
        known = pl.col("anchor_known_at")
        return data.lazyframe.select((pl.col("anchor_event_ts") <= known) & (known <= pl.col("known_at")))


class SmcEvents(Events):
    """Swings, BOS/CHoCH, fair value gaps and their life, order blocks and breakers."""


class WyckoffEvents(Events):
    """Wyckoff accumulation and distribution events; ``attrs.phase`` is the phase after the row."""


class WyckoffSchematics(TimedFrame):
    """What a Wyckoff range turned out to be, in retrospect: a row a schematic, known when it is over.

    ``event_ts`` is the climax bar's open. ``outcome``: trend (markup or markdown came) or failed.
    ``path`` names its events in order; ``first_id``, ``last_id`` are rows of wyckoff_events.
    """

    schematic: str = pa.Field(isin=["accumulation", "distribution"])
    outcome: str = pa.Field(isin=["trend", "failed"])
    climax_ticks: pl.Int64
    rally_ticks: pl.Int64 = pa.Field(nullable=True)
    end_ticks: pl.Int64
    bars: pl.Int32 = pa.Field(ge=1)
    events: pl.Int32 = pa.Field(ge=1)
    spring_type: pl.Int8 = pa.Field(isin=[1, 2, 3], nullable=True)
    path: str
    first_id: str
    last_id: str
    timeframe_seconds: pl.Int32 = pa.Field(gt=0)
    def_version: pl.Int16 = pa.Field(ge=1)
    params_hash: str


class PointsOfInterest(Events):
    """Zones worth watching. ``kind``: poi, poi_touch, poi_invalidated; score in [0, 1] at known_at.

    ``poi_id`` is the zone's, on each of its rows; ``ref_id`` of a later row is the ``event_id`` of the
    zone's poi row. ``level`` is the edge that price met: the near one, of an invalidation the far one.
    ``source_id`` is the event the zone came from; ``attrs.touches`` counts its touches before the row.
    """

    poi_id: str
    kind: str = pa.Field(isin=["poi", "poi_touch", "poi_invalidated"])
    dir: pl.Int8 = pa.Field(isin=[-1, 1])
    level_ticks: pl.Int64
    lo_ticks: pl.Int64
    hi_ticks: pl.Int64
    level: pl.Float64
    lo: pl.Float64
    hi: pl.Float64
    score: pl.Float64 = pa.Field(ge=0, le=1)
    source_kind: str
    source_id: str
    factors: str

    @pa.dataframe_check(error="a poi row refers to another, or a later row to none")
    def later_rows_refer_to_the_first(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """ref_id is null on poi rows alone."""
        return data.lazyframe.select((pl.col("kind") == "poi") == pl.col("ref_id").is_null())
