"""Small synthetic markets for the tests of this package; everything is seeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.calendars import session_window
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument, load_instruments
from zanzibar_assets.ml.catalogue import FEATURE_NAMES
from zanzibar_assets.ml.features import FeatureInputs
from zanzibar_assets.ml.labels import build_labels
from zanzibar_assets_tests.builders.market import ticks as clean_ticks

SESSIONS = ("2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08")


def instrument(name: str = "SIM_ES") -> Instrument:
    return load_instruments()[name]


def config(**model) -> Config:
    return Config(home=Path("unused"), model={"search_trials": 0, "calibration": "none", **model})


def bars(
    session: str,
    seed: int,
    of: Instrument | None = None,
    count: int | None = None,
    start: int = 20_000,
    skip: float = 0.0,
) -> pl.DataFrame:
    """A random walk of bars in the session's open hours; ``skip`` is the share of bars without trades."""
    market = of or instrument()
    rng = np.random.default_rng(seed)
    window, step = session_window(market, session), market.bar_seconds * 1_000_000
    stamps = np.arange(window.open_us, window.close_us, step)
    states = window.states(stamps)
    kept = (states == "open") & (rng.random(len(stamps)) >= skip)
    stamps, states = stamps[kept][:count], states[kept][:count]
    close = start + np.cumsum(np.rint(rng.normal(0, 2, len(stamps)))).astype(np.int64)
    opened = np.concatenate(([start], close[:-1]))
    high = np.maximum(opened, close) + rng.integers(0, 3, len(stamps))
    low = np.minimum(opened, close) - rng.integers(0, 3, len(stamps))
    volume = rng.integers(1, 100, len(stamps)).astype(np.float64)
    sold = np.floor(volume * rng.random(len(stamps)))
    return frame_of(market, stamps, opened, high, low, close, states, volume, sold)


def frame_of(market, stamps, opened, high, low, close, states=None, volume=None, sold=None) -> pl.DataFrame:
    """A Bars frame from arrays of ticks and bar opens (us)."""
    size = len(stamps)
    volume = np.ones(size) if volume is None else volume
    sold = np.zeros(size) if sold is None else sold
    ticks = {"open": opened, "high": high, "low": low, "close": close}
    columns = {f"{name}_ticks": np.asarray(values, dtype=np.int64) for name, values in ticks.items()}
    prices = {name: np.asarray(values) * market.tick_size for name, values in ticks.items()}
    frame = pl.DataFrame(
        {
            "event_ts": np.asarray(stamps, dtype=np.int64),
            "known_at": np.asarray(stamps, dtype=np.int64) + market.bar_seconds * 1_000_000,
            **columns,
            **prices,
            "volume": volume,
            "bid_volume": sold,
            "ask_volume": volume - sold,
            "delta": volume - 2 * sold,
            "trades": np.ones(size, dtype=np.int64),
            "vwap": prices["close"],
            "bar_seconds": np.full(size, market.bar_seconds),
            "session_state": ["open"] * size if states is None else states,
            "basis": ["ticks"] * size,
        }
    )
    stamps_utc = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return conform("bars", frame.with_columns(stamps_utc))


def records_of(traded: pl.DataFrame) -> pl.DataFrame:
    """CleanTicks of bar records: one a bar, saying what the bar says."""
    ticks = [traded[f"{name}_ticks"] for name in ("open", "high", "low")]
    made = clean_ticks(
        traded["event_ts"].to_physical(),
        traded["close_ticks"],
        traded["volume"],
        records=(*ticks, traded["bid_volume"], traded["ask_volume"], int(traded["bar_seconds"][0])),
    )
    return made.with_columns(traded["session_state"])


def trades_of(traded: pl.DataFrame, seed: int = 0, between: int = 6) -> pl.DataFrame:
    """CleanTicks of trades that make exactly these bars: open, extremes in random order, walk, close."""
    rng = np.random.default_rng(seed)
    stamps, prices, rows = [], [], []
    columns = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "bar_seconds")
    opens = traded["event_ts"].to_physical().to_list()
    for row, (start, bar) in enumerate(zip(opens, traded.select(columns).iter_rows(), strict=True)):
        opened, high, low, close, seconds = bar
        inside = [*rng.integers(low, high + 1, between).tolist(), high, low]
        rng.shuffle(inside)
        path = [opened, *inside, close]
        at = np.sort(rng.integers(0, seconds * 1_000_000, len(path)))
        stamps += (start + at).tolist()
        prices += path
        rows += [row] * len(path)
    made = clean_ticks(stamps, prices, rng.integers(1, 9, len(prices)), rng.choice([-1, 1], len(prices)))
    return made.with_columns(traded["session_state"].gather(rows))


def history(*sessions: str, seed: int = 100, **options) -> pl.DataFrame:
    """Bars of earlier sessions with their ``session`` column."""
    parts = [
        bars(session, seed + number, **options).with_columns(pl.lit(session).alias("session"))
        for number, session in enumerate(sessions)
    ]
    return pl.concat(parts)


def market_with_signal(strength: float, seed: int, count: int = 400, sessions=SESSIONS):
    """Random features and labels of a random walk; ``ret_5`` correlates with the label's outcome.

    Returns (features, labels) with ``session`` columns.
    """
    rng = np.random.default_rng(seed)
    features, labels = [], []
    for number, session in enumerate(sessions):
        traded = bars(session, seed * 1_000 + number, count=count)
        label = build_labels(records_of(traded), traded, traded.clear(), instrument(), config())
        outcome = (
            traded.select("known_at")
            .join(
                label.select(pl.col("event_ts").alias("known_at"), "gross_return"), on="known_at", how="left"
            )
            .get_column("gross_return")
            .fill_null(0.0)
            .to_numpy()
        )
        noise = rng.normal(size=(traded.height, len(FEATURE_NAMES)))
        noise[:, 1::2] = np.cumsum(noise[:, 1::2], axis=0) / 10.0
        matrix = pl.DataFrame(dict(zip(FEATURE_NAMES, noise.T, strict=True)))
        planted = strength * outcome / outcome.std() + np.sqrt(1 - strength**2) * rng.normal(
            size=traded.height
        )
        matrix = matrix.with_columns(traded["event_ts"], traded["known_at"], pl.Series("ret_5", planted))
        features.append(conform("feature_matrix", matrix).with_columns(pl.lit(session).alias("session")))
        labels.append(label.with_columns(pl.lit(session).alias("session")))
    return pl.concat(features), pl.concat(labels)


def inputs_of(traded: pl.DataFrame, **tables: pl.DataFrame) -> FeatureInputs:
    """Feature inputs with typed empty frames for the tables that are not given."""
    names = [name for name in FeatureInputs.__dataclass_fields__ if name != "bars"]
    given = {name: tables.get(name, empty(name)) for name in names}
    if "session" not in given["volume_profile"].columns:
        given["volume_profile"] = given["volume_profile"].with_columns(session=pl.lit("2024-03-04"))
    return FeatureInputs(bars=traded, **given)
