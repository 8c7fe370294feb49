"""Events seen on single trades and book updates: level sweeps, runs through the book, absorption, refills."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import bar_of_record, load_records
from zanzibar_assets.analysis.absorption import AbsorptionParams, RefillParams
from zanzibar_assets.analysis.book import Book, load_book
from zanzibar_assets.analysis.engine import Attr
from zanzibar_assets.analysis.events import Definition, digest
from zanzibar_assets.analysis.level_sweeps import Runs, print_runs
from zanzibar_assets.analysis.level_watch import NEVER_US, LevelWatch, Outcome, StopRun
from zanzibar_assets.analysis.prints import Found, PrintStage
from zanzibar_assets.analysis.tick_sweeps import BookSweepParams, TickSweepParams, Trades
from zanzibar_assets.analysis.trade_tail import TradeBlock
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

TABLE = "orderflow_events"
LEVEL_DEFINITION = 2
"""2 leaves ``pulled`` open where a snapshot set the book anew between penetration and outcome."""


@dataclass(frozen=True, slots=True)
class OrderflowParams:
    """Parameters of every engine of the table."""

    level: TickSweepParams
    run: BookSweepParams
    absorption: AbsorptionParams
    refill: RefillParams

    @classmethod
    def of(cls, config: Config) -> OrderflowParams:
        """Parameters of a configuration."""
        level = TickSweepParams(min_pen=config.analysis.sweep_min_penetration_ticks)
        return cls(level, BookSweepParams(), AbsorptionParams(), RefillParams())

    def definitions(self) -> dict[str, Definition]:
        """Definition of each kind of row."""
        level = Definition.of("tick_sweep", self.level, LEVEL_DEFINITION)
        run = Definition.of("book_sweep", self.run)
        return {
            "level_sweep": level,
            "level_accept": level,
            "book_sweep": run,
            "stop_run": Definition.of("stop_run", self),
            "absorption": Definition.of("absorption", self.absorption),
            "refill": Definition.of("refill", self.refill),
        }


@dataclass(frozen=True, slots=True)
class _Event:
    kind: str
    dir: int
    event_us: int
    known_us: int
    level: int
    lo: int
    hi: int
    ref_id: str | None
    attrs: dict[str, Attr]


def build_orderflow_events(
    clean_ticks: pl.DataFrame,
    clean_dom: pl.DataFrame,
    bars: pl.DataFrame,
    sweeps: pl.DataFrame,
    sweeps_history: pl.DataFrame,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """OrderflowEvents of one session; kinds and attributes: ``docs/orderflow.md``.

    ``sweeps`` are the session's LiquiditySweeps, ``sweeps_history`` earlier ones (oldest first). Empty
    for bar records, which hold no single trades. ``timeframe_seconds`` is that of the watched levels.
    """
    records = load_records(clean_ticks).traded()
    if bars.is_empty() or records.is_bar.all():
        return empty(TABLE)
    prints, index, book = PrintStage(instrument), bar_of_record(records, bars), load_book(clean_dom)
    least = prints.bars(records, index, bars.height).least[index]
    stage = EventStage(instrument, config, sweeps_history)
    return stage.feed(prints.feed(records, least, book, slice(0, len(book))), book, sweeps, NEVER_US)


class EventStage:
    """Events of trades and updates as they become known."""

    def __init__(self, instrument: Instrument, config: Config, sweeps_history: pl.DataFrame) -> None:
        self.instrument, self.params = instrument, OrderflowParams.of(config)
        self.watch = LevelWatch(sweeps_history, self.params.level)
        self.run_start = 0

    def feed(self, found: Found, book: Book, sweeps: pl.DataFrame, through_us: int) -> pl.DataFrame:
        """OrderflowEvents known by ``through_us`` of what the stage of prints found.

        ``sweeps`` are LiquiditySweeps not given before; a level acts on trades after it was known.
        """
        block = found.block
        self.watch.add(sweeps)
        runs = print_runs(block.trades, self.params.run)
        outcomes, ran = self.watch.feed(block, runs, book, through_us)
        self.run_start = int(runs.run_of[-1]) if len(block.trades) else 0
        events = [
            *_level_events(block.trades, outcomes),
            *_stop_run_events(block.trades, ran),
            *_run_events(block, runs, self.params),
            *_absorption_events(found),
            *_refill_events(found, book),
        ]
        return _frame(events, self.params, self.instrument)

    @property
    def needs(self) -> int:
        """First trade that the next call needs."""
        return self.watch.needs(self.run_start)

    def dropped(self, count: int) -> None:
        """The first ``count`` trades are left out of the next call."""
        self.watch.dropped(count)
        self.run_start -= count

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {"watch": self.watch.snapshot(), "run_start": self.run_start}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.watch.restore(saved["watch"])
        self.run_start = int(saved["run_start"])


def _level_events(trades: Trades, outcomes: list[Outcome]) -> list[_Event]:
    events = []
    for outcome in outcomes:
        hit, extreme = outcome.hit, outcome.extreme
        kind, direction = ("level_sweep", -hit.side) if outcome.swept else ("level_accept", hit.side)
        edges = min(hit.price, extreme), max(hit.price, extreme)
        times = int(trades.ts_us[hit.start]), int(trades.ts_us[outcome.end])
        events.append(_Event(kind, direction, *times, hit.price, *edges, hit.event_id, outcome.attrs))
    return events


def _stop_run_events(trades: Trades, ran: list[StopRun]) -> list[_Event]:
    events = []
    for run in ran:
        level, reached = run.hit.price, int(trades.price[run.known])
        attrs: dict[str, Attr] = {
            "qty": float(np.cumsum(trades.size[run.first : run.known + 1])[-1]),
            "from_ticks": int(trades.price[run.first]),
            "depth_ticks": abs(reached - level),
        }
        edges = min(level, reached), max(level, reached)
        times = int(trades.ts_us[run.first]), int(trades.ts_us[run.known])
        events.append(_Event("stop_run", run.hit.side, *times, level, *edges, run.hit.event_id, attrs))
    return events


def _run_events(block: TradeBlock, runs: Runs, params: OrderflowParams) -> list[_Event]:
    trades, levels, new = block.trades, params.run.min_levels, runs.known >= block.first
    start, known = runs.start[new], runs.known[new]
    columns = (
        trades.side[start],
        trades.ts_us[start],
        trades.ts_us[known],
        trades.price[start],
        trades.price[known],
        runs.quantity[new],
    )
    return [
        _Event("book_sweep", side, event_us, known_us, end, min(first, end), max(first, end), None,
               {"levels": levels, "qty": quantity})
        for side, event_us, known_us, first, end, quantity in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]  # fmt: skip


def _absorption_events(prints: Found) -> list[_Event]:
    ts, found = prints.block.trades.ts_us, prints.absorptions
    events = []
    for k, score in enumerate(found.score.tolist()):
        price = int(found.price[k])
        attrs: dict[str, Attr] = {
            "volume": float(found.volume[k]),
            "threshold": float(found.threshold[k]),
            "progressed_ticks": int(found.progressed[k]),
            "score": score,
        }
        times = int(ts[found.trigger[k]]), int(ts[found.known[k]])
        events.append(
            _Event("absorption", -int(found.aggressor[k]), *times, price, price, price, None, attrs)
        )
    return events


def _refill_events(prints: Found, book: Book) -> list[_Event]:
    events = []
    for found in prints.refills:
        for k, score in enumerate(found.score.tolist()):
            price = int(found.price[k])
            attrs: dict[str, Attr] = {
                "executed": float(found.executed[k]),
                "shown": float(found.shown[k]),
                "refills": int(found.times[k]),
                "score": score,
            }
            times = int(found.first_us[k]), int(book.known_us[found.update[k]])
            events.append(_Event("refill", found.side, *times, price, price, price, None, attrs))
    return events


def _frame(events: list[_Event], params: OrderflowParams, instrument: Instrument) -> pl.DataFrame:
    if not events:
        return empty(TABLE)
    definitions, tick = params.definitions(), instrument.tick_size
    records: list[dict[str, Any]] = []
    for event in events:
        definition = definitions[event.kind]
        ticks = {"level": event.level, "lo": event.lo, "hi": event.hi}
        prices = ticks.values()
        made = (definition.version, definition.params_hash, event.ref_id)
        times = (event.event_us, event.known_us)
        records.append(
            {
                EVENT_TS: event.event_us,
                KNOWN_AT: event.known_us,
                "event_id": digest(instrument.id, TABLE, event.kind, event.dir, *times, *prices, *made),
                "kind": event.kind,
                "dir": event.dir,
                **{f"{name}_ticks": value for name, value in ticks.items()},
                **{name: value * tick for name, value in ticks.items()},
                "ref_id": event.ref_id,
                "timeframe_seconds": instrument.bar_seconds,
                "def_version": definition.version,
                "params_hash": definition.params_hash,
                "attrs": json.dumps(event.attrs, sort_keys=True, separators=(",", ":")),
            }
        )
    frame = pl.DataFrame(records, schema_overrides={"ref_id": pl.String}, infer_schema_length=None)
    frame = frame.with_columns(pl.col(EVENT_TS, KNOWN_AT).cast(pl.Datetime("us", "UTC")))
    order = [KNOWN_AT, EVENT_TS, "kind", "dir", "level_ticks", "lo_ticks", "hi_ticks", "event_id"]
    return conform(TABLE, frame.sort(order))
