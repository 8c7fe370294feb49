"""Order-flow inputs for tests: models fitted on random books, busy sessions, mirrored and moved markets."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from zanzibar_assets.analysis.book_models import build_book_models
from zanzibar_assets.analysis.book_statistics import build_book_statistics
from zanzibar_assets_tests.builders.market import (
    SECOND,
    bars_of,
    book,
    random_book,
    random_ticks,
    ticks,
    window,
)

LEVELS = range(1, 6)


@cache
def fitted_models() -> pl.DataFrame:
    """Models for day 1, fitted on day 0's random book."""
    past = window(0, hours=6)
    found = build_book_statistics(random_book(90, 20_000, past), bars_of(random_ticks(91, 3_000, past), past))
    return build_book_models(found.with_columns(session=pl.lit(past.session)), window(1, hours=6))


def busy_session(seed: int, trades: int, updates: int, within, *, base: int = 19_000):
    """Trades at the quotes of a book that they deplete: sweeps, refills and absorption all happen."""
    rng = np.random.default_rng(seed)
    span = within.close_us - within.open_us
    stamps = within.open_us + np.sort(rng.integers(0, span, trades)) // 1000 * 1000
    steps = rng.choice([-1, 0, 0, 0, 0, 1], trades)
    bursts = rng.random(trades) < 0.02
    price = base + np.cumsum(np.where(bursts, rng.choice([-2, 2], trades), steps))
    for start in np.flatnonzero(bursts)[: trades // 40]:  # runs through several prices within a moment
        side = int(rng.choice([-1, 1]))
        stop = min(start + 5, trades)
        stamps[start:stop] = stamps[start] + np.arange(stop - start) * 1000
        price[start:stop] = price[start] + side * np.arange(stop - start)
    order = np.argsort(stamps, kind="stable")
    stamps, price = stamps[order], price[order]
    side = np.where(
        rng.random(trades) < 0.05,
        0,
        np.sign(np.diff(price, prepend=price[0]) + rng.choice([-0.5, 0.5], trades)),
    )
    size = rng.integers(1, 30, trades) + rng.random(trades).round(6)
    frame = ticks(
        stamps, price, size, side, quotes=(price - (side > 0), price + (side <= 0)), opens_us=within.open_us
    )
    return frame, _book_beside(rng, stamps, price, updates, within)


def _book_beside(rng, stamps, price, updates, within):
    known = np.sort(rng.integers(within.open_us, within.close_us, updates))
    at = np.maximum(np.searchsorted(stamps, known, side="right") - 1, 0)
    bid = price[at] - rng.integers(0, 2, updates)
    spread = rng.choice([1, 1, 1, 2, 3], updates)
    depth = rng.integers(3, 6, updates)
    rows = {name: [] for name in ("bid", "bid_size", "ask", "ask_size")}
    for best, gap, count in zip(bid.tolist(), spread.tolist(), depth.tolist(), strict=True):
        rows["bid"].append([best - k for k in range(count)])
        rows["ask"].append([best + gap + k for k in range(count)])
        for name in ("bid_size", "ask_size"):
            rows[name].append((rng.integers(1, 40, count) + rng.random(count).round(6)).tolist())
    return book(known, rows["bid"], rows["bid_size"], rows["ask"], rows["ask_size"])


def mirrored_ticks(frame: pl.DataFrame) -> pl.DataFrame:
    """The market on the negated price axis, buyers and sellers swapped."""
    return frame.with_columns(
        price_ticks=-pl.col("price_ticks"),
        price=-pl.col("price"),
        side=-pl.col("side"),
        bid_ticks=-pl.col("ask_ticks"),
        ask_ticks=-pl.col("bid_ticks"),
        bid_volume=pl.col("ask_volume"),
        ask_volume=pl.col("bid_volume"),
    )


def mirrored_book(dom: pl.DataFrame) -> pl.DataFrame:
    """The book on the negated price axis."""
    swapped = {}
    for level in LEVELS:
        for a, b in (("bid", "ask"), ("ask", "bid")):
            swapped[f"{a}_ticks_{level}"] = -pl.col(f"{b}_ticks_{level}")
            swapped[f"{a}_size_{level}"] = pl.col(f"{b}_size_{level}")
    return dom.with_columns(**swapped)


def moved(frame: pl.DataFrame, shift: int) -> pl.DataFrame:
    """Ticks or book with every price in ticks moved."""
    names = [name for name in frame.columns if "_ticks" in name]
    return frame.with_columns(pl.col(name) + shift for name in names)


def seconds(count: float) -> int:
    """Seconds in microseconds."""
    return int(count * SECOND)
