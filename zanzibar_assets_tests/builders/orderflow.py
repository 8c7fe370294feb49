"""Order-flow inputs for tests: models fitted on random books, busy sessions, mirrored and moved markets."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from zanzibar_assets.analysis.book_models import build_book_models
from zanzibar_assets.analysis.book_statistics import build_book_statistics
from zanzibar_assets.contracts.registry import conform
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
    """Trades and a book beside them in which sweeps, stop runs, absorption and refills all happen.

    Runs through several prices stand among a random walk; the last tenth of the session holds orders
    that are filled up again. Every other trade has a quote written beside it.
    """
    rng = np.random.default_rng(seed)
    calm = within.open_us + (within.close_us - within.open_us) * 9 // 10
    stamps = within.open_us + np.sort(rng.integers(0, calm - within.open_us, trades)) // 1000 * 1000
    bursts = rng.random(trades) < 0.02
    walk = np.where(bursts, rng.choice([-2, 2], trades), rng.choice([-1, 0, 0, 0, 0, 1], trades))
    price = base + np.cumsum(walk)
    for start in np.flatnonzero(bursts)[: trades // 40]:
        side, stop = int(rng.choice([-1, 1])), min(start + 5, trades)
        stamps[start:stop] = stamps[start] + np.arange(stop - start) * 1000
        price[start:stop] = price[start] + side * np.arange(stop - start)
    order = np.argsort(stamps, kind="stable")
    stamps, price = stamps[order], price[order]
    side = np.sign(np.diff(price, prepend=price[0]) + rng.choice([-0.5, 0.5], trades))
    side = np.where(rng.random(trades) < 0.05, 0, side).astype(np.int8)
    size = rng.integers(1, 30, trades) + rng.random(trades).round(6)
    quoted = pl.Series(np.arange(trades) % 2 == 0)
    quotes = [
        pl.select(pl.when(quoted).then(pl.Series(quote))).to_series()
        for quote in (price - (side > 0), price + (side <= 0))
    ]
    frame = ticks(stamps, price, size, side, quotes=quotes, opens_us=within.open_us)
    dom = _book_beside(rng, stamps, price, updates, (within.open_us, calm))
    more, rows = _filled_up_again(calm, int(price[-1]), within)
    joined = pl.concat([frame, more]).with_columns(seq=pl.int_range(pl.len(), dtype=pl.Int64))
    return joined, pl.concat([dom, rows])


def _book_beside(rng, stamps, price, updates, span):
    known = np.sort(rng.integers(*span, updates))
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


def _filled_up_again(start, price, within):
    """Every 20 s a best price that shows 10, takes 6 three times and shows 10 again each time."""
    ms, trades, updates = 1000, [], []
    for episode, at in enumerate(range(start + 20 * SECOND, within.close_us - 20 * SECOND, 20 * SECOND)):
        side, bid = 1 if episode % 2 else -1, price - episode // 2 % 2
        updates += [(at - 20 * ms, bid, side, 8.0), (at - 10 * ms, bid, side, 10.0)]
        for k in range(3):
            stamp = at + k * 200 * ms
            trades.append((stamp, bid + (side > 0), side))
            updates += [(stamp + 50 * ms, bid, side, 4.0), (stamp + 100 * ms, bid, side, 10.5)]
    stamps, traded, sides = (np.array(column) for column in zip(*trades, strict=True))
    frame = ticks(stamps, traded, 6.0 + np.arange(len(stamps)) / 1024, sides, opens_us=within.open_us)
    bid_size, ask_size = ([[size if side == s else 7.0] for _, _, side, size in updates] for s in (-1, 1))
    bids, asks = ([[bid + more] for _, bid, _, _ in updates] for more in (0, 1))
    return frame, book([row[0] for row in updates], bids, bid_size, asks, ask_size)


def mirrored_ticks(frame: pl.DataFrame, about: int) -> pl.DataFrame:
    """The market on the price axis ``about - p`` (ticks), buyers and sellers swapped."""
    tick = 0.25
    return frame.with_columns(
        price_ticks=about - pl.col("price_ticks"),
        price=about * tick - pl.col("price"),
        side=-pl.col("side"),
        bid_ticks=about - pl.col("ask_ticks"),
        ask_ticks=about - pl.col("bid_ticks"),
        bid_volume=pl.col("ask_volume"),
        ask_volume=pl.col("bid_volume"),
    )


def mirrored_book(dom: pl.DataFrame, about: int) -> pl.DataFrame:
    """The book on the price axis ``about - p``."""
    swapped = {}
    for level in LEVELS:
        for a, b in (("bid", "ask"), ("ask", "bid")):
            swapped[f"{a}_ticks_{level}"] = about - pl.col(f"{b}_ticks_{level}")
            swapped[f"{a}_size_{level}"] = pl.col(f"{b}_size_{level}")
    return dom.with_columns(**swapped)


def moved(frame: pl.DataFrame, shift: int = 0, scale: int = 1) -> pl.DataFrame:
    """Ticks, book or levels with every price in ticks scaled, then moved."""
    names = [name for name in frame.columns if "_ticks" in name]
    found = frame.with_columns(pl.col(name) * scale + shift for name in names)
    return found.with_columns(price=pl.col("price_ticks") * 0.25) if "price" in found.columns else found


def levels_frame(seed: int, count: int, within, low: int, high: int) -> pl.DataFrame:
    """LiquiditySweeps rows of random levels and pools, some pools replaced by larger ones."""
    rng = np.random.default_rng(seed)
    known = np.sort(rng.integers(within.open_us, within.close_us, count))
    price = rng.integers(low, high + 1, count)
    ids = [f"{seed}-{k}" for k in range(count)]
    replaces = [ids[k - 3] if k % 4 == 3 else None for k in range(count)]
    frame = pl.DataFrame(
        {
            "event_ts": known,
            "known_at": known,
            "event_id": ids,
            "kind": ["level" if k % 4 == 1 else "pool" for k in range(count)],
            "dir": rng.choice([-1, 1], count),
            **{f"{name}_ticks": price for name in ("level", "lo", "hi")},
            **{name: price * 0.25 for name in ("level", "lo", "hi")},
            "ref_id": pl.Series(replaces, dtype=pl.String),
            "timeframe_seconds": np.full(count, 60),
            "def_version": np.ones(count),
            "params_hash": ["x"] * count,
            "attrs": ["{}"] * count,
        }
    )
    times = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return conform("liquidity_sweeps", frame.with_columns(times))
