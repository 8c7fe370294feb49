from __future__ import annotations

import numpy as np
import pytest

from zanzibar_assets.analysis.tick_sweeps import (
    BookSweepParams,
    TickSweepParams,
    Trades,
    book_sweeps,
    tick_sweep,
)

LEVEL = 100
QUICK = TickSweepParams(min_pen=1, reclaim=1, within_us=10)


def _kinds(rows):
    return [(r.kind, r.dir, r.event_us, r.known_us) for r in rows]


def test_a_reclaim_exactly_at_the_end_of_the_time_is_a_sweep():
    trades = Trades.of([(1, 101, 2, 1), (11, 99, 1, -1)])
    assert _kinds(tick_sweep(trades, LEVEL, 1, 0, QUICK)) == [("level_sweep", -1, 1, 11)]


def test_the_first_trade_after_the_time_accepts_even_when_it_is_back_inside():
    trades = Trades.of([(1, 101, 2, 1), (12, 90, 1, -1)])
    rows = tick_sweep(trades, LEVEL, 1, 0, QUICK)
    assert _kinds(rows) == [("level_accept", 1, 1, 12)]
    assert rows[0].attrs["vol_beyond"] == 2.0


def test_a_level_acts_only_after_it_is_known():
    trades = Trades.of([(1, 101, 2, 1), (2, 99, 1, -1), (3, 102, 4, 1), (4, 99, 1, -1)])
    assert _kinds(tick_sweep(trades, LEVEL, 1, 1, QUICK)) == [("level_sweep", -1, 3, 4)]


def test_payload_below_a_low():
    trades = Trades.of([(0, 100, 1, 1), (1, 99, 3, -1), (2, 97, 5, -1), (3, 97, 2, 1), (5, 101, 4, 1)])
    (row,) = tick_sweep(trades, LEVEL, -1, -1, QUICK)
    assert (row.kind, row.dir, row.lo, row.hi) == ("level_sweep", 1, 97, 100)
    assert row.attrs == {
        "extreme_ticks": 97,
        "depth_ticks": 3,
        "dwell_us": 4,
        "vol_beyond": 10.0,
        "aggr_vol_beyond": 8.0,
        "delta_extreme": -3.0,
    }


def _random_trades(seed, n=160):
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.integers(0, 4 * n, n))
    prices = LEVEL + np.cumsum(rng.integers(-2, 3, n))
    return Trades.of(list(zip(stamps, prices, rng.integers(1, 9, n), rng.integers(-1, 2, n), strict=True)))


def _slow_tick_sweep(trades, side, known, params):
    start = None
    for i in range(len(trades)):
        ts, away = trades.ts_us[i], side * (trades.price[i] - LEVEL)
        if ts <= known:
            continue
        if start is None:
            start = i if away >= params.min_pen else None
        elif ts > trades.ts_us[start] + params.within_us:
            return [("level_accept", start, i)]
        elif away <= -params.reclaim:
            return [("level_sweep", start, i)]
    return []


@pytest.mark.parametrize("seed", range(60))
def test_tick_sweep_equals_its_reference_and_every_prefix(seed):
    trades, side = _random_trades(seed), (1, -1)[seed % 2]
    params = TickSweepParams(1 + seed % 3, 1 + seed % 2, 20 + seed)
    whole = tick_sweep(trades, LEVEL, side, seed, params)
    expected = _slow_tick_sweep(trades, side, seed, params)
    assert [(r.kind, r.event_idx, r.known_idx) for r in whole] == expected
    for cut in np.random.default_rng(seed).integers(0, len(trades) + 1, 10):
        known = [row for row in whole if row.known_idx < cut]
        assert tick_sweep(trades.head(cut), LEVEL, side, seed, params) == known


THREE = BookSweepParams(min_levels=3, window_us=5)


def test_a_run_through_three_prices_is_known_at_the_third():
    trades = Trades.of([(0, 10, 1, 1), (1, 11, 2, 1), (2, 11, 3, 1), (4, 12, 4, 1), (5, 13, 9, 1)])
    (row,) = book_sweeps(trades, THREE)
    assert (row.kind, row.dir, row.event_us, row.known_us, row.level) == ("book_sweep", 1, 0, 4, 12)
    assert (row.lo, row.hi, dict(row.attrs)) == (10, 12, {"levels": 3, "qty": 10.0})


@pytest.mark.parametrize(
    "spoiler",
    [(1, 11, 2, -1), (1, 11, 2, 0), (1, 9, 2, 1), (8, 11, 2, 1)],
    ids=["other side", "unknown side", "moves back", "late"],
)
def test_what_ends_a_run(spoiler):
    stamp = max(2, spoiler[0] + 1)
    trades = Trades.of([(0, 10, 1, 1), spoiler, (stamp, 12, 4, 1)])
    assert book_sweeps(trades, THREE) == []


def test_sellers_sweep_downwards_and_each_run_speaks_once():
    prices = [10, 9, 8, 7, 6]
    rows = book_sweeps(Trades.of([(i, price, 1, -1) for i, price in enumerate(prices)]), THREE)
    assert [(r.dir, r.known_idx, r.lo, r.hi) for r in rows] == [(-1, 2, 8, 10)]


def test_book_sweeps_of_a_prefix():
    trades = _random_trades(5, 400)
    params = BookSweepParams(2, 6)
    whole = book_sweeps(trades, params)
    assert len(whole) > 10
    for cut in np.random.default_rng(1).integers(0, 401, 40):
        assert book_sweeps(trades.head(cut), params) == [row for row in whole if row.known_idx < cut]
