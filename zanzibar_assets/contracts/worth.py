"""Contract of what events were worth: outcomes after each kind beside matched times."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Frame


class EventHitRates(Frame):
    """One row per event kind, bar length, session phase and horizon, of one instrument.

    ``hit_rate`` is the share of events after which price stood further in the event's direction at
    the horizon; ``hit_rate_matched`` the same share over every bar of the same phase with the same
    mix of directions. ``edge_sigma`` is the mean signed log return beyond the matched mean, in units
    of the volatility known at entry (``ci_low``/``ci_high``: 95 %, clustered by session);
    ``edge_ticks`` the same in ticks. ``p_adjusted`` holds the false discovery rate over all
    ``looked_at`` tests of the table. Tests are null below the least number of events and sessions.
    """

    kind: str
    timeframe_seconds: pl.Int32 = pa.Field(gt=0)
    phase: str = pa.Field(isin=["all", "pre_open", "first_hour", "middle", "last_hour", "break"])
    horizon_minutes: pl.Int32 = pa.Field(gt=0)
    events: pl.Int64 = pa.Field(ge=1)
    sessions: pl.Int64 = pa.Field(ge=1)
    hit_rate: pl.Float64 = pa.Field(ge=0, le=1)
    hit_rate_matched: pl.Float64 = pa.Field(ge=0, le=1)
    edge_sigma: pl.Float64
    ci_low: pl.Float64 = pa.Field(nullable=True)
    ci_high: pl.Float64 = pa.Field(nullable=True)
    edge_ticks: pl.Float64
    p_value: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_adjusted: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    looked_at: pl.Int64 = pa.Field(ge=0)
    verdict: str = pa.Field(isin=["follows", "reverses", "no measured worth", "too few"])
    measured_through: str
