"""The structure tables of one session built one after the other, as orchestration does."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from zanzibar_assets.analysis.poi import build_points_of_interest
from zanzibar_assets.analysis.smc import build_smc_events
from zanzibar_assets.analysis.sweeps import build_liquidity_sweeps
from zanzibar_assets.analysis.wyckoff import build_wyckoff_events
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.builders.bar_walks import CRYPTO, as_history, day_key

CONFIG = Config(home=Path("unused"))
NO_PROFILES = empty("volume_profile").with_columns(session=pl.lit("none"))


def smc_history(frames):
    """Structure events of each earlier session, built from the sessions before it."""
    built = [
        build_smc_events(frame, as_history(frames[:day]), CRYPTO, CONFIG).with_columns(
            session=pl.lit(day_key(day))
        )
        for day, frame in enumerate(frames)
    ]
    return pl.concat(built) if built else empty("smc_events").with_columns(session=pl.lit("none"))


def build_all(frames, bars, earlier_events, profiles=NO_PROFILES):
    """All four tables of the session ``bars`` after the sessions ``frames``."""
    history = as_history(frames)
    smc = build_smc_events(bars, history, CRYPTO, CONFIG)
    sweeps = build_liquidity_sweeps(bars, history, profiles, CRYPTO, CONFIG)
    zones = build_points_of_interest(bars, history, smc, earlier_events, sweeps, CRYPTO, CONFIG)
    return {
        "smc_events": smc,
        "liquidity_sweeps": sweeps,
        "wyckoff_events": build_wyckoff_events(bars, history, CRYPTO, CONFIG),
        "points_of_interest": zones,
    }
