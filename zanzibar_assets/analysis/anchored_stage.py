"""Anchored VWAP of bars as they close, from the moments of few bars and of each series that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, Records, load_records, micros, stamps
from zanzibar_assets.analysis.bar_moments import BarMoments
from zanzibar_assets.analysis.smc import base_rows
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND

TABLE = "anchored_vwap"
OPEN = "session_open"
BREAKS = ("bos", "choch")
PRIOR = ("prior_session_high", "prior_session_low")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor: its kind, event id, when it happened and when it was known."""

    kind: str
    event_id: str | None
    event_us: int
    known_us: int


@dataclass(slots=True)
class Series:
    """VWAP of an anchor: parts of bars from ``part`` on are to be joined to ``moments``."""

    anchor: Anchor
    part: int
    moments: Floats


def anchors_of(smc_events: pl.DataFrame, sweeps: pl.DataFrame) -> list[Anchor]:
    """Anchors that events make, in the order known."""
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
    return [Anchor(kind, key, int(at), int(known)) for kind, key, at, known in zip(*columns, strict=True)]


class AnchoredStage:
    """The running series of each kind, anchors not known yet, and the moments of bars they may start at.

    ``lag_bars`` is how many bars before the one that makes it known an anchor of the session may lie; the
    moments of older bars are dropped.
    """

    def __init__(self, instrument: Instrument, prior_ticks: pl.DataFrame, lag_bars: int) -> None:
        self.instrument, self.prior_ticks, self.lag_bars = instrument, prior_ticks, lag_bars
        self.parts = BarMoments(instrument.bar_seconds * US_PER_SECOND)
        self.contract: str | None = None
        self.begins_us: int | None = None
        self.opened = False
        self.waiting: list[Anchor] = []
        self.live: dict[str, Series] = {}
        self.unpublished = _times(empty("bars"))
        self.opens_us: list[int] = []

    def begin(self, clean_ticks: pl.DataFrame) -> None:
        """Take the contract from the session's first rows, and the prior session's bars if they are of it."""
        if self.contract is not None or clean_ticks.is_empty():
            return
        self.contract = str(clean_ticks["contract"][0])
        same = self.prior_ticks.filter(pl.col("contract") == self.contract)
        self.parts.add(load_records(same).traded())
        if len(self.parts):
            self.begins_us = int(self.parts.bar_us[0])

    def events(self, smc_events: pl.DataFrame, sweeps: pl.DataFrame) -> None:
        """Take new events; each must be given before the first bar that closes when it is known, or later."""
        if not (smc_events.is_empty() and sweeps.is_empty()):
            self._wait(anchors_of(base_rows(smc_events, self.instrument.bar_seconds), sweeps))

    def _wait(self, anchors: Iterable[Anchor]) -> None:
        self.waiting += anchors
        self.waiting.sort(key=lambda anchor: (anchor.known_us, anchor.event_us))

    def feed(self, bars: pl.DataFrame, rows: pl.DataFrame, through_us: int) -> pl.DataFrame:
        """AnchoredVwap of bars that closed by ``through_us``: all events known by then have been given.

        ``bars`` are those newly closed, ``rows`` their CleanTicks; bars that close later wait.
        """
        if not bars.is_empty():
            if self.begins_us is None:
                self.begins_us = int(micros(bars, EVENT_TS)[0])
            records = load_records(rows).traded()
            self._open(records)
            self.parts.add(records)
            self.unpublished = pl.concat([self.unpublished, _times(bars)])
        count = int(np.searchsorted(micros(self.unpublished, KNOWN_AT), through_us, side="right"))
        if count == 0:
            return empty(TABLE)
        due, self.unpublished = self.unpublished[:count], self.unpublished[count:]
        found = self._published(due)
        self._forget(micros(due, EVENT_TS))
        return found

    def _open(self, records: Records) -> None:
        regular = np.flatnonzero(~records.pre_open)
        if len(regular) and not self.opened:
            first = int(regular[0])
            self.opened = True
            self._wait([Anchor(OPEN, None, int(records.ts_us[first]), int(records.known_us[first]))])

    def _published(self, bars: pl.DataFrame) -> pl.DataFrame:
        closes_us = micros(bars, KNOWN_AT)
        ends = np.searchsorted(self.parts.bar_us, micros(bars, EVENT_TS), side="right")
        lines: dict[str, list[tuple[int, Series]]] = {kind: [(0, one)] for kind, one in self.live.items()}
        due = [anchor for anchor in self.waiting if anchor.known_us <= closes_us[-1]]
        self.waiting = self.waiting[len(due) :]
        for anchor in due:
            series = self._series(anchor)
            if series is not None:
                first = int(np.searchsorted(closes_us, anchor.known_us, side="left"))
                lines.setdefault(anchor.kind, []).append((first, series))
        pieces: list[tuple[Anchor, Ints, Floats]] = []
        for kind, line in lines.items():
            stops = [first for first, _ in line[1:]] + [bars.height]
            for (first, series), stop in zip(line, stops, strict=True):
                if first < stop:
                    moments = self._joined(series, ends[first:stop])
                    pieces.append((series.anchor, np.arange(first, stop), moments))
            self.live[kind] = line[-1][1]
        return _frame(pieces, bars, self.parts.base_ticks or 0.0, self.instrument.tick_size)

    def _series(self, anchor: Anchor) -> Series | None:
        """Series that starts at an anchor; None where it happened before the trades at hand begin."""
        length_us = self.parts.length_us
        bar_us = anchor.event_us // length_us * length_us
        if anchor.kind == OPEN:
            return Series(anchor, self.parts.since_open(bar_us), np.zeros(3))
        if bar_us != anchor.event_us:
            raise _misplaced(anchor, "an event at a bar's open", "build the events from this session's bars")
        if self.begins_us is None or bar_us < self.begins_us:
            return None
        if len(self.opens_us) > self.lag_bars and bar_us < self.opens_us[0]:
            raise _misplaced(
                anchor, f"an event at most {self.lag_bars} bars old", "give events in time, or raise the lag"
            )
        return Series(anchor, self.parts.since(bar_us), np.zeros(3))

    def _joined(self, series: Series, ends: Ints) -> Floats:
        from zanzibar_assets.analysis._vwap_kernels import joined_moments

        found: Floats = np.empty((len(ends), 3))
        joined_moments(self.parts.moments, series.part, ends, series.moments, found)
        series.part = max(series.part, int(ends[-1]))
        return found

    def _forget(self, opens_us: Ints) -> None:
        """Drop the moments of bars that no anchor known later can start at."""
        self.opens_us = [*self.opens_us, *opens_us[-self.lag_bars - 1 :].tolist()][-self.lag_bars - 1 :]
        if len(self.opens_us) > self.lag_bars:
            count = self.parts.since(self.opens_us[0])
            self.parts.forget(count)
            for series in self.live.values():
                series.part -= count

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "parts": self.parts.snapshot(),
            "contract": self.contract,
            "begins_us": self.begins_us,
            "opened": self.opened,
            "waiting": [astuple(anchor) for anchor in self.waiting],
            "live": [[*astuple(one.anchor), one.part, one.moments.tolist()] for one in self.live.values()],
            "unpublished": [micros(self.unpublished, name).tolist() for name in (EVENT_TS, KNOWN_AT)],
            "opens_us": self.opens_us,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.parts.restore(saved["parts"])
        self.contract, self.begins_us, self.opened = saved["contract"], saved["begins_us"], saved["opened"]
        self.waiting = [Anchor(*values) for values in saved["waiting"]]
        running = [
            Series(Anchor(*values), int(part), np.array(moments, np.float64))
            for *values, part, moments in saved["live"]
        ]
        self.live = {series.anchor.kind: series for series in running}
        opens, closes = (stamps(np.array(column, np.int64)) for column in saved["unpublished"])
        self.unpublished = pl.DataFrame({EVENT_TS: opens, KNOWN_AT: closes})
        self.opens_us = list(saved["opens_us"])


def _times(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select(EVENT_TS, KNOWN_AT)


def _misplaced(anchor: Anchor, expected: str, action: str) -> ContractError:
    return ContractError(
        f"no VWAP can start at the {anchor.kind} {anchor.event_id}",
        expected=expected,
        got=f"happened {anchor.event_us} us, known {anchor.known_us} us",
        action=action,
    )


def _frame(
    pieces: list[tuple[Anchor, Ints, Floats]], bars: pl.DataFrame, base_ticks: float, tick: float
) -> pl.DataFrame:
    """Rows of pieces of series: an anchor, the rows of its bars, and the moments at their closes."""
    if not pieces:
        return empty(TABLE)
    rows = np.concatenate([at for _, at, _ in pieces])
    of = np.repeat(np.arange(len(pieces)), [len(at) for _, at, _ in pieces])
    weight, mean, squares = np.concatenate([moments for _, _, moments in pieces]).T
    variance = np.divide(squares, weight, out=np.zeros(len(weight)), where=weight > 0)
    vwap, sd = (mean + base_ticks) * tick, np.sqrt(np.maximum(variance, 0.0)) * tick
    anchors = [anchor for anchor, _, _ in pieces]
    frame = bars[rows].with_columns(
        anchor=pl.Series([anchor.kind for anchor in anchors])[of],
        anchor_id=pl.Series([anchor.event_id for anchor in anchors], dtype=pl.String)[of],
        anchor_event_ts=stamps(np.array([anchor.event_us for anchor in anchors])[of]),
        anchor_known_at=stamps(np.array([anchor.known_us for anchor in anchors])[of]),
        vwap=pl.Series(vwap),
        sd=pl.Series(sd),
        upper_1=pl.Series(vwap + sd),
        lower_1=pl.Series(vwap - sd),
        upper_2=pl.Series(vwap + 2.0 * sd),
        lower_2=pl.Series(vwap - 2.0 * sd),
        volume=pl.Series(weight),
    )
    return conform(TABLE, frame.filter(pl.col("volume") > 0).sort(KNOWN_AT, "anchor"))
