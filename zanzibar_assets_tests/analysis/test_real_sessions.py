"""The real files: nothing is lost on the way to bars, and every table holds its contract and laws."""

import os
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.liquidity import build_liquidity_features
from zanzibar_assets.analysis.orderflow_events import build_orderflow_events
from zanzibar_assets.analysis.profile import build_volume_profile
from zanzibar_assets.analysis.regimes import build_regimes
from zanzibar_assets.analysis.signing import confusion
from zanzibar_assets.analysis.technical import build_technical_factors
from zanzibar_assets.analysis.vwap import build_vwap
from zanzibar_assets.calendars import SessionWindow, session_window
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.ingestion.depth import read_depth
from zanzibar_assets.ingestion.scid import read_ticks
from zanzibar_assets.ingestion.sources import find_sources, session_slices
from zanzibar_assets.instruments import Instrument, load_instruments
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import CONFIG, known_by, random_cuts
from zanzibar_assets_tests.builders.orderflow import fitted_models, levels_frame

REAL_DATA = os.environ.get("ZANZIBAR_REAL_DATA")
pytestmark = pytest.mark.skipif(
    REAL_DATA is None, reason="ZANZIBAR_REAL_DATA names no folder of real market data"
)


class Session(NamedTuple):
    instrument: Instrument
    window: SessionWindow
    ticks: pl.DataFrame
    dom: pl.DataFrame


def load(name: str, session: str) -> Session:
    """Clean frames of one session of the real files."""
    instrument = load_instruments()[name]
    within = session_window(instrument, session)
    files = find_sources(Path(REAL_DATA or "") / "sierra", [instrument])
    slices = [s for file in files for s in session_slices(file, instrument) if s.session == session]
    trades = [s for s in slices if s.file.path.suffix == ".scid"]
    depth = [s for s in slices if s.file.path.suffix == ".depth"]
    dom = clean_dom(read_depth(depth, instrument), instrument, within).clean if depth else empty("clean_dom")
    return Session(
        instrument, within, clean_ticks(read_ticks(trades, instrument), instrument, within).clean, dom
    )


def tables(data: Session, past: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every per-bar table of the session."""
    bars = build_bars(data.ticks, data.instrument, data.window)
    return {
        "bars": bars,
        "vwap": build_vwap(data.ticks, bars, data.instrument, CONFIG),
        "liquidity_features": build_liquidity_features(
            data.ticks, data.dom, bars, fitted_models(), data.instrument, CONFIG
        ),
        "orderflow_events": build_orderflow_events(
            data.ticks, data.dom, bars, levels_of(data), NO_LEVELS, data.instrument, CONFIG
        ),
        "technical_factors": build_technical_factors(bars, past, data.window, CONFIG),
        "regimes": build_regimes(bars, past, CONFIG),
    }


NO_LEVELS = empty("liquidity_sweeps").with_columns(session=pl.lit("", dtype=pl.String))


def levels_of(data: Session) -> pl.DataFrame:
    """The same levels within the session's range, as far as they are known by its last trade."""
    known = int(data.ticks["known_at"].dt.timestamp("us").max()) if data.ticks.height else 0
    return known_by(levels_frame(1, 60, data.window, *RANGES[data.instrument.id]), known)


RANGES = {
    "ES": (19_205, 19_243),
    "BTCUSDT": (616_000, 618_300),
    "GC": (13_160, 13_300),
    "BTCPERP": (318_000, 337_000),
}
NO_PAST = empty("bars").with_columns(session=pl.lit("", dtype=pl.String))

# instrument, session, volume, sold, bought (None: the source has no sides of its own)
FACTS = [
    ("ES", "2023-12-26", 9_892, 4_526, 5_322),
    ("BTCUSDT", "2024-08-08", 2_429.366, 1_177.79, 1_251.576),
    ("GC", "2013-10-08", None, None, None),
    ("BTCPERP", "2022-01-10", None, None, None),
]


@pytest.mark.parametrize(("name", "session", "volume", "sold", "bought"), FACTS)
def test_a_real_session(name, session, volume, sold, bought):
    data = load(name, session)
    built = tables(data, NO_PAST)
    for table, frame in built.items():
        assert_conforms(table, frame)
    profile = build_volume_profile(data.ticks, data.instrument, CONFIG)
    assert_conforms("volume_profile", profile)
    bars = built["bars"]
    assert bars["volume"].sum() == pytest.approx(data.ticks["size"].sum(), rel=1e-12)
    if volume is not None:
        assert bars["volume"].sum() == pytest.approx(volume)
        assert bars["bid_volume"].sum() == pytest.approx(sold, abs=44)  # 44 ES lots come without a side
        assert bars["ask_volume"].sum() == pytest.approx(bought, abs=44)
    in_session = data.ticks.filter(pl.col("session_state") != "pre_open")["size"].sum()
    assert profile["volume"].sum() == pytest.approx(in_session, rel=1e-12)


@pytest.mark.parametrize(("name", "session"), [(row[0], row[1]) for row in FACTS])
def test_prefix_invariance_on_a_real_session(name, session):
    data = load(name, session)
    whole = tables(data, NO_PAST)
    span = data.ticks["known_at"].dt.timestamp("us")
    within = SessionWindow(session, int(span.min()), int(span.min()), int(span.max()) + 1)
    for cut in random_cuts(1, within, 12):
        part = data._replace(ticks=known_by(data.ticks, cut), dom=known_by(data.dom, cut))
        for table, frame in tables(part, NO_PAST).items():
            assert_prefix(whole[table], lambda _, frame=frame: frame, [cut])


def order_flow(data: Session) -> dict[str, pl.DataFrame]:
    bars = build_bars(data.ticks, data.instrument, data.window)
    inputs = (data.ticks, data.dom, bars)
    return {
        "features": build_liquidity_features(*inputs, fitted_models(), data.instrument, CONFIG),
        "events": build_orderflow_events(*inputs, levels_of(data), NO_LEVELS, data.instrument, CONFIG),
    }


@pytest.mark.parametrize(("name", "session"), [(row[0], row[1]) for row in FACTS[:3]])
def test_order_flow_at_forty_cuts_of_a_real_session(name, session):
    """Random instants, and the very instants at which events become known."""
    data = load(name, session)
    whole = order_flow(data)
    assert whole["events"]["kind"].n_unique() >= 4
    known = whole["events"]["known_at"].dt.timestamp("us").sample(20, seed=2)
    span = data.ticks["known_at"].dt.timestamp("us")
    within = SessionWindow(session, int(span.min()), int(span.min()), int(span.max()) + 1)
    for cut in [*random_cuts(3, within, 20), *known, *(known - 1)]:
        part = data._replace(ticks=known_by(data.ticks, cut), dom=known_by(data.dom, cut))
        for table, frame in order_flow(part).items():
            assert_prefix(whole[table], lambda _, frame=frame: frame, [cut])


@pytest.mark.parametrize(("name", "lee_ready"), [("ES", 0.95), ("BTCUSDT", 0.94)])
def test_lee_ready_against_the_exchanges_flag(name, lee_ready):
    data = load(name, next(row[1] for row in FACTS if row[0] == name))
    found = confusion(data.ticks, data.dom)
    assert found["flagged_trades"] > 6_000
    assert lee_ready < found["lee_ready_accuracy"] < 0.99


def test_bar_records_with_a_history_get_regimes():
    instrument = load_instruments()["BTCPERP"]
    days = [load("BTCPERP", f"2022-01-0{day}") for day in (1, 2, 3)]
    bars = [build_bars(day.ticks, instrument, day.window) for day in days]
    past = pl.concat(
        frame.with_columns(session=pl.lit(day.window.session))
        for frame, day in zip(bars[:2], days, strict=False)
    )
    got = build_regimes(bars[2], past, CONFIG)
    assert_conforms("regimes", got)
    assert got["reason"].null_count() == got.height == 1_440
    assert got["vol_state"].n_unique() >= 2
