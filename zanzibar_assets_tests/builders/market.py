"""Small clean market frames for tests: trades, bar records, books, sessions of bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.instruments import load_instruments

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST_DAY = 19_000 * DAY
UTC_US = pl.Datetime("us", "UTC")

ES = load_instruments()["ES"]
BTC_BARS = load_instruments()["BTCPERP"]
CONFIG = Config(home=Path("unused"))


def window(day: int = 0, hours: float = 23.0, pre_open_seconds: int = 600) -> SessionWindow:
    """A session of the given day number; its data may begin before its open."""
    opens = FIRST_DAY + day * DAY
    close = opens + int(hours * 3600 * SECOND)
    return SessionWindow(
        f"2022-{1 + day // 28:02d}-{1 + day % 28:02d}", opens - pre_open_seconds * SECOND, opens, close
    )


def _stamps(values) -> pl.Series:
    return pl.Series(np.asarray(values, dtype=np.int64)).cast(UTC_US)


def ticks(
    stamps_us, price_ticks, size, side=None, *, quotes=None, kind="trade", opens_us=None, records=None
) -> pl.DataFrame:
    """CleanTicks; ``quotes`` (bid, ask); ``records`` (open, high, low, sold, bought, seconds) makes bars."""
    n = len(stamps_us)
    side = np.zeros(n, np.int8) if side is None else np.asarray(side, dtype=np.int8)
    size = np.asarray(size, dtype=np.float64)
    nothing = pl.Series([None] * n, dtype=pl.Int64)
    bid, ask = (nothing, nothing) if quotes is None else quotes
    opened, high, low, sold, bought, seconds = records or (
        nothing, nothing, nothing, np.where(side < 0, size, 0.0), np.where(side > 0, size, 0.0), 0,
    )  # fmt: skip
    opens_us = FIRST_DAY if opens_us is None else opens_us
    return conform(
        "clean_ticks",
        pl.DataFrame(
            {
                "event_ts": _stamps(stamps_us),
                "known_at": _stamps(np.asarray(stamps_us) + seconds * SECOND),
                "seq": np.arange(n),
                "contract": pl.repeat("ESH22", n, eager=True),
                "kind": pl.repeat("bar" if records else kind, n, eager=True),
                "price_ticks": np.asarray(price_ticks, dtype=np.int64),
                "price": np.asarray(price_ticks) * 0.25,
                "size": size,
                "side": side,
                "sign_source": pl.repeat("flag", n, eager=True),
                "bid_ticks": bid,
                "ask_ticks": ask,
                "outside_quote": pl.Series([None] * n, dtype=pl.Boolean),
                "trade_id": nothing,
                "open_ticks": opened,
                "high_ticks": high,
                "low_ticks": low,
                "trades": np.ones(n, dtype=np.int64),
                "bid_volume": sold,
                "ask_volume": bought,
                "session_state": np.where(np.asarray(stamps_us) < opens_us, "pre_open", "open").tolist(),
                "late_us": np.zeros(n, dtype=np.int64),
                "flag": pl.Series([None] * n, dtype=pl.String),
            },
            schema_overrides={"session_state": pl.String},
        ),
    )


def random_ticks(
    seed: int, n: int, within: SessionWindow, *, base: int = 19_000, quoted=True, zero_sizes=True
) -> pl.DataFrame:
    """A random walk of trades over the session's window, pre-open included, some of size zero."""
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.integers(within.starts_us, within.close_us, n))
    price = base + np.cumsum(rng.integers(-2, 3, n))
    size = rng.integers(0 if zero_sizes else 1, 9, n).astype(np.float64)
    side = rng.choice([-1, 0, 1, 1], n)
    quotes = (price - (side > 0), price + (side <= 0)) if quoted else None
    return ticks(stamps, price, size, side, quotes=quotes, opens_us=within.open_us)


def random_records(
    seed: int, n: int, within: SessionWindow, *, seconds: int = 60, base: int = 300_000
) -> pl.DataFrame:
    """Consecutive bar records from the open."""
    rng = np.random.default_rng(seed)
    close = base + np.cumsum(rng.integers(-20, 21, n))
    opened = close + rng.integers(-9, 10, n)
    high, low = (
        np.maximum(opened, close) + rng.integers(0, 9, n),
        np.minimum(opened, close) - rng.integers(0, 9, n),
    )
    sold, bought = rng.integers(0, 50, n).astype(float), rng.integers(0, 50, n).astype(float)
    stamps = within.open_us + np.arange(n) * seconds * SECOND
    return ticks(
        stamps,
        close,
        sold + bought,
        records=(opened, high, low, sold, bought, seconds),
        opens_us=within.open_us,
    )


def book(
    stamps_us, bid_ticks, bid_size, ask_ticks, ask_size, state=None, snapshot=None
) -> pl.DataFrame:
    """CleanDom of arrays (updates, levels up to 5); a None price is a missing level."""
    n = len(stamps_us)
    columns = {
        "event_ts": _stamps(stamps_us),
        "known_at": _stamps(stamps_us),
        "seq": np.arange(n),
        "snapshot": pl.Series([False] * n if snapshot is None else list(snapshot), dtype=pl.Boolean),
        "session_state": pl.repeat("open", n, eager=True),
        "book_state": pl.Series(["normal"] * n if state is None else list(state), dtype=pl.String),
    }
    for name, values in (
        ("bid_ticks", bid_ticks), ("bid_size", bid_size), ("ask_ticks", ask_ticks), ("ask_size", ask_size),
    ):  # fmt: skip
        rows = [list(row) + [None] * (5 - len(row)) for row in values]
        kind = pl.Int64 if name.endswith("ticks") else pl.Float64
        for level in range(5):
            columns[f"{name}_{level + 1}"] = pl.Series([row[level] for row in rows], dtype=kind)
    return conform("clean_dom", pl.DataFrame(columns))


def random_book(seed: int, n: int, within: SessionWindow, *, base: int = 19_000) -> pl.DataFrame:
    """Five levels a side around a random walk; now and then a level short, crossed, one-sided or late."""
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.integers(within.starts_us, within.close_us, n))
    mid = base + np.cumsum(rng.choice([-1, 0, 0, 1], n))
    levels = rng.integers(1, 6, n)
    bids = [[int(m - k) for k in range(count)] for m, count in zip(mid, levels, strict=True)]
    asks = [[int(m + 1 + k) for k in range(count)] for m, count in zip(mid, levels, strict=True)]
    state = np.where(rng.random(n) < 0.03, "crossed", "normal")
    one_sided = rng.random(n) < 0.03
    asks = [[] if empty else row for row, empty in zip(asks, one_sided, strict=True)]
    state = np.where(one_sided, "one_sided", state)
    sizes = [[[float(rng.integers(1, 40)) for _ in row] for row in side] for side in (bids, asks)]
    return book(stamps, bids, sizes[0], asks, sizes[1], state.tolist())


def bars_of(clean_ticks: pl.DataFrame, within: SessionWindow, instrument=ES) -> pl.DataFrame:
    """Bars built from the ticks."""
    return build_bars(clean_ticks, instrument, within)


def history(sessions: int, trades: int = 3_000, seed: int = 100, hours: float = 6.0) -> pl.DataFrame:
    """Bars of several earlier sessions (day 0 on) with their ``session``; each opens away from the last."""
    frames = []
    for day in range(sessions):
        within = window(day, hours)
        frame = bars_of(random_ticks(seed + day, trades, within, base=19_000 + 83 * (day % 3)), within)
        frames.append(frame.with_columns(session=pl.lit(within.session)))
    return pl.concat(frames)


def known_by(frame: pl.DataFrame, cut_us: int) -> pl.DataFrame:
    """Rows known at or before a time."""
    return frame.filter(pl.col("known_at").dt.timestamp("us") <= cut_us)


def random_cuts(seed: int, within: SessionWindow, count: int) -> list[int]:
    """Random instants of the session, some on bar edges."""
    rng = np.random.default_rng(seed)
    cuts = rng.integers(within.starts_us, within.close_us, count)
    cuts[::3] = cuts[::3] // (60 * SECOND) * 60 * SECOND
    return [int(cut) for cut in cuts]
