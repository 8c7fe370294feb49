"""Book updates that come in blocks: those that bars, spreads and refills still need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import micros
from zanzibar_assets.analysis.book import BOOK_COLUMNS, Book, book_schema, load_book
from zanzibar_assets.analysis.running import frame_of, frame_state, in_order
from zanzibar_assets.vocabulary import KNOWN_AT


class BookTail:
    """The updates since the last closed bar and the one before them."""

    def __init__(self) -> None:
        self.frame: pl.DataFrame | None = None
        self.done = 0

    def join(self, clean_dom: pl.DataFrame, after_us: int, through_us: int) -> tuple[Book, slice]:
        """The book at hand and its rows that are newly known by ``through_us``."""
        new = clean_dom.select(name for name in BOOK_COLUMNS if name in clean_dom.columns)
        in_order(micros(new, KNOWN_AT), after_us, "book updates")
        self.frame = new if self.frame is None else pl.concat([self.frame, new])
        book = load_book(self.frame)
        rows = slice(self.done, int(np.searchsorted(book.known_us, through_us, side="right")))
        self.done = rows.stop
        return book, rows

    def keep(self, book: Book, since_us: int) -> None:
        """Keep updates known since a time, one before them, and what is not known yet."""
        start = max(int(np.searchsorted(book.known_us, since_us, side="left")) - 1, 0)
        if start and self.frame is not None:
            self.frame, self.done = self.frame[start:], self.done - start

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {"frame": None if self.frame is None else frame_state(self.frame), "done": self.done}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        kinds, rows = book_schema(), saved["frame"]
        kinds = {} if rows is None else {name: kind for name, kind in kinds.items() if name in rows}
        self.frame = None if rows is None else frame_of(rows, kinds)
        self.done = int(saved["done"])
