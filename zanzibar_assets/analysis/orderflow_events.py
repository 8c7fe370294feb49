"""Events seen on single trades and book updates: level sweeps, runs through the book, absorption, refills."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import bar_of_record, load_records, micros
from zanzibar_assets.analysis.absorption import AbsorptionParams, RefillParams
from zanzibar_assets.analysis.book import Book, load_book
from zanzibar_assets.analysis.engine import Attr
from zanzibar_assets.analysis.events import Definition, digest
from zanzibar_assets.analysis.level_book import resting_before_and_after
from zanzibar_assets.analysis.level_sweeps import Levels, Runs, level_outcomes, print_runs, stop_runs
from zanzibar_assets.analysis.prints import Found, PrintStage
from zanzibar_assets.analysis.tick_sweeps import BookSweepParams, TickSweepParams
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

TABLE = "orderflow_events"
VERSION = 1
NEVER_US = np.iinfo(np.int64).max


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
        level, run = Definition.of("tick_sweep", self.level), Definition.of("book_sweep", self.run)
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


def watched_levels(sweeps: pl.DataFrame, sweeps_history: pl.DataFrame) -> tuple[Levels, list[str]]:
    """Levels and pools to watch in a session and their event ids.

    Of earlier sessions those pools that nothing superseded, took, swept or accepted by their end. A
    pool that a larger one replaces is armed until that one is known.
    """
    columns = ["event_id", "kind", "dir", "level_ticks", "ref_id", KNOWN_AT]
    past, own = sweeps_history.select(columns), sweeps.select(columns)
    settled = past["ref_id"].drop_nulls().implode()
    rows = pl.concat(
        [
            past.filter((pl.col("kind") == "pool") & ~pl.col("event_id").is_in(settled)),
            own.filter(pl.col("kind").is_in(["level", "pool"]) & (pl.col("dir") != 0)),
        ]
    ).unique("event_id", keep="first", maintain_order=True)
    larger = own.filter((pl.col("kind") == "pool") & pl.col("ref_id").is_not_null()).select(
        pl.col("ref_id").alias("event_id"), retired=pl.col(KNOWN_AT).to_physical()
    )
    rows = rows.join(larger.group_by("event_id").agg(pl.col("retired").min()), "event_id", "left",
                     maintain_order="left")  # fmt: skip
    levels = Levels(
        rows["level_ticks"].to_numpy(),
        rows["dir"].cast(pl.Int64).to_numpy(),
        micros(rows, KNOWN_AT),
        rows["retired"].fill_null(NEVER_US).to_numpy(),
    )
    return levels, rows["event_id"].to_list()


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
    params = OrderflowParams.of(config)
    stage, index, book = PrintStage(instrument), bar_of_record(records, bars), load_book(clean_dom)
    least = stage.bars(records, index, bars.height).least[index]
    prints = stage.feed(records, least, book, slice(0, len(book)))
    levels, ids = watched_levels(sweeps, sweeps_history)
    runs = print_runs(prints.block.trades, params.run)
    found = [
        *_level_events(prints, book, levels, ids, runs, params),
        *_run_events(prints, runs, params),
        *_absorption_events(prints),
        *_refill_events(prints, book),
    ]
    return _frame(found, params, instrument)


def _level_events(
    prints: Found, book: Book, levels: Levels, ids: list[str], runs: Runs, params: OrderflowParams
) -> list[_Event]:
    trades = prints.block.trades
    done = level_outcomes(trades, levels, params.level)
    decided = np.flatnonzero(done.what > 0)
    rested = resting_before_and_after(trades, book, levels, done, decided)
    events = []
    for k, depth in zip(decided.tolist(), rested, strict=True):
        side, level, extreme = int(levels.side[k]), int(levels.price[k]), int(done.extreme[k])
        start, end, swept = int(done.start[k]), int(done.end[k]), done.what[k] == 1
        attrs: dict[str, Attr] = {
            "extreme_ticks": extreme,
            "depth_ticks": abs(extreme - level),
            "dwell_us": int(trades.ts_us[end] - trades.ts_us[start]),
            "vol_beyond": float(done.beyond[k]),
            "aggr_vol_beyond": float(done.same_side[k]),
            "delta_extreme": float(done.delta_extreme[k]),
            **depth,
        }
        kind, direction = ("level_sweep", -side) if swept else ("level_accept", side)
        edges = min(level, extreme), max(level, extreme)
        times = int(trades.ts_us[start]), int(trades.ts_us[end])
        events.append(_Event(kind, direction, *times, level, *edges, ids[k], attrs))
    for k, run, known in stop_runs(trades, runs, levels, done.start):
        first, level = int(runs.start[run]), int(levels.price[k])
        reached = int(trades.price[known])
        edges = min(level, reached), max(level, reached)
        times = int(trades.ts_us[first]), int(trades.ts_us[known])
        quantity = float(trades.size[first : known + 1].sum())
        attrs = {"qty": quantity, "from_ticks": int(trades.price[first]), "depth_ticks": abs(reached - level)}
        events.append(_Event("stop_run", int(levels.side[k]), *times, level, *edges, ids[k], attrs))
    return events


def _run_events(prints: Found, runs: Runs, params: OrderflowParams) -> list[_Event]:
    trades, levels = prints.block.trades, params.run.min_levels
    columns = (
        trades.side[runs.start],
        trades.ts_us[runs.start],
        trades.ts_us[runs.known],
        trades.price[runs.start],
        trades.price[runs.known],
        runs.quantity,
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
