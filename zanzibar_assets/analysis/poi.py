"""The ``points_of_interest`` table: zones worth watching, their scores, touches and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis.events import EventWriter, JoinedBars, digest, join_bars
from zanzibar_assets.analysis.poi_context import BarContext, EventIndex, SourceEvent
from zanzibar_assets.analysis.poi_score import weighted_score
from zanzibar_assets.analysis.poi_zones import Path, Zone, born, factors_at, life
from zanzibar_assets.analysis.smc import base_rows
from zanzibar_assets.analysis.sweeps import LiquidityParams, liquidity_rows
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

if TYPE_CHECKING:
    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument

TABLE = "points_of_interest"
FACTOR_DIGITS = 6
COLUMNS = ["event_id", "kind", "dir", "level_ticks", "lo_ticks", "hi_ticks", "ref_id", "attrs"]


def build_points_of_interest(
    bars: pl.DataFrame,
    bars_history: pl.DataFrame,
    smc_events: pl.DataFrame,
    smc_history: pl.DataFrame,
    sweeps: pl.DataFrame,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """Points of interest born in the session, and what happens in it to those still alive.

    ``bars``, ``smc_events`` and ``sweeps`` are one session's; the histories hold earlier sessions
    with a ``session`` column, oldest first. Order blocks, gaps and swept pools of the history live
    on: only their touches and their end appear, under the same ``poi_id`` (zones of swept resting
    levels end with their session, as those levels do). A ``poi`` row scores the zone at birth, a
    ``poi_touch`` row as price arrives (each earlier touch halves ``fresh``, so does age), a
    ``poi_invalidated`` row with ``fresh`` 0. ``factors`` is a JSON object of values in [0, 1].
    """
    from zanzibar_assets.contracts.registry import conform, empty

    if not bars.height:
        return empty(TABLE)
    joined = join_bars(bars, bars_history)
    events = [
        *read_events([smc_history, smc_events, sweeps], joined),
        *_earlier_pool_sweeps(joined, instrument, config),
    ]
    events.sort(key=lambda event: event.known_idx)
    frames = [bars_history, bars] if bars_history.height else [bars]
    context = BarContext.of(joined, frames, config.analysis.atr_bars, instrument.tick_size)
    index = EventIndex.of(events)
    zones = (born(event, context, index) for event in events if event.kind in ("ob", "fvg", "level_sweep"))
    path = _path(joined)
    records = [row for zone in zones if zone is not None for row in _records(zone, joined, path, instrument)]
    if not records:
        return empty(TABLE)
    frame = pl.DataFrame(records).with_columns(pl.col(EVENT_TS, KNOWN_AT).cast(pl.Datetime("us", "UTC")))
    return conform(TABLE, frame.sort(KNOWN_AT, EVENT_TS, "kind", "poi_id"))


def read_events(frames: list[pl.DataFrame], joined: JoinedBars) -> list[SourceEvent]:
    """Events of frames in bar indices; those older than the joined bars, or of longer ones, are left out."""
    opens = {stamp: i for i, stamp in enumerate(joined.event_us)}
    closes = {stamp: i for i, stamp in enumerate(joined.known_us)}
    found: list[SourceEvent] = []
    for frame in (base_rows(frame, joined.seconds) for frame in frames):
        stamps = [frame[name].dt.epoch("us").to_list() for name in (EVENT_TS, KNOWN_AT)]
        for event_us, known_us, row in zip(*stamps, frame.select(COLUMNS).iter_rows(), strict=True):
            event_idx, known_idx = opens.get(event_us), closes.get(known_us)
            if event_idx is None or known_idx is None:
                continue
            event_id, kind, direction, level, lo, hi, ref_id, attrs = row
            found.append(
                SourceEvent(event_id, kind, direction, event_idx, known_idx, level, lo, hi, ref_id, attrs)
            )
    return found


def _earlier_pool_sweeps(joined: JoinedBars, instrument: Instrument, config: Config) -> list[SourceEvent]:
    """Sweeps of swings and pools before the session, found again from the history's bars."""
    if joined.first == 0:
        return []
    params = LiquidityParams.of(config)
    writer = EventWriter(joined, instrument, params.definitions())
    found: list[SourceEvent] = []
    for row in liquidity_rows(joined, [], params):
        if row.kind != "level_sweep" or row.known_idx >= joined.first:
            continue
        found.append(
            SourceEvent(
                writer.event_id(row),
                row.kind,
                row.dir,
                row.event_idx,
                row.known_idx,
                row.level,
                row.lo,
                row.hi,
                None,
                json.dumps(dict(row.attrs)),
            )
        )
    return found


def _records(zone: Zone, joined: JoinedBars, path: Path, instrument: Instrument) -> list[dict[str, Any]]:
    """Rows of a zone that became known within the session."""
    source, first = zone.source, joined.first
    shared = {
        "poi_id": digest("poi", source.event_id),
        "dir": source.dir,
        "lo_ticks": zone.lo,
        "hi_ticks": zone.hi,
        "lo": zone.lo * instrument.tick_size,
        "hi": zone.hi * instrument.tick_size,
        "source_kind": source.kind,
        "source_id": source.event_id,
    }
    rows = [(source.event_idx, source.known_idx, "poi", zone.factors)]
    rows += [(visit.t, visit.t, visit.kind, factors_at(zone, visit)) for visit in life(zone, path)]
    return [
        {
            EVENT_TS: joined.event_us[event_idx],
            KNOWN_AT: joined.known_us[known_idx],
            "kind": kind,
            **shared,
            "score": weighted_score(factors),
            "factors": _rounded(factors),
        }
        for event_idx, known_idx, kind, factors in rows
        if known_idx >= first
    ]


def _rounded(factors: dict[str, float]) -> str:
    values = {name: round(value, FACTOR_DIGITS) for name, value in factors.items()}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _path(joined: JoinedBars) -> Path:
    bars = joined.series
    return Path(*(np.array(side, dtype=np.int64) for side in (bars.high, bars.low, bars.close)))
