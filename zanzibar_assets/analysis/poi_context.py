"""What the score of a point of interest looks up as of a bar: baselines, VWAP, bias, dealing range."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

import numpy as np
import polars as pl

from zanzibar_assets.analysis.breaks import BreakParams, breaks
from zanzibar_assets.analysis.engine import prior_atr
from zanzibar_assets.analysis.events import JoinedBars
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.timeframes import higher_bars
from zanzibar_assets.analysis.windows import BarBlock

VOLUME_BARS = 20
HIGHER_TIMEFRAME_BARS = 15
HIGHER_SWING = SwingParams(2, 2)


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One event row of an input frame, in bar indices of the joined bars."""

    event_id: str
    kind: str
    dir: int
    event_idx: int
    known_idx: int
    level: int | None
    lo: int | None
    hi: int | None
    ref_id: str | None
    attrs: str


@dataclass(frozen=True, slots=True)
class BarContext:
    """Per-bar look-ups, each of them as of the bar's close or of the bars before it."""

    joined: JoinedBars
    atr: list[float | None]
    delta: list[float]
    signed_volume: list[float]
    vwap: list[float | None]
    vwap_sd: list[float]
    bias: list[int]

    @classmethod
    def of(cls, joined: JoinedBars, frames: Sequence[pl.DataFrame], atr_bars: int, tick: float) -> BarContext:
        """Context of the joined bars; ``frames`` are the bar frames they were joined from, in order."""
        names = ["delta", "bid_volume", "ask_volume", "vwap"]
        flow = pl.concat([frame.select(names) for frame in frames])
        prices = (flow["vwap"] / tick).to_list()
        vwap, sd = session_vwap(prices, joined.series.volume, joined.sessions)
        return cls(
            joined=joined,
            atr=prior_atr(joined.series, atr_bars),
            delta=flow["delta"].to_list(),
            signed_volume=(flow["bid_volume"] + flow["ask_volume"]).to_list(),
            vwap=vwap,
            vwap_sd=sd,
            bias=higher_timeframe_bias(joined),
        )

    def usual_volume(self, t: int) -> float | None:
        """Median volume of the 20 bars before bar ``t``; None without them or without volume."""
        if t < VOLUME_BARS:
            return None
        usual = median(self.joined.series.volume[t - VOLUME_BARS : t])
        return usual if usual > 0 else None


def session_vwap(
    prices: Sequence[float], volumes: Sequence[float], sessions: Sequence[int]
) -> tuple[list[float | None], list[float]]:
    """Running VWAP and its deviation in ticks, from bar VWAPs, anew in each session (Welford)."""
    means: list[float | None] = []
    deviations: list[float] = []
    weight = mean = spread = 0.0
    for i, (price, volume) in enumerate(zip(prices, volumes, strict=True)):
        if i and sessions[i] != sessions[i - 1]:
            weight = mean = spread = 0.0
        if volume > 0:
            weight += volume
            step = price - mean
            mean += step * volume / weight
            spread += volume * step * (price - mean)
        means.append(mean if weight else None)
        deviations.append(sqrt(spread / weight) if weight else 0.0)
    return means, deviations


def higher_timeframe_bias(joined: JoinedBars) -> list[int]:
    """Trend (-1, 0, 1) of the bars of fifteen times the length, as of the last one closed.

    A higher bar is known at its own end; the bar that runs is never used.
    """
    block = BarBlock.of(joined.series, joined.sessions)
    opens, closes = np.array(joined.event_us, np.int64), np.array(joined.known_us, np.int64)
    higher = higher_bars(block, opens, closes, HIGHER_TIMEFRAME_BARS * joined.seconds)
    changes = breaks(higher.block.series(), BreakParams(HIGHER_SWING))
    since = [int(higher.closes_us[row.known_idx]) for row in changes]
    trends = [0, *(row.dir for row in changes)]
    return [trends[bisect_right(since, known)] for known in joined.known_us]


@dataclass(slots=True)
class EventIndex:
    """Structure events arranged for as-of look-ups."""

    by_id: dict[str, SourceEvent] = field(default_factory=dict)
    swings: dict[int, list[SourceEvent]] = field(default_factory=lambda: {1: [], -1: []})
    breaks: list[SourceEvent] = field(default_factory=list)
    gaps: dict[int, list[SourceEvent]] = field(default_factory=lambda: {1: [], -1: []})
    filled: dict[str, int] = field(default_factory=dict)
    sweeps: dict[int, list[SourceEvent]] = field(default_factory=lambda: {1: [], -1: []})

    @classmethod
    def of(cls, events: Sequence[SourceEvent]) -> EventIndex:
        """Index of events in the order in which they became known."""
        index = cls()
        for event in events:
            index.by_id[event.event_id] = event
            if event.kind == "swing":
                index.swings[event.dir].append(event)
            elif event.kind in ("bos", "choch"):
                index.breaks.append(event)
            elif event.kind == "fvg":
                index.gaps[event.dir].append(event)
            elif event.kind == "fvg_fill" and event.ref_id is not None:
                index.filled[event.ref_id] = event.known_idx
            elif event.kind == "level_sweep":
                index.sweeps[event.dir].append(event)
        return index

    def swing_before(self, direction: int, t: int) -> SourceEvent | None:
        """Last swing of a side known before bar ``t``."""
        return _last(self.swings[direction], t - 1)

    def break_at(self, t: int) -> SourceEvent | None:
        """Last break known by the close of bar ``t``."""
        return _last(self.breaks, t)

    def widest_gap(self, direction: int, since: int, t: int) -> int:
        """Height of the widest gap drawn on bar ``since`` or later and unfilled at the close of ``t``."""
        gaps = self.gaps[direction]
        end = bisect_right(gaps, t, key=_known)
        start = bisect_left(gaps, since, key=_known)
        heights = [
            gap.hi - gap.lo
            for gap in gaps[start:end]
            if gap.hi is not None and gap.lo is not None
            if gap.event_idx >= since and self.filled.get(gap.event_id, t + 1) > t
        ]
        return max(heights, default=0)

    def sweeps_within(self, direction: int, since: int, t: int) -> list[SourceEvent]:
        """Sweeps of a direction known from bar ``since`` to bar ``t``."""
        own = self.sweeps[direction]
        return own[bisect_left(own, since, key=_known) : bisect_right(own, t, key=_known)]


def _known(event: SourceEvent) -> int:
    return event.known_idx


def _last(events: list[SourceEvent], t: int) -> SourceEvent | None:
    end = bisect_right(events, t, key=_known)
    return events[end - 1] if end else None
