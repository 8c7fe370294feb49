"""What every frame contract shares. Imports pandera: import it where it is used."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

Utc = Annotated[pl.Datetime, "us", "UTC"]


class Frame(pa.DataFrameModel):
    """Base: exactly the declared columns, in order, with the declared types."""

    class Config:
        """Strict: an extra, missing or mistyped column is a breach."""

        strict = True
        ordered = True


class TimedFrame(Frame):
    """A frame of events: ordered by ``known_at``; nothing is known before it happens."""

    event_ts: Utc
    known_at: Utc

    @pa.dataframe_check(error="known_at lies before event_ts")
    def known_after_event(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """known_at >= event_ts on every row."""
        return data.lazyframe.select(pl.col("known_at") >= pl.col("event_ts"))

    @pa.dataframe_check(error="rows are not ordered by known_at")
    def ordered_by_known_at(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """Rows stand in the order in which they became known."""
        return data.lazyframe.select(pl.col("known_at").diff().dt.total_microseconds().fill_null(0) >= 0)


class Events(TimedFrame):
    """Causal events. A change of state is a new row whose ``ref_id`` names the earlier one.

    ``level``/``lo``/``hi`` in integer ticks with float64 prices beside; ``attrs`` is a JSON object
    holding what the kind adds, as of ``known_at``. ``event_id`` is a deterministic hash.
    """

    event_id: str
    kind: str
    dir: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    level_ticks: pl.Int64 = pa.Field(nullable=True)
    lo_ticks: pl.Int64 = pa.Field(nullable=True)
    hi_ticks: pl.Int64 = pa.Field(nullable=True)
    level: pl.Float64 = pa.Field(nullable=True)
    lo: pl.Float64 = pa.Field(nullable=True)
    hi: pl.Float64 = pa.Field(nullable=True)
    ref_id: str = pa.Field(nullable=True)
    timeframe_seconds: pl.Int32 = pa.Field(gt=0)
    def_version: pl.Int16 = pa.Field(ge=1)
    params_hash: str
    attrs: str
