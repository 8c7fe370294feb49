"""Contract of what events were worth: outcomes after each kind beside matched times."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Frame


class EventHitRates(Frame):
    """One row per event kind, bar length, session phase and horizon, of one instrument.

    ``hit_rate`` is the share of events after which price stood further in the event's direction at
    the horizon, ``hit_rate_low``/``hit_rate_high`` its 95 % interval (Wilson's, with the effective
    number of events that an error clustered by session leaves); ``hit_rate_matched`` the same share
    over every bar of the same phase with the same mix of directions.
    ``edge_sigma`` is the mean signed log return beyond the matched mean, in units of the volatility known
    at entry (``ci_low``/``ci_high``: 95 %, clustered by session);
    ``edge_ticks`` the same in ticks. ``p_adjusted`` is ``p_value`` after the correction of
    Benjamini and Yekutieli for all ``looked_at`` tests of the table, which holds the false discovery
    rate however the tests depend on each other: the smallest of m p-values is multiplied by m * (1 + 1/2
    + ... + 1/m), so that of 400 tests .0006 becomes 1. Intervals and tests are null below 30 events or
    8 sessions. ``level_accept`` and ``level_sweep`` say whether bars or single trades (tick) showed them.
    """

    kind: str
    timeframe_seconds: pl.Int32 = pa.Field(gt=0)
    phase: str = pa.Field(isin=["all", "pre_open", "first_hour", "middle", "last_hour", "break"])
    horizon_minutes: pl.Int32 = pa.Field(gt=0)
    events: pl.Int64 = pa.Field(ge=1)
    sessions: pl.Int64 = pa.Field(ge=1)
    hit_rate: pl.Float64 = pa.Field(ge=0, le=1)
    hit_rate_low: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    hit_rate_high: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
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
