"""Running sessions as they are lived: structure comes a block after its bars; real ones in any blocks."""

import json
import os

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.absorption import AbsorptionEngine, AbsorptionParams
from zanzibar_assets.analysis.anchored_vwap import build_anchored_vwap
from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.liquidity import build_liquidity_features
from zanzibar_assets.analysis.orderflow_events import build_orderflow_events
from zanzibar_assets.analysis.orderflow_stream import OrderflowStream, StreamRows
from zanzibar_assets.analysis.profile import build_volume_profile
from zanzibar_assets.analysis.smc import build_smc_events
from zanzibar_assets.analysis.sweeps import build_liquidity_sweeps
from zanzibar_assets.analysis.tick_sweeps import Trades
from zanzibar_assets.analysis.vwap import build_vwap
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.test_real_sessions import load
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    ES,
    SECOND,
    bars_of,
    random_book,
    random_ticks,
    window,
)
from zanzibar_assets_tests.builders.orderflow import fitted_models

NO_SESSION = pl.lit("", pl.String)
NO_SWEEPS = empty("liquidity_sweeps").with_columns(session=NO_SESSION)
NO_PRIOR = empty("clean_ticks").with_columns(session=NO_SESSION)
NO_BARS = empty("bars").with_columns(session=NO_SESSION)
NO_PROFILES = empty("volume_profile").with_columns(session=NO_SESSION)


def structure_of(bars, instrument):
    """SmcEvents and LiquiditySweeps of the bars at hand."""
    smc = build_smc_events(bars, NO_BARS, instrument, CONFIG)
    return smc, build_liquidity_sweeps(bars, NO_BARS, NO_PROFILES, instrument, CONFIG)


def later(frame, than_us, until_us):
    known = pl.col("known_at").dt.timestamp("us")
    return frame.filter((known > than_us) & (known <= until_us))


def joined(parts):
    return StreamRows(*(pl.concat(column) for column in zip(*parts, strict=True)))


def test_structure_of_the_bars_just_closed_comes_with_the_next_block():
    """Nothing but what has been known goes in, and what comes out are the tables of the whole session."""
    within = window(hours=2)
    ticks, dom = (
        later(frame, within.open_us - 1, within.close_us)
        for frame in (random_ticks(1, 600, within), random_book(2, 900, within))
    )
    stream = OrderflowStream(ES, within, CONFIG, fitted_models(), NO_SWEEPS, NO_PRIOR)
    bars, parts, events = empty("bars"), [], (empty("smc_events"), empty("liquidity_sweeps"))
    since = within.open_us - 1
    for minute in range(1, 122):
        until = within.open_us + minute * 60 * SECOND
        block = later(ticks, since, until), later(dom, since, until)
        parts.append(stream.feed(*block, sweeps=events[1], smc_events=events[0], through_us=until))
        bars = pl.concat([bars, parts[-1].bars])
        if len(bars):
            events = tuple(later(frame, since, until) for frame in structure_of(bars, ES))
        since = until
    parts.append(stream.finish(events[1], events[0]))
    got, whole = joined(parts), bars_of(ticks, within)
    smc, sweeps = structure_of(whole, ES)
    assert smc.filter(kind="swing").height > 5
    anchored = build_anchored_vwap(ticks, NO_PRIOR, whole, smc, sweeps, ES)
    assert_frame_equal(got.anchored_vwap, anchored, check_exact=True)
    found = build_orderflow_events(ticks, dom, whole, sweeps, NO_SWEEPS, ES, CONFIG)
    assert_frame_equal(got.orderflow_events, found, check_exact=True)


def test_an_absorption_settled_after_its_trades_left_the_window():
    """Its price is no more in the window when the next block comes, which lies elsewhere."""
    rows = [(0, 200, 30.0, 1), (5, 150, 1.0, -1), (33, 150, 1.0, -1), (34, 151, 1.0, -1), (35, 149, 1.0, 1)]
    trades = Trades.of([(at * SECOND, price, size, side) for at, price, size, side in rows])
    least = np.full(len(trades), 20.0)
    engine = AbsorptionEngine(AbsorptionParams())
    found = engine.feed(trades.part(slice(0, 3)), 0, least[:3])
    assert (found.price.tolist(), found.known.tolist()) == ([200], [2])
    left = engine.needs
    engine.dropped(left)
    assert len(engine.feed(trades.part(slice(left, None)), 3 - left, least[left:]).price) == 0


@pytest.mark.skipif(
    os.environ.get("ZANZIBAR_REAL_DATA") is None,
    reason="ZANZIBAR_REAL_DATA names no folder of real market data",
)
@pytest.mark.parametrize(
    ("name", "session", "before"),
    [("ES", "2023-12-26", None), ("BTCUSDT", "2024-08-08", None), ("BTCPERP", "2022-01-10", "2022-01-09")],
)
def test_a_real_session_in_any_blocks(name, session, before):
    data = load(name, session)
    prior = NO_PRIOR if before is None else load(name, before).ticks.with_columns(session=pl.lit(before))
    bars = build_bars(data.ticks, data.instrument, data.window)
    smc, sweeps = structure_of(bars, data.instrument)

    def fresh():
        inputs = (data.instrument, data.window, CONFIG, fitted_models(), NO_SWEEPS, prior)
        return OrderflowStream(*inputs)

    known = data.ticks["known_at"].dt.timestamp("us")
    cuts = np.sort(np.random.default_rng(4).integers(known.min(), known.max(), 12)).tolist()
    stream, parts, since = fresh(), [], data.window.starts_us - 1
    for until in [*cuts, data.window.close_us + 3600 * SECOND]:
        block = [later(frame, since, until) for frame in (data.ticks, data.dom, sweeps, smc)]
        parts.append(stream.feed(*block, through_us=until))
        stream = fresh().restore(json.loads(json.dumps(stream.snapshot(), allow_nan=False)))
        since = until
    got = joined([*parts, stream.finish()])
    whole = {
        "bars": bars,
        "vwap": build_vwap(data.ticks, bars, data.instrument, CONFIG),
        "anchored_vwap": build_anchored_vwap(data.ticks, prior, bars, smc, sweeps, data.instrument),
        "volume_profile": build_volume_profile(data.ticks, data.instrument, CONFIG),
    }
    book = (data.ticks, data.dom, bars)
    whole["liquidity_features"] = build_liquidity_features(*book, fitted_models(), data.instrument, CONFIG)
    whole["orderflow_events"] = build_orderflow_events(*book, sweeps, NO_SWEEPS, data.instrument, CONFIG)
    assert whole["anchored_vwap"]["anchor"].n_unique() >= 4
    for table, frame in whole.items():
        assert_frame_equal(getattr(got, table), frame, check_exact=True)
