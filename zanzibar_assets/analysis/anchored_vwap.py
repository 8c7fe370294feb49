"""VWAP since known events: the session's open, the latest swings and breaks, the prior session's extremes.

A series starts with the first trade at or after its anchor happened, but its rows are published only
from when the anchor was known: a swing's VWAP includes the trades between the extreme and its
confirmation, and no row stands before that confirmation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, Records, load_records, micros, stamps
from zanzibar_assets.analysis.smc import base_rows
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

TABLE = "anchored_vwap"
BREAKS = ("bos", "choch")
PRIOR = ("prior_session_high", "prior_session_low")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor: its kind, event id, when it happened and when it was known."""

    kind: str
    event_id: str | None
    event_us: int
    known_us: int


def anchors_of(records: Records, smc_events: pl.DataFrame, sweeps: pl.DataFrame) -> list[Anchor]:
    """Anchors of a session in the order known; ``records`` are the session's own."""
    found = []
    regular = np.flatnonzero(~records.pre_open)
    if len(regular):
        opened = int(records.ts_us[regular[0]])
        found.append(Anchor("session_open", None, opened, int(records.known_us[regular[0]])))
    side = pl.when(pl.col("dir") > 0)
    named = pl.concat(
        [
            smc_events.filter(pl.col("kind") == "swing").with_columns(
                anchor=side.then(pl.lit("swing_high")).otherwise(pl.lit("swing_low"))
            ),
            smc_events.filter(pl.col("kind").is_in(BREAKS)).with_columns(
                anchor=side.then(pl.lit("break_up")).otherwise(pl.lit("break_down"))
            ),
            sweeps.filter(pl.col("kind") == "level")
            .with_columns(anchor=pl.col("attrs").str.json_path_match("$.name"))
            .filter(pl.col("anchor").is_in(PRIOR)),
        ],
        how="diagonal",
    ).sort(KNOWN_AT, EVENT_TS, maintain_order=True)
    columns = (named["anchor"], named["event_id"], micros(named, EVENT_TS), micros(named, KNOWN_AT))
    found += [Anchor(kind, key, int(at), int(known)) for kind, key, at, known in zip(*columns, strict=True)]
    return found


def build_anchored_vwap(
    clean_ticks: pl.DataFrame,
    prior_ticks: pl.DataFrame,
    bars: pl.DataFrame,
    smc_events: pl.DataFrame,
    sweeps: pl.DataFrame,
    instrument: Instrument,
) -> pl.DataFrame:
    """AnchoredVwap: a row a bar and kind of anchor, of the latest anchor of that kind known by its close.

    ``prior_ticks`` are the CleanTicks of the session before (or empty): they count where they are of the
    same contract. An anchor that happened before the trades at hand begin has no series.
    """
    own = load_records(clean_ticks).traded()
    if bars.is_empty() or len(own) == 0:
        return empty(TABLE)
    records = load_records(_with_prior(clean_ticks, prior_ticks)).traded()
    opens_us, closes_us = micros(bars, EVENT_TS), micros(bars, KNOWN_AT)
    ends = np.searchsorted(records.ts_us, np.append(opens_us[1:], np.iinfo(np.int64).max), side="left")
    parts = []
    by_kind: dict[str, list[Anchor]] = {}
    for anchor in anchors_of(own, base_rows(smc_events, instrument.bar_seconds), sweeps):
        if anchor.event_us >= records.ts_us[0]:
            by_kind.setdefault(anchor.kind, []).append(anchor)
    for anchors in by_kind.values():
        known = np.searchsorted(closes_us, [anchor.known_us for anchor in anchors], side="left")
        until = np.append(known[1:], bars.height)
        for anchor, first, last in zip(anchors, known.tolist(), until.tolist(), strict=True):
            if first < last:
                parts.append(_series(anchor, records, ends, slice(first, last), bars, instrument))
    frame = pl.concat(parts).filter(pl.col("volume") > 0) if parts else empty(TABLE)
    return conform(TABLE, frame.sort(KNOWN_AT, "anchor"))


def _with_prior(clean_ticks: pl.DataFrame, prior_ticks: pl.DataFrame) -> pl.DataFrame:
    contract = clean_ticks["contract"][0]
    same = prior_ticks.select(clean_ticks.columns).filter(pl.col("contract") == contract)
    return pl.concat([same, clean_ticks])


def _series(
    anchor: Anchor, records: Records, ends: Ints, rows: slice, bars: pl.DataFrame, instrument: Instrument
) -> pl.DataFrame:
    from zanzibar_assets.analysis._vwap_kernels import running_moments

    first = int(np.searchsorted(records.ts_us, anchor.event_us, side="left"))
    moments: Floats = np.empty((rows.stop - rows.start, 3))
    running_moments(records.price_ticks, records.size, first, ends[rows], moments)
    weight, mean, squares = moments.T
    variance = np.divide(squares, weight, out=np.zeros(len(weight)), where=weight > 0)
    vwap, sd = mean * instrument.tick_size, np.sqrt(np.maximum(variance, 0.0)) * instrument.tick_size
    return (
        bars[rows]
        .select(EVENT_TS, KNOWN_AT)
        .with_columns(
            anchor=pl.lit(anchor.kind),
            anchor_id=pl.lit(anchor.event_id, pl.String),
            anchor_event_ts=stamps(np.full(len(weight), anchor.event_us)),
            anchor_known_at=stamps(np.full(len(weight), anchor.known_us)),
            vwap=pl.Series(vwap),
            sd=pl.Series(sd),
            upper_1=pl.Series(vwap + sd),
            lower_1=pl.Series(vwap - sd),
            upper_2=pl.Series(vwap + 2.0 * sd),
            lower_2=pl.Series(vwap - 2.0 * sd),
            volume=pl.Series(weight),
        )
    )
