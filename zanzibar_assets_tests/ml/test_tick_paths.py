"""Barriers on paths of trades and of bar records, against a walk by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.ml.tick_paths import PENDING, Entries, RecordPath, find_exits, load_path, path_basis
from zanzibar_assets_tests.ml import worlds
from zanzibar_assets_tests.reference.triple_barrier import first_barrier

DAY = "2024-03-05"
MINUTE = 60_000_000
NAMES = {-1: "lower", 0: "time", 1: "upper", PENDING: "pending"}


def ints(values):
    return np.array(values, dtype=np.int64)


def bars_path(*bars):
    """Records as (open, high, low, close), one a minute."""
    sides = (ints(column) for column in zip(*bars, strict=True))
    starts = np.arange(len(bars), dtype=np.int64) * MINUTE
    return RecordPath(starts, starts + MINUTE, starts + MINUTE, *sides, np.ones(len(bars), dtype=np.bool_))


def trades_path(*prices, every=MINUTE):
    """Trades, one each ``every`` us from 0."""
    price, at = ints(prices), np.arange(len(prices), dtype=np.int64) * every
    return RecordPath(at, at + 1, at, price, price, price, price, np.zeros(len(prices), dtype=np.bool_))


def one_exit(path, minutes, *, side=1, now=10**9, upper=105, lower=95):
    entries = Entries(*(ints([value]) for value in (0, minutes * MINUTE, upper, lower, side)))
    exits = find_exits(path, entries, now)
    basis = path_basis(path, entries, exits)[0]
    return NAMES[int(exits.barrier[0])], int(exits.record[0]), int(exits.ticks[0]), basis


FLAT = (100, 101, 99, 100)


@pytest.mark.parametrize(
    ("later", "outcome"),
    [
        ([FLAT, (100, 105, 100, 104)], ("upper", 1, 105)),
        ([FLAT, (100, 101, 95, 96)], ("lower", 1, 95)),
        ([(100, 106, 94, 100), FLAT], ("lower", 0, 95)),  # both touched: the adverse one
        ([(107, 108, 94, 100), FLAT], ("upper", 0, 107)),  # opened beyond the upper: known to be first
        ([(93, 100, 92, 99), FLAT], ("lower", 0, 93)),  # opened below: the stop is worse than its level
        ([FLAT, (100, 104, 96, 103)], ("time", 1, 103)),
    ],
)
def test_bar_records_by_hand(later, outcome):
    assert one_exit(bars_path(*later), 2) == (*outcome, "bar_records")


def test_a_short_side_reads_the_same_bar_from_its_own_side():
    assert one_exit(bars_path((100, 106, 94, 100)), 1, side=-1)[:3] == ("upper", 0, 105)
    assert one_exit(bars_path((93, 106, 92, 100)), 1, side=-1)[:3] == ("lower", 0, 93)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("prices", "outcome"),
    [
        ((100, 106, 94), ("upper", 1, 106)),  # in one bar, but the trades say which came first
        ((100, 94, 106), ("lower", 1, 94)),
        ((100, 104, 96), ("time", 2, 96)),
        ((105,), ("upper", 0, 105)),  # the first trade after the entry may meet it
    ],
)
def test_trades_decide_by_their_order_whichever_side(prices, outcome, side):
    assert one_exit(trades_path(*prices, every=1_000), 1, side=side) == (*outcome, "ticks")


def test_a_trade_at_the_deadline_is_after_it():
    assert one_exit(trades_path(100, 101, 120), 2)[:3] == ("time", 1, 101)
    assert one_exit(trades_path(100, 101, 120), 3)[:3] == ("upper", 2, 120)


def test_time_is_open_until_a_bar_has_closed_by_then():
    assert one_exit(trades_path(100, 101), 3, now=2 * MINUTE)[0] == "pending"
    assert one_exit(trades_path(100, 101), 3, now=3 * MINUTE)[0] == "time"


def test_no_record_at_all_is_said():
    stamps = (9 * MINUTE, 9 * MINUTE + 1, 9 * MINUTE)
    late = RecordPath(*(ints([v]) for v in (*stamps, 100, 100, 100, 100)), np.zeros(1, dtype=np.bool_))
    assert one_exit(late, 3) == ("time", -1, 0, "ticks")


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_equals_the_walk_by_hand(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 90))
    is_bar = rng.random(size) < rng.choice([0.0, 0.5, 1.0])
    close = 1_000 + np.cumsum(rng.integers(-3, 4, size))
    opened = np.where(is_bar, close + rng.integers(-4, 5, size), close)
    high = np.maximum(opened, close) + np.where(is_bar, rng.integers(0, 3, size), 0)
    low = np.minimum(opened, close) - np.where(is_bar, rng.integers(0, 3, size), 0)
    ends = np.cumsum(rng.integers(2, 6, size))
    starts = np.where(is_bar, ends - 2, ends - 1)
    path = RecordPath(starts, ends, ends, opened, high, low, close, is_bar)
    count = int(rng.integers(1, 30))
    entry = np.sort(rng.integers(0, int(ends[-1]), count))
    deadline = entry + rng.integers(1, 60, count)
    middle = rng.choice(close, count)
    upper, lower = middle + rng.integers(1, 9, count), middle - rng.integers(1, 9, count)
    side, now = rng.choice([-1, 1], count), int(rng.integers(0, int(ends[-1]) + 20))
    exits = find_exits(path, Entries(entry, deadline, upper, lower, side), now)
    rows = list(zip(*(a.tolist() for a in (starts, ends, opened, high, low, close)), strict=True))
    for i in range(count):
        expected = first_barrier(rows, entry[i], deadline[i], upper[i], lower[i], side[i], now)
        assert (NAMES[int(exits.barrier[i])], int(exits.record[i]), int(exits.ticks[i])) == expected


def test_the_path_leaves_out_quotes_and_what_lies_outside_the_open_session():
    traded = worlds.bars(DAY, 1, count=4)
    ticks = worlds.trades_of(traded)
    for change in ({"kind": "quote"}, {"session_state": "break"}):
        moved = ticks.with_row_index().with_columns(
            pl.when(pl.col("index") == 3).then(pl.lit(value)).otherwise(name).alias(name)
            for name, value in change.items()
        )
        assert len(load_path(moved)) == ticks.height - 1
