"""Order flow of a running session: ticks and book updates in blocks of any size, rows as they become known.

One block of a whole session, record by record, or anything between gives the same rows, bit for bit,
as the builders of the tables, which are one feed of the same stages. The stream holds what still
matters: the open bar's records and updates, trades whose horizon or window runs, levels not yet run,
running sums, the moments of the last bars, and volume by price.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    TRADE_COLUMNS,
    Records,
    bar_of_record,
    load_records,
    micros,
    trade_rows,
    trade_schema,
)
from zanzibar_assets.analysis.anchored_stage import AnchoredStage
from zanzibar_assets.analysis.bars import NEVER_US, BarStream, ClosedBars
from zanzibar_assets.analysis.book import Book
from zanzibar_assets.analysis.book_models import load_models
from zanzibar_assets.analysis.book_statistics import StatisticsStage
from zanzibar_assets.analysis.book_tail import BookTail
from zanzibar_assets.analysis.liquidity import LiquidityStage
from zanzibar_assets.analysis.orderflow_events import EventStage
from zanzibar_assets.analysis.prints import Found, PrintStage
from zanzibar_assets.analysis.profile import ProfileStage
from zanzibar_assets.analysis.running import frame_of, frame_state, in_order
from zanzibar_assets.analysis.vwap import VwapStage
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

STATE_FORMAT = 2


class StreamRows(NamedTuple):
    """Rows that became known, one frame a table."""

    bars: pl.DataFrame
    liquidity_features: pl.DataFrame
    vwap: pl.DataFrame
    orderflow_events: pl.DataFrame
    anchored_vwap: pl.DataFrame
    book_statistics: pl.DataFrame
    volume_profile: pl.DataFrame


class OrderflowStream:
    """Bars, order-flow features, VWAP and events of single trades of one instrument's session."""

    def __init__(
        self,
        instrument: Instrument,
        window: SessionWindow,
        config: Config,
        book_models: pl.DataFrame,
        sweeps_history: pl.DataFrame,
        prior_ticks: pl.DataFrame,
    ) -> None:
        """Stream of a session; the models, earlier sweeps and prior ticks are what its builders take."""
        models = load_models(book_models)
        made_of = [instrument.id, window.session, config.analysis.model_dump(), book_models.to_dicts()]
        self.mark = stable_hash(str(made_of))
        self.through_us = -NEVER_US
        self.last_us = -NEVER_US
        self.ahead = empty("clean_ticks").select(TRADE_COLUMNS)
        self.bars, self.book = BarStream(instrument, window), BookTail()
        self.prints = PrintStage(instrument)
        self.features = LiquidityStage(models, instrument, config.analysis)
        self.vwap = VwapStage(instrument, config)
        self.statistics = StatisticsStage()
        self.events = EventStage(instrument, config, sweeps_history)
        self.anchored = AnchoredStage(instrument, prior_ticks, config.analysis.swing_right + 1)
        self.profile = ProfileStage(instrument, config)

    def feed(
        self,
        clean_ticks: pl.DataFrame,
        clean_dom: pl.DataFrame,
        sweeps: pl.DataFrame | None = None,
        smc_events: pl.DataFrame | None = None,
        through_us: int | None = None,
    ) -> StreamRows:
        """Rows that new ticks, book updates and levels make known, in the tables' order.

        Each block holds new rows in the order known. ``through_us`` says that all that is known by that
        time has been given; without it that is the last stamp given so far less a microsecond: more rows
        of the same stamp may follow in the next block. Rows known later may be in a block, they wait.
        ``sweeps`` and ``smc_events`` are new LiquiditySweeps and SmcEvents. They may come with the block
        after the one whose bars made them, if that one went through the bar's close and no further: a level
        acts on trades after it was known, and the anchored VWAP of a bar is given with the next block.
        Raises ContractError for rows known by a time that was already said to be complete.
        """
        before_us, through_us = self.through_us, self._complete(clean_ticks, clean_dom, through_us)
        in_order(micros(clean_ticks, KNOWN_AT), before_us, "ticks")
        levels = empty("liquidity_sweeps") if sweeps is None else sweeps
        structure = empty("smc_events") if smc_events is None else smc_events
        in_order(micros(levels, KNOWN_AT), before_us - 1, "liquidity_sweeps")
        in_order(micros(structure, KNOWN_AT), before_us - 1, "smc_events")
        book, rows = self.book.join(clean_dom, before_us, through_us)
        closed = self.bars.feed(clean_ticks, through_us)
        records = self._known(clean_ticks, through_us)
        anchored = self._anchored(clean_ticks, closed, structure, levels, before_us)
        self.profile.feed(records)
        found, of_bars = self._decide(closed, records, book, rows)
        events = self.events.feed(found, book, levels, through_us)
        self.statistics.updates(book, rows)
        if not of_bars[0].is_empty():
            opens_us, closes_us = micros(of_bars[0], EVENT_TS), micros(of_bars[0], KNOWN_AT)
            self.statistics.bars(book, opens_us, closes_us)
        self._forget(found, book)
        if through_us == NEVER_US:
            return StreamRows(*of_bars, events, anchored, self.statistics.frame(), self.profile.frame())
        nothing = empty("book_statistics"), empty("volume_profile")
        return StreamRows(*of_bars, events, anchored, *nothing)

    def finish(
        self, sweeps: pl.DataFrame | None = None, smc_events: pl.DataFrame | None = None
    ) -> StreamRows:
        """Rows of the session's last bars, what its book leaves, and its profile: nothing follows."""
        return self.feed(empty("clean_ticks"), empty("clean_dom"), sweeps, smc_events, NEVER_US)

    def _anchored(
        self,
        clean_ticks: pl.DataFrame,
        closed: ClosedBars,
        structure: pl.DataFrame,
        levels: pl.DataFrame,
        before_us: int,
    ) -> pl.DataFrame:
        """Anchored VWAP of the bars whose events have all been given: those closed by the block before."""
        self.anchored.begin(clean_ticks)
        self.anchored.events(structure, levels)
        until_us = NEVER_US if self.through_us == NEVER_US else before_us
        return self.anchored.feed(closed.bars, closed.rows, until_us)

    def _complete(self, clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame, through_us: int | None) -> int:
        for frame in (clean_ticks, clean_dom):
            if not frame.is_empty():
                self.last_us = max(self.last_us, int(micros(frame, KNOWN_AT)[-1]))
        if through_us is None:
            through_us = max(self.last_us - 1, self.through_us)
        if through_us < self.through_us:
            raise ContractError(
                "the stream was told of a later time before",
                expected=f"at least {self.through_us} us",
                got=f"{through_us} us",
                action="feed blocks in time order",
            )
        self.through_us = through_us
        return through_us

    def _known(self, clean_ticks: pl.DataFrame, through_us: int) -> Records:
        """Trades that are newly known; those of later stamps wait."""
        rows = pl.concat([self.ahead, trade_rows(clean_ticks).select(TRADE_COLUMNS)])
        count = int(np.searchsorted(micros(rows, KNOWN_AT), through_us, side="right"))
        self.ahead = rows[count:]
        return load_records(rows[:count]).traded()

    def _decide(
        self, closed: ClosedBars, records: Records, book: Book, rows: slice
    ) -> tuple[Found, tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]:
        bars, of_bars = closed.bars, load_records(closed.rows).traded()
        if bars.is_empty():
            least = self.prints.next_least[np.zeros(len(records), np.int64)]
            found = self.prints.feed(records, least, book, rows)
            self.features.saw(found, book)
            return found, (bars, empty("liquidity_features"), empty("vwap"))
        prints = self.prints.bars(of_bars, bar_of_record(of_bars, bars), bars.height)
        index = np.searchsorted(micros(bars, EVENT_TS), records.ts_us, side="right") - 1
        index = np.where(records.ts_us < closed.ends_us, index, bars.height)
        found = self.prints.feed(records, prints.least[index], book, rows)
        self.features.saw(found, book)
        features = self.features.feed(bars, closed.rows, book, prints)
        return found, (bars, features, self.vwap.feed(bars, closed.rows))

    def _forget(self, found: Found, book: Book) -> None:
        """Drop what nothing that can still come looks back on."""
        since_us = self.bars.next_open_us(self.through_us)
        self.features.spreads.settle(book, since_us - 1)
        self.book.keep(book, since_us)
        self.events.dropped(self.prints.keep(found.block, self.events.needs))

    def snapshot(self) -> dict[str, Any]:
        """State as a document that ``json.dumps`` takes."""
        return {
            "format": STATE_FORMAT,
            "mark": self.mark,
            "through_us": self.through_us,
            "last_us": self.last_us,
            "ahead": frame_state(self.ahead),
            **{name: stage.snapshot() for name, stage in self._stages().items()},
        }

    def restore(self, saved: Mapping[str, Any]) -> OrderflowStream:
        """This new stream, going on where a snapshot was taken; refuses one of other inputs."""
        got = (saved.get("format"), saved.get("mark"))
        if got != (STATE_FORMAT, self.mark):
            raise ContractError(
                "the snapshot belongs to another session, configuration or fit",
                expected=f"format and mark {(STATE_FORMAT, self.mark)}",
                got=f"{got}",
                action="feed a new stream the session from its start",
            )
        self.through_us, self.last_us = int(saved["through_us"]), int(saved["last_us"])
        self.ahead = frame_of(saved["ahead"], trade_schema())
        for name, stage in self._stages().items():
            stage.restore(saved[name])
        return self

    def _stages(self) -> dict[str, Any]:
        names = ("bars", "book", "prints", "features", "vwap", "events", "statistics", "anchored", "profile")
        return {name: getattr(self, name) for name in names}
