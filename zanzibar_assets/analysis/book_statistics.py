"""What a session's book leaves for the models of later ones: sums that can be added over sessions.

Stored sums are small, so a model over twenty sessions is fitted without reading their books again,
and the fit can only use sessions that are over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, micros, stamps
from zanzibar_assets.analysis.book import Book, load_book
from zanzibar_assets.analysis.book_features import bar_flow
from zanzibar_assets.analysis.running import Running
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import DOM_LEVELS, EVENT_TS, KNOWN_AT

TABLE = "book_statistics"
BUCKETS = 9
"""Imbalance buckets of a microprice state; odd, so that a balanced book is its own mirror image."""
SPREADS = 4
"""Spread classes of a microprice state: 1, 2, 3 ticks, and wider."""
STATES = BUCKETS * SPREADS
SHAPES = {
    "stay": (STATES, STATES),
    "move": (STATES, STATES),
    "jump": (STATES, 1),
    "flow_product": (DOM_LEVELS, DOM_LEVELS),
    "flow_sum": (DOM_LEVELS, 1),
    "flow_bars": (1, 1),
}
"""Statistics and their shapes."""


def session_statistics(book: Book, opens_us: Ints, closes_us: Ints) -> dict[str, Floats]:
    """Sums of one session's book.

    ``stay``/``move`` count transitions between microprice states without and with a move of the mid,
    ``jump`` sums the moves in ticks by the state before; ``flow_product`` and ``flow_sum`` are second
    and first sums of the depth-normalised order flow of the levels over the ``flow_bars`` bars
    in which the book was updated.
    """
    stage = StatisticsStage()
    stage.updates(book, slice(0, len(book)))
    stage.bars(book, opens_us, closes_us)
    return stage.found


class StatisticsStage:
    """The sums as updates become known and bars close; bar after bar, so that blocks leave no trace."""

    def __init__(self) -> None:
        self.found = {name: np.zeros(shape) for name, shape in SHAPES.items()}
        self.memory = Running()
        self.span_us: list[int] = []
        self.seen = [0, 0]

    def updates(self, book: Book, rows: slice) -> None:
        """Count the transitions into some rows of the book, which also holds the row before them."""
        from zanzibar_assets.analysis._book_kernels import quote_transitions

        if rows.start >= rows.stop:
            return
        best, part = book.level(1), slice(max(rows.start - 1, 0), rows.stop)
        quotes = (best.bid[part], best.bid_size[part], best.ask[part], best.ask_size[part], book.joined[part])
        found = self.found
        quote_transitions(*quotes, BUCKETS, SPREADS, found["stay"], found["move"], found["jump"][:, 0])
        known_us = book.known_us[rows]
        self._spans(0, int(known_us[0]), int(known_us[-1]), len(known_us))

    def bars(self, book: Book, opens_us: Ints, closes_us: Ints) -> None:
        """Add the order flow of bars that closed; the book reaches from before the first to the last."""
        if len(closes_us):
            self._spans(1, int(opens_us[0]), int(closes_us[-1]), len(closes_us))
        if len(book) == 0:
            return
        bars = bar_flow(book, opens_us, closes_us)
        flow = bars.normalised(self.memory)
        flow = flow[:, np.isfinite(flow).all(axis=0) & (bars.updates > 0)]
        for levels in flow.T:
            self.found["flow_product"] += levels[:, None] * levels
            self.found["flow_sum"] += levels[:, None]
        self.found["flow_bars"][0, 0] += flow.shape[1]

    def _spans(self, source: int, first_us: int, last_us: int, count: int) -> None:
        self.seen[source] += count
        self.span_us = [min([first_us, *self.span_us[:1]]), max([last_us, *self.span_us[1:]])]

    def frame(self) -> pl.DataFrame:
        """BookStatistics of the session so far: a row a non-zero sum. Empty without a book or bars."""
        if not all(self.seen):
            return empty(TABLE)
        parts = []
        for name, values in self.found.items():
            rows, columns = np.nonzero(values)
            parts.append(
                pl.DataFrame({"row": rows, "col": columns, "value": values[rows, columns]}).select(
                    pl.lit(name).alias("statistic"), "row", "col", "value"
                )
            )
        frame = pl.concat(parts)
        first, last = (stamps(np.full(frame.height, at)) for at in self.span_us)
        return conform(TABLE, frame.with_columns(first.alias(EVENT_TS), last.alias(KNOWN_AT)))

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        found = {name: values.tolist() for name, values in self.found.items()}
        return {"found": found, "memory": self.memory.snapshot(), "span_us": self.span_us, "seen": self.seen}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.found = {name: np.array(values, np.float64) for name, values in saved["found"].items()}
        self.memory.restore(saved["memory"])
        self.span_us, self.seen = list(saved["span_us"]), list(saved["seen"])


def build_book_statistics(clean_dom: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """BookStatistics of one session: a row a non-zero sum, known when its last bar and update are.

    Empty without a book or bars.
    """
    if clean_dom.is_empty() or bars.is_empty():
        return empty(TABLE)
    book, stage = load_book(clean_dom), StatisticsStage()
    stage.updates(book, slice(0, len(book)))
    stage.bars(book, micros(bars, EVENT_TS), micros(bars, KNOWN_AT))
    return stage.frame()


def added(history: pl.DataFrame) -> dict[str, Floats]:
    """Sums over all sessions of a BookStatistics history."""
    sums = (
        history.group_by("statistic", "row", "col").agg(pl.col("value").sum()).sort("statistic", "row", "col")
    )
    found = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    for name, row, column, value in sums.select("statistic", "row", "col", "value").iter_rows():
        found[name][row, column] = value
    return found
