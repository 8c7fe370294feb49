"""Random and hand-written bar series for structure tests, as engine series and as bar frames."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.instruments import load_instruments

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST_MONDAY = 1_704_067_200 * SECOND  # 2024-01-01 00:00 UTC, a Monday
CRYPTO = load_instruments()["SIM_BTC"]


def walk(seed: int, n: int, *, step: int = 3, start: int = 1_000) -> BarSeries:
    """Random bars on small whole ticks: many ties, gaps between bars, calm and wild stretches."""
    rng = np.random.default_rng(seed)
    wild = np.where(rng.random(n) < 0.1, 4, 1)
    opens, highs, lows, closes = [], [], [], []
    price = start
    for i in range(n):
        reach = step * int(wild[i])
        opened = price + int(rng.integers(-1, 2)) * int(rng.random() < 0.3) * reach
        path = opened + np.cumsum(rng.integers(-reach, reach + 1, 4))
        price = int(path[-1])
        opens.append(opened)
        closes.append(price)
        highs.append(max(opened, int(path.max())))
        lows.append(min(opened, int(path.min())))
    volume = np.round(rng.gamma(2.0, 50.0, n) * wild) + (rng.random(n) > 0.02)
    return BarSeries(opens, highs, lows, closes, volume.tolist())


def schematic_walk(seed: int, n: int) -> BarSeries:
    """Bars that trend, stop with a heavy wide bar, and range: what the Wyckoff machine waits for."""
    rng = np.random.default_rng(seed)
    bars: list[tuple[int, int, int, int, float]] = []
    price = 5_000
    while len(bars) < n:
        side = int(rng.choice([-1, 1]))
        legs = [(side * 8, 100, 8), (side * 30, 320, 1), (-side * 12, 140, 3)]
        legs += [(int(rng.choice([-1, 1])) * int(rng.integers(3, 9)), 80, 2) for _ in range(9)]
        legs += [(-side * 11, 250, 3), (side * 3, 60, 2), (-side * 9, 130, 3)]
        for drift, usual, count in legs:
            for _ in range(count):
                opened = price
                price += drift + int(rng.integers(-3, 4))
                high = max(opened, price) + int(rng.integers(0, 5))
                low = min(opened, price) - int(rng.integers(0, 5))
                bars.append((opened, high, low, price, float(usual + rng.integers(-20, 21))))
    return BarSeries.of(bars[:n])


def frame_of(bars: BarSeries, start_us: int, seconds: int = 60, *, sided: bool = True) -> pl.DataFrame:
    """Conforming bars of a series, one after the other; with ``sided`` false no aggressor is known."""
    n = len(bars)
    rng = np.random.default_rng(n)
    volume = np.array(bars.volume)
    bought = np.floor(volume * rng.random(n)) if sided else np.zeros(n)
    sold = volume - bought if sided else np.zeros(n)
    ticks = {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
    opens = start_us + np.arange(n, dtype=np.int64) * seconds * SECOND
    frame = pl.DataFrame(
        {
            "event_ts": opens,
            "known_at": opens + seconds * SECOND,
            **{f"{name}_ticks": side for name, side in ticks.items()},
            **{name: np.array(side) * CRYPTO.tick_size for name, side in ticks.items()},
            "volume": volume,
            "bid_volume": sold,
            "ask_volume": bought,
            "delta": bought - sold,
            "trades": np.full(n, 5),
            "vwap": np.array(bars.close) * CRYPTO.tick_size,
            "bar_seconds": np.full(n, seconds),
        }
    )
    stamped = frame.with_columns(
        pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC")),
        session_state=pl.lit("open"),
        basis=pl.lit("ticks"),
    )
    return conform("bars", stamped)


def day_key(day: int) -> str:
    """Session key of the day number."""
    return f"2024-01-{1 + day:02d}"


def sessions(seed: int, days: int, n: int, seconds: int = 60) -> list[pl.DataFrame]:
    """Bar frames of consecutive UTC days, each opening near where the last closed."""
    frames, start = [], 40_000
    for day in range(days):
        bars = walk(seed + day, n, start=start)
        frames.append(frame_of(bars, FIRST_MONDAY + day * DAY, seconds))
        start = bars.close[-1] + 7
    return frames


def as_history(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """History frame of the first days' bars (empty, but typed, without any)."""
    keyed = [frame.with_columns(session=pl.lit(day_key(day))) for day, frame in enumerate(frames)]
    if keyed:
        return pl.concat(keyed)
    return frame_of(BarSeries([], [], [], [], []), 0).with_columns(session=pl.lit("none"))
