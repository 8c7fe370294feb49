"""The ``points_of_interest`` table: zones worth watching, their scores, touches and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from zanzibar_assets.analysis.events import Definition, EventWriter, JoinedBars, digest, join_bars
from zanzibar_assets.analysis.poi_context import BarContext, EventIndex, SourceEvent
from zanzibar_assets.analysis.poi_score import HALF_LIFE_BARS, WEIGHTS, weighted_score
from zanzibar_assets.analysis.poi_zones import (
    MIN_BLOCK_LEG_ATR,
    MIN_GAP_ATR,
    RECENT_BARS,
    Path,
    Zone,
    born,
    factors_at,
    life,
)
from zanzibar_assets.analysis.smc import base_rows
from zanzibar_assets.analysis.sweeps import LiquidityParams, liquidity_rows
from zanzibar_assets.config import stable_hash
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

if TYPE_CHECKING:
    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument

TABLE = "points_of_interest"
FACTOR_DIGITS = 6
VERSION = 1
RULES: Final = {
    "weights": dict(WEIGHTS),
    "half_life_bars": HALF_LIFE_BARS,
    "recent_bars": RECENT_BARS,
    "min_block_leg_atr": MIN_BLOCK_LEG_ATR,
    "min_gap_atr": MIN_GAP_ATR,
}
"""Parameters that are constants of this version, told in the rows' params_hash."""
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
    ``poi_invalidated`` row with ``fresh`` 0. ``factors`` is a JSON object of values in [0, 1]. Later
    rows name the zone's ``poi`` row in ``ref_id``, also where that stands in an earlier session.
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
    own = definition(config)
    records = [
        row for zone in zones if zone is not None for row in _records(zone, joined, path, instrument, own)
    ]
    if not records:
        return empty(TABLE)
    frame = pl.DataFrame(records, infer_schema_length=None).with_columns(
        pl.col(EVENT_TS, KNOWN_AT).cast(pl.Datetime("us", "UTC"))
    )
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


def definition(config: Config) -> Definition:
    """Version and parameters of zones and their scores."""
    return Definition(VERSION, stable_hash({"engine": TABLE, "atr_bars": config.analysis.atr_bars, **RULES}))


def _records(
    zone: Zone, joined: JoinedBars, path: Path, instrument: Instrument, own: Definition
) -> list[dict[str, Any]]:
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
        "timeframe_seconds": joined.seconds,
        "def_version": own.version,
        "params_hash": own.params_hash,
    }
    birth = _event(zone, joined, "poi", (source.event_idx, source.known_idx), instrument, own, None)
    rows = [(birth, source.known_idx, 0, zone.factors)]
    for visit in life(zone, path):
        found = _event(zone, joined, visit.kind, (visit.t, visit.t), instrument, own, birth["event_id"])
        rows.append((found, visit.t, visit.touches, factors_at(zone, visit)))
    return [
        {
            **event,
            **shared,
            "score": weighted_score(factors),
            "factors": _rounded(factors),
            "attrs": json.dumps({"touches": touches}, separators=(",", ":")),
        }
        for event, known_idx, touches, factors in rows
        if known_idx >= first
    ]


def _event(
    zone: Zone,
    joined: JoinedBars,
    kind: str,
    bars: tuple[int, int],
    instrument: Instrument,
    own: Definition,
    ref_id: str | None,
) -> dict[str, Any]:
    """What is the row's own: stamps, kind, the edge that price met, the row it updates, and its id."""
    event_us, known_us = joined.event_us[bars[0]], joined.known_us[bars[1]]
    upper = (zone.source.dir > 0) != (kind == "poi_invalidated")
    level = zone.hi if upper else zone.lo
    parts = (kind, zone.source.dir, event_us, known_us, level, zone.lo, zone.hi)
    of = (own.version, own.params_hash, ref_id, zone.source.event_id)
    return {
        EVENT_TS: event_us,
        KNOWN_AT: known_us,
        "event_id": digest(instrument.id, *parts, *of),
        "kind": kind,
        "level_ticks": level,
        "level": level * instrument.tick_size,
        "ref_id": ref_id,
    }


def _rounded(factors: dict[str, float]) -> str:
    values = {name: round(value, FACTOR_DIGITS) for name, value in factors.items()}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _path(joined: JoinedBars) -> Path:
    bars = joined.series
    return Path(*(np.array(side, dtype=np.int64) for side in (bars.high, bars.low, bars.close)))
