"""Ticks and book in any blocks give the tables' rows bit for bit, from a state that stays small."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.anchored_vwap import build_anchored_vwap
from zanzibar_assets.analysis.book_statistics import build_book_statistics
from zanzibar_assets.analysis.liquidity import build_liquidity_features
from zanzibar_assets.analysis.orderflow_events import build_orderflow_events
from zanzibar_assets.analysis.orderflow_stream import OrderflowStream, StreamRows
from zanzibar_assets.analysis.profile import build_volume_profile
from zanzibar_assets.analysis.smc import build_smc_events
from zanzibar_assets.analysis.vwap import build_vwap
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    CONFIG,
    ES,
    SECOND,
    bars_of,
    random_book,
    random_records,
    random_ticks,
    ticks,
    window,
)
from zanzibar_assets_tests.builders.orderflow import busy_session, fitted_models, levels_frame

W = window(hours=2)
NO_BOOK = empty("clean_dom")
NO_PRIOR = empty("clean_ticks").with_columns(session=pl.lit("", pl.String))
US = "us"


def known_us(frame):
    return frame["known_at"].to_physical().to_numpy()


def sweeps_of(ticks, within):
    """The session's levels and pools, and earlier ones."""
    low, high = int(ticks["price_ticks"].min()), int(ticks["price_ticks"].max())
    past = levels_frame(6, 20, window(-1), low, high).with_columns(session=pl.lit("before"))
    own = levels_frame(5, 60, within, low, high)
    return pl.concat([prior_extremes(own, within), own]), past


def prior_extremes(like, within):
    """High and low of the prior session, known as this one starts."""
    hour = 3600 * SECOND
    happened = pl.Series([window(-1, 2).open_us + hour, window(-1, 2).open_us + hour // 2])
    return like[:2].with_columns(
        event_ts=happened.cast(pl.Datetime(US, "UTC")),
        known_at=pl.lit(within.starts_us).cast(pl.Datetime(US, "UTC")),
        kind=pl.lit("level"),
        event_id=pl.Series(["high", "low"]),
        ref_id=pl.lit(None, pl.String),
        attrs=pl.Series(['{"name":"prior_session_high"}', '{"name":"prior_session_low"}']),
    )


@cache
def prior_ticks(instrument):
    """Trades of the session before, of the same contract."""
    before = window(-1, hours=2)
    frame = random_records(8, 100, before) if instrument is BTC_BARS else random_ticks(8, 300, before)
    return frame.with_columns(session=pl.lit(before.session))


@cache
def structure_of(name):
    """Structure events of the session's own bars."""
    instrument, bars = session(name)[3], session(name)[4]["bars"]
    return build_smc_events(bars, bars.clear().with_columns(session=pl.lit("")), instrument, CONFIG)


def tables(ticks, dom, within=W, instrument=ES):
    sweeps, past = sweeps_of(ticks, within)
    bars = bars_of(ticks, within, instrument)
    structure = build_smc_events(bars, bars.clear().with_columns(session=pl.lit("")), instrument, CONFIG)
    before = prior_ticks(instrument)
    return {
        "bars": bars,
        "liquidity_features": build_liquidity_features(ticks, dom, bars, fitted_models(), instrument, CONFIG),
        "vwap": build_vwap(ticks, bars, instrument, CONFIG),
        "book_statistics": build_book_statistics(dom, bars),
        "anchored_vwap": build_anchored_vwap(ticks, before, bars, structure, sweeps, instrument),
        "volume_profile": build_volume_profile(ticks, instrument, CONFIG),
        "orderflow_events": build_orderflow_events(ticks, dom, bars, sweeps, past, instrument, CONFIG),
    }


@cache
def session(name):
    """Ticks, book and the tables built at once."""
    if name == "busy":
        ticks, dom = busy_session(1, 1_500, 1_500, W)
        dom = dom.with_columns(snapshot=pl.int_range(pl.len()) % 40 == 7)
    elif name == "tiny":
        ticks, dom = busy_session(2, 70, 80, window(hours=0.3))
    elif name == "random":
        ticks, dom = random_ticks(1, 600, W), random_book(2, 900, W)
    elif name == "quiet":
        ticks, dom = random_ticks(3, 40, W), random_book(4, 900, W)
    else:
        ticks, dom = random_records(5, 90, W), NO_BOOK
    instrument = BTC_BARS if name == "records" else ES
    within = window(hours=0.3) if name == "tiny" else W
    return ticks, dom, within, instrument, tables(ticks, dom, within, instrument)


def blocks(frames, cuts):
    """Frames in one line of time, cut anywhere: also between rows of one stamp."""
    stamps = np.concatenate([known_us(frame) for frame in frames])
    of = np.repeat(np.arange(len(frames)), [frame.height for frame in frames])
    line = of[np.lexsort((np.arange(len(stamps)), stamps))]
    counts = [np.concatenate(([0], np.cumsum(line == k))) for k in range(len(frames))]
    for start, stop in pairwise([0, *sorted(cuts), len(stamps)]):
        yield [frame[int(n[start]) : int(n[stop])] for frame, n in zip(frames, counts, strict=True)]


def fresh(name):
    ticks, _, within, instrument, _ = session(name)
    past, before = sweeps_of(ticks, within)[1], prior_ticks(instrument)
    return OrderflowStream(instrument, within, CONFIG, fitted_models(), past, before)


def streamed(name, cuts, by_json=True):
    ticks, dom, within, _, _ = session(name)
    stream, parts = fresh(name), []
    for block in blocks([ticks, dom, sweeps_of(ticks, within)[0], structure_of(name)], cuts):
        parts.append(stream.feed(*block))
        if by_json:
            stream = fresh(name).restore(json.loads(json.dumps(stream.snapshot(), allow_nan=False)))
    parts.append(stream.finish())
    return StreamRows(*(pl.concat(column) for column in zip(*parts, strict=True)))


def assert_same(name, got):
    for table, frame in session(name)[4].items():
        assert_frame_equal(getattr(got, table), frame, check_exact=True)


def rows_of(name):
    ticks, dom = session(name)[:2]
    return ticks.height + dom.height + 62 + structure_of(name).height


def cuts_of(name, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, rows_of(name) + 1, int(rng.choice([1, 2, 5, 20]))).tolist()


def test_the_session_shows_every_column():
    whole = session("busy")[4]
    kinds = {"session_open", "swing_high", "swing_low", "break_up", "break_down"}
    assert set(whole["anchored_vwap"]["anchor"]) == {*kinds, "prior_session_high", "prior_session_low"}
    for table in ("liquidity_features", "vwap"):
        for column in whole[table].columns:
            assert whole[table][column].drop_nulls().len() > 0 or column == "fit_reason", column
    kinds = {"level_sweep", "level_accept", "book_sweep", "stop_run", "absorption", "refill"}
    assert set(whole["orderflow_events"]["kind"]) == kinds
    for column in ("absorption_bid", "absorption_ask", "refill_bid", "refill_ask"):
        assert (whole["liquidity_features"][column] > 0).any(), column
    ran = whole["orderflow_events"].filter(pl.col("kind").is_in(["level_sweep", "level_accept"]))
    pulled = ran["attrs"].str.json_path_match("$.pulled")
    assert 0 < pulled.null_count() < pulled.len(), "snapshots fall between some penetrations and outcomes"


@pytest.mark.parametrize("name", ["busy", "random", "quiet", "records"])
@pytest.mark.parametrize("seed", range(12))
def test_any_blocks_with_a_snapshot_at_every_border(name, seed):
    assert_same(name, streamed(name, cuts_of(name, seed)))


@pytest.mark.parametrize("by_json", [False, True])
def test_record_by_record(by_json):
    assert_same("tiny", streamed("tiny", range(rows_of("tiny")), by_json))


def test_one_block():
    for name in ("busy", "random", "quiet", "records"):
        assert_same(name, streamed(name, []))


def test_a_long_run_over_many_borders():
    """A run of prints goes on for 45 s before it takes its third price and a level behind that."""
    n = 500
    stamps = W.open_us + np.arange(n) * SECOND * 9 // 100
    price = np.where(np.arange(n) < n - 4, 100, 100 + np.arange(n) - (n - 5))
    frame = ticks(stamps, price, np.full(n, 0.7), np.ones(n, np.int64), opens_us=W.open_us)
    levels = levels_frame(1, 1, W, 101, 101).with_columns(
        pl.lit(W.open_us).cast(pl.Datetime(US, "UTC")).alias("known_at"), dir=pl.lit(1, pl.Int8)
    )
    past = levels.clear().with_columns(session=pl.lit("before"))
    whole = build_orderflow_events(frame, NO_BOOK, bars_of(frame, W), levels, past, ES, CONFIG)
    assert set(whole["kind"]) == {"book_sweep", "stop_run"}
    stream = OrderflowStream(ES, W, CONFIG, fitted_models(), past, NO_PRIOR)
    cut = blocks([frame, NO_BOOK, levels], range(9, n, 9))
    parts = [stream.feed(*block).orderflow_events for block in cut]
    assert_frame_equal(pl.concat([*parts, stream.finish().orderflow_events]), whole, check_exact=True)


def test_rows_come_as_soon_as_their_time_is_complete():
    ticks, dom, within, _, whole = session("random")
    stream = fresh("random")
    for minute in range(20, 41):
        at = within.open_us + minute * 60 * SECOND
        rows = stream.feed(*(between(frame, stream.through_us, at) for frame in (ticks, dom)), through_us=at)
        expected = between(whole["bars"], at - 60 * SECOND, at) if minute > 20 else None
        if expected is not None:
            assert_frame_equal(rows.bars, expected)
    with pytest.raises(ContractError, match="later time"):
        stream.feed(empty("clean_ticks"), NO_BOOK, through_us=at - 1)
    with pytest.raises(ContractError, match="ticks"):
        stream.feed(between(ticks, at - 60 * SECOND, at), NO_BOOK)
    with pytest.raises(ContractError, match="book updates"):
        stream.feed(empty("clean_ticks"), between(dom, at - 60 * SECOND, at))


def between(frame, after_us, until_us):
    known = pl.col("known_at").dt.timestamp(US)
    return frame.filter((known > after_us) & (known <= until_us))


def test_a_snapshot_of_another_fit_is_refused():
    past = sweeps_of(session("busy")[0], W)[1]
    with pytest.raises(ContractError, match="snapshot"):
        OrderflowStream(ES, W, CONFIG, empty("book_models"), past, NO_PRIOR).restore(fresh("busy").snapshot())
    with pytest.raises(ContractError, match="snapshot"):
        fresh("busy").restore({"format": 99})


def state_size(hours):
    """Largest snapshot (characters) of a session fed in blocks of 200 rows, past its first hour."""
    within, sizes = window(hours=hours), []
    ticks, dom = random_ticks(7, 600 * hours, within), random_book(8, 900 * hours, within)
    ticks = ticks.with_columns(price_ticks=19_000 + pl.col("price_ticks") % 40)
    past = empty("liquidity_sweeps").with_columns(session=pl.lit("before"))
    stream = OrderflowStream(ES, within, CONFIG, fitted_models(), past, NO_PRIOR)
    bars = bars_of(ticks, within)
    structure = build_smc_events(bars, bars.clear().with_columns(session=pl.lit("")), ES, CONFIG)
    cuts = range(200, ticks.height + dom.height, 200)
    for block in blocks([ticks, dom, past.drop("session"), structure], cuts):
        stream.feed(*block)
        sizes.append(len(json.dumps(stream.snapshot())))
    return max(sizes[len(sizes) // (2 * hours) :])


def test_the_state_does_not_grow_with_the_session():
    assert state_size(8) <= 1.3 * state_size(2)
