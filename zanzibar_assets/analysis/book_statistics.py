"""What a session's book leaves for the models of later ones: sums that can be added over sessions.

Stored sums are small, so a model over twenty sessions is fitted without reading their books again,
and the fit can only use sessions that are over.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, micros, stamps
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


def session_statistics(book: Book, opens_us: np.ndarray, closes_us: np.ndarray) -> dict[str, Floats]:
    """Sums of one session's book.

    ``stay``/``move`` count transitions between microprice states without and with a move of the mid,
    ``jump`` sums the moves in ticks by the state before; ``flow_product`` and ``flow_sum`` are second
    and first sums of the depth-normalised order flow of the levels over the ``flow_bars`` bars
    in which the book was updated.
    """
    from zanzibar_assets.analysis._book_kernels import quote_transitions

    found = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    if len(book) == 0:
        return found
    best = book.level(1)
    quotes = (best.bid, best.bid_size, best.ask, best.ask_size, book.joined)
    quote_transitions(*quotes, BUCKETS, SPREADS, found["stay"], found["move"], found["jump"][:, 0])
    bars = bar_flow(book, opens_us, closes_us)
    flow = bars.normalised(Running())
    flow = flow[:, np.isfinite(flow).all(axis=0) & (bars.updates > 0)]
    found["flow_product"] = flow @ flow.T
    found["flow_sum"] = flow.sum(axis=1, keepdims=True)
    found["flow_bars"][0, 0] = flow.shape[1]
    return found


def build_book_statistics(clean_dom: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """BookStatistics of one session: a row a non-zero sum, known when its last bar and update are.

    Empty without a book or bars.
    """
    if clean_dom.is_empty() or bars.is_empty():
        return empty(TABLE)
    found = session_statistics(load_book(clean_dom), micros(bars, EVENT_TS), micros(bars, KNOWN_AT))
    parts = []
    for name, values in found.items():
        rows, columns = np.nonzero(values)
        parts.append(
            pl.DataFrame({"row": rows, "col": columns, "value": values[rows, columns]}).select(
                pl.lit(name).alias("statistic"), "row", "col", "value"
            )
        )
    frame = pl.concat(parts)
    first = min(micros(clean_dom, KNOWN_AT)[0], micros(bars, EVENT_TS)[0])
    last = max(micros(clean_dom, KNOWN_AT)[-1], micros(bars, KNOWN_AT)[-1])
    return conform(
        TABLE,
        frame.with_columns(
            stamps(np.full(frame.height, first)).alias(EVENT_TS),
            stamps(np.full(frame.height, last)).alias(KNOWN_AT),
        ),
    )


def added(history: pl.DataFrame) -> dict[str, Floats]:
    """Sums over all sessions of a BookStatistics history."""
    sums = (
        history.group_by("statistic", "row", "col").agg(pl.col("value").sum()).sort("statistic", "row", "col")
    )
    found = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    for name, row, column, value in sums.select("statistic", "row", "col", "value").iter_rows():
        found[name][row, column] = value
    return found
