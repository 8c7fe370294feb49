"""Contract of what a session's chart shows: each drawn item is a row that leads back to its source."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from zanzibar_assets.contracts.base import TimedFrame


class SessionChart(TimedFrame):
    """One row per item drawn on a session's chart, beside its bars, lines and profile.

    ``layer``: ``event`` (a mark at ``event_ts`` and one at ``known_at``, at ``drawn_ticks``), ``zone``
    (``lo``..``hi`` from ``known_at`` on), ``zone_end`` (ends the zone ``ref_id``, from when that was
    known), ``phase`` (the Wyckoff phase ``label`` of the schematic ``kind`` from ``known_at`` to the next
    such row; null: none), ``profile`` (final levels), ``signal`` (``level`` is the entry, ``lo``..``hi``
    span stop and target). ``item_id`` is the row's id in table ``source``. Later rows change nothing
    in earlier ones: the chart as it stood at an instant is the rows known by then.
    """

    layer: str = pa.Field(isin=["event", "zone", "zone_end", "phase", "profile", "signal"])
    source: str
    kind: str
    item_id: str
    ref_id: str = pa.Field(nullable=True)
    dir: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    drawn_ticks: pl.Int64 = pa.Field(nullable=True)
    level_ticks: pl.Int64 = pa.Field(nullable=True)
    lo_ticks: pl.Int64 = pa.Field(nullable=True)
    hi_ticks: pl.Int64 = pa.Field(nullable=True)
    drawn: pl.Float64 = pa.Field(nullable=True)
    level: pl.Float64 = pa.Field(nullable=True)
    lo: pl.Float64 = pa.Field(nullable=True)
    hi: pl.Float64 = pa.Field(nullable=True)
    score: pl.Float64 = pa.Field(nullable=True)
    label: str = pa.Field(nullable=True)
    timeframe_seconds: pl.Int32 = pa.Field(nullable=True, gt=0)
    def_version: pl.Int16 = pa.Field(nullable=True, ge=1)
    params_hash: str = pa.Field(nullable=True)

    @pa.dataframe_check(error="an event, level or signal has no price to be drawn at")
    def marks_have_a_price(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """Marks carry ``drawn_ticks``."""
        marked = pl.col("layer").is_in(["event", "profile", "signal"])
        return data.lazyframe.select(~marked | pl.col("drawn_ticks").is_not_null())

    @pa.dataframe_check(error="a zone has no lower and upper edge")
    def zones_have_edges(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """Zones carry ``lo`` <= ``hi``."""
        edges = (pl.col("lo_ticks") <= pl.col("hi_ticks")).fill_null(False)
        return data.lazyframe.select((pl.col("layer") != "zone") | edges)
