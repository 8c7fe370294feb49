"""Events of single trades: laws over every kind, payload as of known_at, equality with the plain forms."""

import json

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.absorption import AbsorptionEngine, AbsorptionParams, RefillEngine, RefillParams
from zanzibar_assets.analysis.book import load_book
from zanzibar_assets.analysis.level_sweeps import Levels, level_outcomes, print_runs
from zanzibar_assets.analysis.orderflow_events import build_orderflow_events
from zanzibar_assets.analysis.tick_sweeps import (
    BookSweepParams,
    TickSweepParams,
    Trades,
    book_sweeps,
    tick_sweep,
)
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    CONFIG,
    ES,
    SECOND,
    bars_of,
    book,
    known_by,
    random_cuts,
    random_records,
    ticks,
    window,
)
from zanzibar_assets_tests.builders.orderflow import (
    busy_session,
    levels_frame,
    mirrored_book,
    mirrored_ticks,
    moved,
)
from zanzibar_assets_tests.reference import order_flow as slow

W = window(hours=3)
OPEN = W.open_us
ABOUT = 38_001
TICKS, DOM = busy_session(1, 9_000, 12_000, W)
LEVELS = levels_frame(5, 60, W, int(TICKS["price_ticks"].min()), int(TICKS["price_ticks"].max()))
NO_PAST = empty("liquidity_sweeps").with_columns(session=pl.lit("", pl.String))
FOREVER = np.iinfo(np.int64).max


def events(frame, dom, levels=LEVELS, past=NO_PAST):
    return build_orderflow_events(frame, dom, bars_of(frame, W), levels, past, ES, CONFIG)


WHOLE = events(TICKS, DOM)
KINDS = ("level_sweep", "level_accept", "book_sweep", "stop_run", "absorption", "refill")


def test_every_kind_is_there_and_conforms():
    assert_conforms("orderflow_events", WHOLE)
    assert set(WHOLE["kind"].unique()) == set(KINDS)
    assert WHOLE["event_id"].n_unique() == WHOLE.height
    assert set(WHOLE["ref_id"].drop_nulls()) <= set(LEVELS["event_id"])


def test_prefix_of_ticks_book_and_levels_together():
    assert_prefix(
        WHOLE,
        lambda cut: events(known_by(TICKS, cut), known_by(DOM, cut), known_by(LEVELS, cut)),
        random_cuts(2, W, 40),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_just_before_a_row_is_known_it_is_not_there_and_at_its_time_it_is(kind):
    """The hardest cuts: at the very instant, and a microsecond earlier."""
    for known in WHOLE.filter(pl.col("kind") == kind)["known_at"].dt.timestamp("us").unique().sort()[:4]:
        for cut in (known - 1, known):
            got = events(known_by(TICKS, cut), known_by(DOM, cut), known_by(LEVELS, cut))
            assert_frame_equal(known_by(got, cut), known_by(WHOLE, cut), check_exact=True)


def test_a_row_dated_when_it_happened_is_caught():
    def twin(cut):
        got = events(known_by(TICKS, cut), known_by(DOM, cut), known_by(LEVELS, cut))
        return got.with_columns(known_at="event_ts").sort("known_at", "event_id")

    with pytest.raises(AssertionError):
        assert_prefix(twin(W.close_us), twin, WHOLE["event_ts"].dt.timestamp("us")[:8])


def test_mirror_flips_the_direction_and_keeps_the_times():
    flipped = LEVELS.with_columns(dir=-pl.col("dir"), level_ticks=ABOUT - pl.col("level_ticks"))
    back = events(mirrored_ticks(TICKS, ABOUT), mirrored_book(DOM, ABOUT), flipped)
    keys = ["known_at", "event_ts", "kind", "dir", "level_ticks", "ref_id"]
    got = back.with_columns(dir=-pl.col("dir"), level_ticks=ABOUT - pl.col("level_ticks"))
    assert_frame_equal(got.select(keys).sort(keys), WHOLE.select(keys).sort(keys))


def test_shift_moves_the_prices_and_nothing_else():
    got = events(moved(TICKS, 7_000), moved(DOM, 7_000), moved(LEVELS, 7_000))
    plain = ["known_at", "event_ts", "kind", "dir", "ref_id"]
    assert_frame_equal(got.select(plain), WHOLE.select(plain))
    assert (got["level_ticks"] - 7_000).to_list() == WHOLE["level_ticks"].to_list()


def test_bar_records_and_nothing_give_no_events():
    records = random_records(1, 50, W)
    bars = bars_of(records, W, BTC_BARS)
    nothing = empty("orderflow_events")
    assert_frame_equal(
        build_orderflow_events(records, empty("clean_dom"), bars, LEVELS, NO_PAST, BTC_BARS, CONFIG), nothing
    )
    assert_frame_equal(events(empty("clean_ticks"), empty("clean_dom")), nothing)


def one_level(price, side, known_us, event_id="L", kind="pool", ref=None):
    frame = levels_frame(1, 1, W, price, price)
    stamp = pl.lit(known_us).cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(
        event_ts=stamp, known_at=stamp, dir=pl.lit(side, pl.Int8), event_id=pl.lit(event_id),
        kind=pl.lit(kind), ref_id=pl.lit(ref, pl.String),
    )  # fmt: skip


def test_a_stop_run_of_a_high_with_what_rested_behind_it():
    # high at 100; buyers take 101 and 102, then it falls back; 30 of the 50 at 103 were pulled
    at = OPEN + np.arange(6) * SECOND
    frame = ticks(at, [100, 101, 101, 102, 100, 99], [1, 4, 6, 5, 1, 2], [1, 1, 1, 1, -1, -1])
    stamps = [OPEN, OPEN + 5 * SECOND]
    dom = book(stamps, [[99]] * 2, [[9]] * 2, [[100, 101, 102, 103], [100, 103]], [[2, 10, 8, 50], [7, 20]])
    got = events(frame, dom, one_level(100, 1, OPEN))
    row = got.row(by_predicate=pl.col("kind") == "level_sweep", named=True)
    assert (row["dir"], row["ref_id"], row["lo_ticks"], row["hi_ticks"]) == (-1, "L", 100, 102)
    assert json.loads(row["attrs"]) == {
        "extreme_ticks": 102,
        "depth_ticks": 2,
        "dwell_us": 4 * SECOND,
        "vol_beyond": 15.0,
        "aggr_vol_beyond": 15.0,
        "delta_extreme": 5.0,
        "depth_before": 68.0,
        "depth_after": 20.0,
        "pulled": 33.0,  # 102: 8 - 5 traded - 0 left; 103: 50 - 20
    }


SHOWN = [[100, 101, 102, 103], [100, 102, 103], [100, 103]], [[2, 10, 8, 50], [4, 3, 40], [7, 20]]


@pytest.mark.parametrize(
    ("seconds", "snapshot", "pulled"),
    [
        ([0, 2, 5], [False, False, False], 33.0),
        ([0, 2, 5], [False, True, False], None),  # set anew between penetration and outcome
        ([0, 2, 5], [False, False, True], None),
        ([0, 1, 5], [False, True, False], None),  # at the penetrating trade's own stamp
        ([0, 0, 5], [False, True, False], 20.0),  # the book before is the snapshot: 103: 40 - 20
        ([0, 2, 6], [False, False, True], 10.0),  # after the outcome; 102: 8 - 5 - 3; 103: 50 - 40
    ],
)
def test_what_a_snapshot_takes_away_was_not_pulled(seconds, snapshot, pulled):
    at = OPEN + np.arange(6) * SECOND
    frame = ticks(at, [100, 101, 101, 102, 100, 99], [1, 4, 6, 5, 1, 2], [1, 1, 1, 1, -1, -1])
    stamps = [OPEN + second * SECOND for second in seconds]
    dom = book(stamps, [[99]] * 3, [[9]] * 3, *SHOWN, snapshot=snapshot)
    got = events(frame, dom, one_level(100, 1, OPEN))
    attrs = json.loads(got.row(by_predicate=pl.col("kind") == "level_sweep", named=True)["attrs"])
    assert attrs["pulled"] == pulled
    assert attrs["depth_before"] is not None
    assert attrs["depth_after"] is not None


def test_a_level_acts_only_after_it_is_known_and_until_a_larger_pool_is():
    frame = ticks(OPEN + np.arange(4) * SECOND, [101, 99, 101, 99], [1] * 4, [1, -1, 1, -1])
    nothing = empty("clean_dom")
    assert "level_sweep" in events(frame, nothing, one_level(100, 1, OPEN - 1))["kind"].to_list()
    late = events(frame, nothing, one_level(100, 1, OPEN))
    assert late["event_ts"].dt.timestamp("us").to_list() == [OPEN + 2 * SECOND]
    larger = one_level(105, 1, OPEN + SECOND, "M", ref="L")
    assert events(frame, nothing, pl.concat([one_level(100, 1, OPEN), larger])).height == 0
    late_larger = one_level(105, 1, OPEN + 2 * SECOND, "M", ref="L")
    assert events(frame, nothing, pl.concat([one_level(100, 1, OPEN), late_larger])).height == 1


def test_pools_of_earlier_sessions_rest_unless_they_are_settled():
    frame = ticks(OPEN + np.arange(2) * SECOND, [101, 99], [1, 1], [1, -1])
    past = one_level(100, 1, OPEN - SECOND).with_columns(session=pl.lit("before"))
    none = empty("liquidity_sweeps")
    assert events(frame, empty("clean_dom"), none, past)["ref_id"].to_list() == ["L"]
    taken = past.with_columns(kind=pl.lit("pool_taken"), event_id=pl.lit("T"), ref_id=pl.lit("L"))
    assert events(frame, empty("clean_dom"), none, pl.concat([past, taken])).height == 0


def random_trades(seed, n=160, step=2):
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.integers(0, 4 * n, n))
    prices = 100 + np.cumsum(rng.integers(-step, step + 1, n))
    return Trades.of(list(zip(stamps, prices, rng.integers(1, 9, n), rng.integers(-1, 2, n), strict=True)))


@pytest.mark.parametrize("block", range(10))
def test_many_levels_equal_one_level_at_a_time(block):
    """3,000 random levels on 100 random series; the last series are longer than a block of trades."""
    for seed in range(block * 10, block * 10 + 10):
        trades = random_trades(seed, 160 if seed % 10 else 1_400)
        rng = np.random.default_rng(seed)
        price, side = rng.integers(80, 121, 30), rng.choice([-1, 1], 30)
        known = rng.integers(0, int(trades.ts_us[-1]), 30)
        params = TickSweepParams(1 + seed % 3, 1 + seed % 2, 20 + seed)
        done = level_outcomes(trades, Levels(price, side, known, np.full(30, FOREVER)), params)
        for k in range(30):
            rows = tick_sweep(trades, int(price[k]), int(side[k]), int(known[k]), params)
            found = [
                (int(done.start[k]), int(done.end[k]), ["", "level_sweep", "level_accept"][done.what[k]])
            ]
            assert [(r.event_idx, r.known_idx, r.kind) for r in rows] == [f for f in found if f[2]]
            for row in rows:
                attrs = (row.attrs["vol_beyond"], row.attrs["aggr_vol_beyond"], row.attrs["delta_extreme"])
                assert attrs == (done.beyond[k], done.same_side[k], done.delta_extreme[k])
                assert row.attrs["extreme_ticks"] == done.extreme[k]


def test_runs_of_prints_equal_the_plain_form():
    for seed in range(1_000):
        trades, params = random_trades(seed, 60), BookSweepParams(2 + seed % 3, 4 + seed % 9)
        rows, runs = book_sweeps(trades, params), print_runs(trades, params)
        assert [(r.event_idx, r.known_idx) for r in rows] == list(zip(runs.start, runs.known, strict=True))
        assert [r.attrs["qty"] for r in rows] == runs.quantity.tolist()


def test_absorptions_equal_the_slow_reference():
    found = 0
    for seed in range(1_000):
        trades = random_trades(seed, 80, 1)
        params = AbsorptionParams(30 + seed % 40, 10 + seed % 30, seed % 2)
        least = np.where(np.arange(80) < 10, np.nan, 8.0 + seed % 9)
        got = AbsorptionEngine(params).feed(trades, 0, least)
        rows = zip(trades.ts_us, trades.price, trades.size, trades.side, least, strict=True)
        expected = slow.absorptions(list(rows), params.window_us, params.tau_us, params.give_ticks)
        columns = (got.trigger, got.known, got.price, got.aggressor, got.progressed, got.volume)
        assert list(zip(*columns, strict=True)) == expected
        found += len(expected)
    assert found > 1_000


def test_refills_equal_the_slow_reference():
    found = 0
    for seed in range(1_000):
        rng = np.random.default_rng(seed)
        trades = random_trades(seed, 60, 0)
        stamps = np.sort(rng.integers(0, 240, 90))
        asks = 100 + rng.choice([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 90)
        shown = rng.integers(1, 9, 90).astype(float)
        dom = book(stamps, [[99]] * 90, [[1]] * 90, asks[:, None].tolist(), shown[:, None].tolist())
        got = RefillEngine(-1, RefillParams(0.8, 40, 2)).feed(trades, load_book(dom), slice(0, 90))
        expected = slow.refills(
            list(zip(trades.ts_us, trades.price, trades.size, trades.side, strict=True)),
            list(zip(stamps, asks, shown, strict=True)),
            1, 0.8, 40, 2,
        )  # fmt: skip
        columns = (got.first_us, got.update, got.executed, got.shown, got.times)
        stamped = [(trades.ts_us[first], *rest) for first, *rest in expected]
        assert list(zip(*columns, strict=True)) == stamped
        found += len(expected)
    assert found > 200
