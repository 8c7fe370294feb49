"""Minutes that a session's calendar lets expect, minutes seen, and silences longer than a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Ints, micros, stamps, trade_rows
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND

MINUTE_US = 60 * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Minutes:
    """Open minutes up to the last event: all, with a trade, with any event; and those after it."""

    expected: int
    seen: int
    fed: int
    to_close: int


def open_stretches(window: SessionWindow) -> list[tuple[int, int]]:
    """Half-open intervals (UTC microseconds) in which the market is open, in order."""
    edges = [window.open_us]
    for start, end in window.breaks:
        edges += [start, end]
    edges.append(window.close_us)
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def count_minutes(
    clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame, window: SessionWindow, last_us: int
) -> Minutes:
    """Minutes of the UTC grid that lie in open time; a bar record covers every minute of its length."""
    first = window.open_us // MINUTE_US
    grid = np.arange(first, -(-window.close_us // MINUTE_US)) * MINUTE_US
    is_open = np.zeros(len(grid), dtype=bool)
    for start, end in open_stretches(window):
        is_open |= (grid + MINUTE_US > start) & (grid < end)
    due = is_open & (grid <= last_us)
    traded = _touched(*_spans(clean_ticks), window, len(grid))
    books = micros(clean_dom, KNOWN_AT)
    fed = traded | _touched(books, books, window, len(grid))
    return Minutes(
        expected=int(due.sum()),
        seen=int((due & traded).sum()),
        fed=int((due & fed).sum()),
        to_close=int((is_open & (grid > last_us)).sum()),
    )


def _touched(began: Ints, ended: Ints, window: SessionWindow, minutes: int) -> Bools:
    """Which minutes of the grid since the open at least one of the spans lies in."""
    first = window.open_us // MINUTE_US
    inside = ended >= window.open_us
    low = np.maximum(began[inside] // MINUTE_US - first, 0)
    high = np.maximum(ended[inside] - 1, began[inside]) // MINUTE_US - first + 1
    steps = np.zeros(minutes + 1, dtype=np.int64)
    np.add.at(steps, np.minimum(low, minutes), 1)
    np.add.at(steps, np.minimum(high, minutes), -1)
    covered: Bools = np.cumsum(steps[:-1]) > 0
    return covered


def _spans(clean_ticks: pl.DataFrame) -> tuple[Ints, Ints]:
    """Start and end of what each trade or bar record covers, ordered by start; a trade is an instant."""
    rows = trade_rows(clean_ticks)
    began, ended = micros(rows, EVENT_TS), micros(rows, KNOWN_AT)
    order = np.argsort(began, kind="stable")
    return began[order], ended[order]


def session_gaps(
    clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame, window: SessionWindow, last_us: int, least_us: int
) -> pl.DataFrame:
    """SessionGaps: silences of more than ``least_us`` that are over by ``last_us``, in order of their end."""
    began, ended = _spans(clean_ticks)
    books = micros(clean_dom, KNOWN_AT)
    found = []
    for start, end in open_stretches(window):
        inside = (ended >= start) & (began < end)
        for gap_start, gap_end, place in _silences(began[inside], ended[inside], start, end, last_us):
            if gap_end - gap_start > least_us:
                between = np.searchsorted(books, [gap_start, gap_end], side="left")
                found.append((gap_start, gap_end, place, int(between[1] - between[0])))
    if not found:
        return empty("session_gaps")
    start_us, end_us, places, rows = zip(*found, strict=True)
    frame = pl.DataFrame({"place": places, "book_rows": rows}).with_columns(
        stamps(np.array(start_us)).alias(EVENT_TS),
        stamps(np.array(end_us)).alias(KNOWN_AT),
        pl.Series("minutes", (np.array(end_us) - np.array(start_us)) / MINUTE_US),
    )
    return conform("session_gaps", frame.sort(KNOWN_AT, EVENT_TS))


def _silences(began: Ints, ended: Ints, start: int, end: int, last_us: int) -> list[tuple[int, int, str]]:
    """(start, end, place) of every silence of a stretch that is over by ``last_us``."""
    if not len(began):
        return [(start, end, "at_end")] if end <= last_us else []
    reached = np.maximum.accumulate(ended)
    found = [(start, int(began[0]), "at_start")]
    wide = np.flatnonzero(began[1:] > reached[:-1])
    found += [(int(reached[i]), int(began[i + 1]), "inside") for i in wide]
    if end <= last_us:
        found.append((int(reached[-1]), end, "at_end"))
    return [gap for gap in found if gap[1] > gap[0]]


def open_us_between(window: SessionWindow, start_us: int, end_us: int) -> int:
    """Microseconds of open time within an interval."""
    return sum(max(0, min(b, end_us) - max(a, start_us)) for a, b in open_stretches(window))
