"""Levels under watch while trades come in: which were run, what became of it, and what rested behind them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Ints, micros
from zanzibar_assets.analysis.book import Book
from zanzibar_assets.analysis.engine import Attr
from zanzibar_assets.analysis.level_book import Resting, depths, side_at, snapshots
from zanzibar_assets.analysis.level_sweeps import Levels, Outcomes, Runs, level_outcomes, stop_runs
from zanzibar_assets.analysis.tick_sweeps import TickSweepParams, Trades
from zanzibar_assets.analysis.trade_tail import TradeBlock
from zanzibar_assets.vocabulary import KNOWN_AT

NEVER_US = int(np.iinfo(np.int64).max)
_COLUMNS = ("event_id", "kind", "dir", "level_ticks", "ref_id", KNOWN_AT)


@dataclass(slots=True)
class Hit:
    """A level that was penetrated at trade ``start``; ``before`` is what rested on its side just before."""

    event_id: str
    price: int
    side: int
    start: int
    before: Resting | None
    open: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a level: the deciding trade, whether it was swept (else accepted), and the payload."""

    hit: Hit
    end: int
    swept: bool
    extreme: int
    attrs: dict[str, Attr]


@dataclass(frozen=True, slots=True)
class StopRun:
    """A level penetrated by a run through the book from before it, known at trade ``known``."""

    hit: Hit
    first: int
    known: int


class LevelWatch:
    """Levels and pools that rest, and those penetrated whose outcome is not known yet."""

    def __init__(self, sweeps_history: pl.DataFrame, params: TickSweepParams) -> None:
        """Watch those pools of earlier sessions that nothing superseded, took, swept or accepted."""
        self.params = params
        self.ids: list[str] = []
        none = np.empty(0, np.int64)
        self.levels = Levels(none, none, none, none)
        self.hits: list[Hit] = []
        self.through_us = -NEVER_US
        self.anew_us: list[int] = []
        past = sweeps_history.select(_COLUMNS)
        settled = past["ref_id"].drop_nulls().implode()
        self._join(past.filter((pl.col("kind") == "pool") & ~pl.col("event_id").is_in(settled)))
        self.past = frozenset(self.ids)

    def add(self, sweeps: pl.DataFrame) -> None:
        """Watch the session's new levels and pools; a pool that a larger one replaces rests until then."""
        rows = sweeps.select(_COLUMNS)
        levels = rows.filter(pl.col("kind").is_in(["level", "pool"]) & (pl.col("dir") != 0))
        self._join(levels.filter(~pl.col("event_id").is_in(list(self.past))))
        larger = rows.filter((pl.col("kind") == "pool") & pl.col("ref_id").is_not_null())
        place = {event_id: k for k, event_id in enumerate(self.ids)} if larger.height else {}
        for replaced, known_us in zip(larger["ref_id"], micros(larger, KNOWN_AT).tolist(), strict=True):
            if replaced in place:
                at = place[replaced]
                self.levels.retired_us[at] = min(known_us, int(self.levels.retired_us[at]))

    def _join(self, rows: pl.DataFrame) -> None:
        rows = rows.unique("event_id", keep="first", maintain_order=True)
        never = np.full(rows.height, NEVER_US)
        price, side = rows["level_ticks"].to_numpy(), rows["dir"].cast(pl.Int64).to_numpy()
        pairs = zip(self.levels.columns(), (price, side, micros(rows, KNOWN_AT), never), strict=True)
        self.levels = Levels(*(np.concatenate(pair) for pair in pairs))
        self.ids += rows["event_id"].to_list()

    def feed(
        self, block: TradeBlock, runs: Runs, book: Book, through_us: int
    ) -> tuple[list[Outcome], list[StopRun]]:
        """Outcomes and stop runs that the block's new trades make known, all of ``through_us``."""
        trades = block.trades
        self.anew_us += snapshots(book, self.through_us, through_us)
        self.through_us = through_us
        waiting = [hit for hit in self.hits if hit.open]
        found = self._outcomes(block, waiting)
        struck = np.flatnonzero(found.start[len(waiting) :] >= 0)
        new = self._struck(struck, found.start[len(waiting) :][struck], trades, book)
        rows = [*range(len(waiting)), *(struck + len(waiting)).tolist()]
        self.hits += new
        outcomes = self._decided([*waiting, *new], rows, found, trades, book)
        rests = np.ones(len(self.levels), np.bool_)
        rests[struck] = False
        self._leave(rests & (self.levels.retired_us > through_us))
        ran = self._stop_runs(block, runs)
        run_start = int(runs.run_of[-1]) if len(trades) else 0
        self.hits = [hit for hit in self.hits if hit.open or hit.start >= run_start]
        begun_us = (int(trades.ts_us[hit.start]) for hit in self.hits if hit.open)
        since_us = min(begun_us, default=NEVER_US)
        self.anew_us = self.anew_us[bisect_left(self.anew_us, since_us) :]
        return outcomes, ran

    def _outcomes(self, block: TradeBlock, waiting: list[Hit]) -> Outcomes:
        """Outcome of each level that was penetrated before, then of each that rests."""
        more = np.array([[hit.price, hit.side, 0, NEVER_US] for hit in waiting], np.int64).reshape(-1, 4).T
        levels = Levels(*(np.concatenate(pair) for pair in zip(more, self.levels.columns(), strict=True)))
        start = np.full(len(levels), -1)
        start[: len(waiting)] = [hit.start for hit in waiting]
        return level_outcomes(block.trades, levels, self.params, start, block.first)

    def _struck(self, rows: Ints, start: Ints, trades: Trades, book: Book) -> list[Hit]:
        price, side = self.levels.price[rows], self.levels.side[rows]
        before = side_at(book, trades.ts_us[start], side, strictly=True)
        ids = [self.ids[row] for row in rows.tolist()]
        columns = (ids, price.tolist(), side.tolist(), start.tolist(), before)
        return [Hit(*values) for values in zip(*columns, strict=True)]

    def _decided(
        self, hits: list[Hit], rows: list[int], found: Outcomes, trades: Trades, book: Book
    ) -> list[Outcome]:
        decided = [(hit, row) for hit, row in zip(hits, rows, strict=True) if found.what[row] > 0]
        ends = found.end[[row for _, row in decided]]
        after = side_at(book, trades.ts_us[ends], np.array([hit.side for hit, _ in decided]), strictly=False)
        outcomes = []
        for (hit, row), end, resting in zip(decided, ends.tolist(), after, strict=True):
            hit.open = False
            extreme = int(found.extreme[row])
            begins_us, ends_us = int(trades.ts_us[hit.start]), int(trades.ts_us[end])
            anew = bisect_left(self.anew_us, begins_us) < bisect_right(self.anew_us, ends_us)
            part = slice(hit.start, end + 1)
            attrs: dict[str, Attr] = {
                "extreme_ticks": extreme,
                "depth_ticks": abs(extreme - hit.price),
                "dwell_us": ends_us - begins_us,
                "vol_beyond": float(found.beyond[row]),
                "aggr_vol_beyond": float(found.same_side[row]),
                "delta_extreme": float(found.delta_extreme[row]),
                **depths(hit.before, resting, trades, part, hit.side, hit.price, anew=anew),
            }
            outcomes.append(Outcome(hit, end, bool(found.what[row] == 1), extreme, attrs))
        return outcomes

    def _stop_runs(self, block: TradeBlock, runs: Runs) -> list[StopRun]:
        columns = [[hit.price, hit.side, hit.start] for hit in self.hits]
        price, side, start = np.array(columns, np.int64).reshape(-1, 3).T
        return [
            StopRun(self.hits[k], int(runs.start[run]), known)
            for k, run, known in stop_runs(block.trades, runs, price, side, start)
            if known >= block.first
        ]

    def _leave(self, kept: np.ndarray) -> None:
        self.levels = Levels(*(column[kept] for column in self.levels.columns()))
        self.ids = [event_id for event_id, keep in zip(self.ids, kept.tolist(), strict=True) if keep]

    def needs(self, otherwise: int) -> int:
        """First trade that the next call needs."""
        return min([otherwise, *(hit.start for hit in self.hits)])

    def dropped(self, count: int) -> None:
        """The first ``count`` trades are left out of the next call."""
        for hit in self.hits:
            hit.start -= count

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        hits = [
            {**asdict(hit), "before": None if hit.before is None else list(hit.before.items())}
            for hit in self.hits
        ]
        levels = [column.tolist() for column in self.levels.columns()]
        book = {"through_us": self.through_us, "anew_us": self.anew_us}
        return {"ids": self.ids, "levels": levels, "past": sorted(self.past), "hits": hits, **book}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.through_us, self.anew_us = int(saved["through_us"]), list(saved["anew_us"])
        self.ids, self.past = list(saved["ids"]), frozenset(saved["past"])
        self.levels = Levels(*(np.array(column, np.int64) for column in saved["levels"]))
        self.hits = [
            Hit(**{**hit, "before": None if hit["before"] is None else {int(p): s for p, s in hit["before"]}})
            for hit in saved["hits"]
        ]
