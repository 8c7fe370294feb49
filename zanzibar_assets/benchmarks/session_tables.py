"""One simulated session's clean tables, and every liquidity and structure table built from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from zanzibar_assets.calendars import SessionWindow, session_window
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.instruments import Instrument, load_instruments

DEPTH_RECORDS_A_TRADE = 6.0


@dataclass(frozen=True, slots=True)
class CleanSession:
    """Parquet files of one session's clean ticks and book."""

    instrument: Instrument
    window: SessionWindow
    ticks: Path
    dom: Path
    trades: int
    updates: int


def simulated_session(folder: Path, trades: int, seed: int) -> CleanSession:
    """Simulate one session of about ``trades`` trades, clean it, and write both clean tables."""
    from zanzibar_assets.ingestion.cleaning import clean_ticks
    from zanzibar_assets.ingestion.cleaning_dom import clean_dom
    from zanzibar_assets.ingestion.depth import read_depth
    from zanzibar_assets.ingestion.scid import read_ticks
    from zanzibar_assets.ingestion.sources import find_sources, session_slices
    from zanzibar_assets.simulator.build import simulate
    from zanzibar_assets.simulator.options import SimulatorOptions

    instrument = load_instruments()["SIM_ES"]
    options = SimulatorOptions(trades_per_session=trades, depth_per_trade=DEPTH_RECORDS_A_TRADE)
    (session,) = simulate(folder / "sierra", [instrument], 1, seed, options).sessions
    window = session_window(instrument, session)
    slices = [
        part
        for file in find_sources(folder / "sierra", [instrument])
        for part in session_slices(file, instrument)
        if part.session == session
    ]
    traded = [part for part in slices if part.file.path.suffix == ".scid"]
    depth = [part for part in slices if part.file.path.suffix == ".depth"]
    ticks = clean_ticks(read_ticks(traded, instrument), instrument, window).clean
    dom = clean_dom(read_depth(depth, instrument), instrument, window).clean
    paths = folder / "clean_ticks.parquet", folder / "clean_dom.parquet"
    ticks.write_parquet(paths[0])
    dom.write_parquet(paths[1])
    return CleanSession(instrument, window, *paths, ticks.height, dom.height)


def none_before(table: str) -> pl.DataFrame:
    """A history without sessions."""
    return empty(table).with_columns(session=pl.lit(None, pl.String))


def build_session(clean: CleanSession) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of each step: reading the clean tables, then every table made from them."""
    from zanzibar_assets.analysis import (
        anchored_vwap,
        bars,
        book_models,
        book_statistics,
        liquidity,
        orderflow_events,
        poi,
        profile,
        smc,
        sweeps,
        vwap,
        wyckoff,
    )

    config, instrument, seconds = Config(home=Path("unused")), clean.instrument, {}

    def step(name: str, build: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        wall, cpu = time.perf_counter(), time.process_time()
        frame = build()
        seconds[name] = time.perf_counter() - wall, time.process_time() - cpu
        return frame

    past, levels = none_before("bars"), none_before("liquidity_sweeps")
    ticks = step("reading clean_ticks", lambda: pl.read_parquet(clean.ticks))
    dom = step("reading clean_dom", lambda: pl.read_parquet(clean.dom))
    bar = step("bars", lambda: bars.build_bars(ticks, instrument, clean.window))
    step("vwap", lambda: vwap.build_vwap(ticks, bar, instrument, config))
    step("volume_profile", lambda: profile.build_volume_profile(ticks, instrument, config))
    sums = step("book_statistics", lambda: book_statistics.build_book_statistics(dom, bar))
    before = sums.with_columns(session=pl.lit("before"))
    fit = step("book_models", lambda: book_models.build_book_models(before, clean.window))
    step(
        "liquidity_features",
        lambda: liquidity.build_liquidity_features(ticks, dom, bar, fit, instrument, config),
    )
    swept = step(
        "liquidity_sweeps",
        lambda: sweeps.build_liquidity_sweeps(bar, past, none_before("volume_profile"), instrument, config),
    )
    step(
        "orderflow_events",
        lambda: orderflow_events.build_orderflow_events(ticks, dom, bar, swept, levels, instrument, config),
    )
    events = step("smc_events", lambda: smc.build_smc_events(bar, past, instrument, config))
    step("wyckoff_events", lambda: wyckoff.build_wyckoff_events(bar, past, instrument, config))
    step(
        "points_of_interest",
        lambda: poi.build_points_of_interest(
            bar, past, events, none_before("smc_events"), swept, instrument, config
        ),
    )
    step(
        "anchored_vwap",
        lambda: anchored_vwap.build_anchored_vwap(
            ticks, none_before("clean_ticks"), bar, events, swept, instrument
        ),
    )
    return seconds
