"""Which events become points of interest, how they score at birth, and how they live.

Born from an order block whose leg left it for good, from a gap that is wide for the market of the
hour, and from the zone between a swept pool or resting level and the extreme of its sweep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.analysis import poi_score as score
from zanzibar_assets.analysis.levels import ROUND
from zanzibar_assets.analysis.poi_context import BarContext, EventIndex, SourceEvent

RECENT_BARS: Final = 20
MIN_BLOCK_LEG_ATR: Final = 2.0
MIN_GAP_ATR: Final = 0.75
POOL_SOURCES: Final = ("pool", "level")


@dataclass(frozen=True, slots=True)
class Zone:
    """A point of interest at birth: its source, its edges in ticks, and its factors."""

    source: SourceEvent
    lo: int
    hi: int
    factors: dict[str, float]

    @property
    def middle(self) -> float:
        """Middle of the zone in ticks."""
        return (self.lo + self.hi) / 2


@dataclass(frozen=True, slots=True)
class Visit:
    """A later change of a zone: bar index, ``poi_touch`` or ``poi_invalidated``, touches before it."""

    t: int
    kind: str
    touches: int


def born(event: SourceEvent, context: BarContext, index: EventIndex) -> Zone | None:
    """The zone that an event makes, or None when it makes none. As of ``event.known_idx``."""
    atr = context.atr[event.known_idx]
    if event.lo is None or event.hi is None or atr is None or atr <= 0:
        return None
    leg = _leg(event, context)
    if not _qualifies(event, context, leg, atr):
        return None
    factors = {
        "displacement": score.displacement(leg, atr),
        "structure": _structure(event, index),
        "swept": _swept(event, index),
        "fresh": 1.0,
        "gap": score.open_gap(index.widest_gap(event.dir, event.event_idx, event.known_idx), atr),
        "higher_timeframe": (1 + event.dir * context.bias[event.known_idx]) / 2,
        **_measured(event, context, index),
    }
    return Zone(event, event.lo, event.hi, factors)


def _leg(event: SourceEvent, context: BarContext) -> int:
    """Ticks from the far edge of the zone to the close that made it known, in the zone's direction."""
    far = event.lo if event.dir > 0 else event.hi
    bars = context.joined.series
    if event.kind == "fvg":
        first = event.known_idx - 2
        far = bars.low[first] if event.dir > 0 else bars.high[first]
    assert far is not None, "asked only of events with edges"
    return event.dir * (bars.close[event.known_idx] - far)


def _qualifies(event: SourceEvent, context: BarContext, leg: int, atr: float) -> bool:
    assert event.lo is not None, "asked only of events with edges"
    assert event.hi is not None, "asked only of events with edges"
    if event.kind == "ob":
        near = event.hi if event.dir > 0 else event.lo
        left = event.dir * (context.joined.series.close[event.known_idx] - near) > 0
        return left and leg >= MIN_BLOCK_LEG_ATR * atr
    attrs = json.loads(event.attrs)
    if event.kind == "fvg":
        return event.hi - event.lo >= MIN_GAP_ATR * atr and not attrs.get("gap_across_session", False)
    return event.kind == "level_sweep" and _of_pool(attrs)


def _of_pool(attrs: Mapping[str, Any]) -> bool:
    """Whether what was swept is a pool or a resting level that a period made (a round number is not)."""
    return attrs["source"] in POOL_SOURCES and attrs.get("name") != ROUND


def _structure(event: SourceEvent, index: EventIndex) -> float:
    """The break that made an order block; else the last break, when recent and the zone's way."""
    if event.kind == "ob":
        broken = None if event.ref_id is None else index.by_id.get(event.ref_id)
    else:
        broken = index.break_at(event.known_idx)
        if broken is not None and broken.known_idx < event.known_idx - RECENT_BARS:
            broken = None
    if broken is None or broken.dir != event.dir:
        return 0.0
    return score.STRUCTURE[broken.kind]


def _swept(event: SourceEvent, index: EventIndex) -> float:
    """1 when a pool or resting level was swept the zone's way shortly before."""
    if event.kind == "level_sweep":
        return 1.0
    recent = index.sweeps_within(event.dir, event.known_idx - RECENT_BARS, event.known_idx)
    return float(any(_of_pool(json.loads(sweep.attrs)) for sweep in recent))


def _measured(event: SourceEvent, context: BarContext, index: EventIndex) -> dict[str, float]:
    """Factors that need swings, volume or aggressor sides; absent ones are left out."""
    assert event.lo is not None, "asked only of events with edges"
    assert event.hi is not None, "asked only of events with edges"
    t, middle = event.known_idx, (event.lo + event.hi) / 2
    leg = slice(event.event_idx, t + 1)
    found: dict[str, float] = {}
    high, low = index.swing_before(1, t), index.swing_before(-1, t)
    ends = [swing.level for swing in (low, high) if swing is not None and swing.level is not None]
    if len(ends) == 2 and ends[0] < ends[1]:
        found["range_side"] = score.range_side(event.dir, middle, ends[0], ends[1])
    usual = context.usual_volume(event.event_idx)
    if usual is not None:
        found["volume"] = score.relative_volume(max(context.joined.series.volume[leg]), usual)
    signed = sum(context.signed_volume[leg])
    if signed > 0:
        found["delta"] = score.delta_agreement(event.dir, sum(context.delta[leg]), signed)
    vwap, sd = context.vwap[t], context.vwap_sd[t]
    if vwap is not None and sd > 0:
        found["vwap"] = score.vwap_side(event.dir, middle, vwap, sd)
    return found


@dataclass(frozen=True, slots=True)
class Path:
    """Highs, lows and closes of the joined bars as arrays of ticks."""

    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]


def life(zone: Zone, path: Path) -> list[Visit]:
    """Visits of a zone and its end, on bars after the one that made it known.

    A visit begins on a bar that trades into the zone while the bar before did not (the first bar
    after birth may begin one). The zone ends with the first close beyond its far edge; a bar that
    enters and closes beyond it is its end, not a visit.
    """
    start, side = zone.source.known_idx + 1, zone.source.dir
    if side > 0:
        inside, beyond = path.low[start:] <= zone.hi, path.close[start:] < zone.lo
    else:
        inside, beyond = path.high[start:] >= zone.lo, path.close[start:] > zone.hi
    ended = bool(beyond.any())
    end = int(beyond.argmax()) if ended else len(beyond)
    inside = inside[:end]
    entries = np.flatnonzero(inside & ~np.concatenate(([False], inside[:-1])))
    found = [Visit(start + int(j), "poi_touch", k) for k, j in enumerate(entries)]
    if ended:
        found.append(Visit(start + end, "poi_invalidated", len(entries)))
    return found


def factors_at(zone: Zone, visit: Visit) -> dict[str, float]:
    """Factors as price arrives: those of the birth, freshness decayed; 0 once invalidated."""
    age = visit.t - zone.source.known_idx
    fresh = 0.0 if visit.kind == "poi_invalidated" else score.freshness(visit.touches, age)
    return {**zone.factors, "fresh": fresh}
