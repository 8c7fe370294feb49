import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.errors import ContractError
from zanzibar_assets.ml.labels import (
    BARRIER_NAMES,
    PENDING,
    Entries,
    Path,
    bar_volatility,
    build_labels,
    find_exits,
)
from zanzibar_assets_tests.ml import worlds
from zanzibar_assets_tests.reference.triple_barrier import first_barrier

DAY = "2024-03-05"
MINUTE = 60_000_000


def path_of(*bars):
    """Bars as (open, high, low, close), one a minute, closing at minutes 1, 2, 3 ..."""
    opens, highs, lows, closes = (np.array(column, dtype=np.int64) for column in zip(*bars, strict=True))
    return Path(np.arange(1, len(bars) + 1, dtype=np.int64) * MINUTE, opens, highs, lows, closes)


def one_exit(path, upper, lower, minutes, all_known=None):
    entries = Entries(*(np.array([v], dtype=np.int64) for v in (0, (1 + minutes) * MINUTE, upper, lower)))
    exits = find_exits(path, entries, path.known_us if all_known is None else np.array(all_known))
    return BARRIER_NAMES.get(int(exits.barrier[0]), "pending"), int(exits.bar[0]), int(exits.ticks[0])


FLAT = (100, 101, 99, 100)


@pytest.mark.parametrize(
    ("later", "outcome"),
    [
        ([FLAT, (100, 105, 100, 104)], ("upper", 2, 105)),
        ([FLAT, (100, 101, 95, 96)], ("lower", 2, 95)),
        ([(100, 106, 94, 100), FLAT], ("lower", 1, 95)),  # both touched: the adverse one
        ([(107, 108, 94, 100), FLAT], ("upper", 1, 107)),  # opened beyond the upper: known to be first
        ([(93, 100, 92, 99), FLAT], ("lower", 1, 93)),  # opened below: the stop is worse than its level
        ([FLAT, (100, 104, 96, 103)], ("time", 2, 103)),
    ],
)
def test_first_barrier_by_hand(later, outcome):
    assert one_exit(path_of(FLAT, *later), upper=105, lower=95, minutes=2) == outcome


def test_a_barrier_after_the_deadline_does_not_count():
    path = path_of(FLAT, FLAT, (100, 103, 97, 102), (100, 120, 100, 120))
    assert one_exit(path, 105, 95, minutes=2) == ("time", 2, 102)


def test_time_barrier_is_open_until_a_bar_closes_at_or_after_it():
    path = path_of(FLAT, FLAT)
    assert one_exit(path, 105, 95, minutes=3)[0] == "pending"
    assert one_exit(path, 105, 95, minutes=3, all_known=[MINUTE, 2 * MINUTE, 5 * MINUTE])[0] == "time"


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_equals_the_walk_by_hand(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 60))
    close = 1_000 + np.cumsum(rng.integers(-3, 4, size))
    opened = np.roll(close, 1) + rng.integers(-2, 3, size)
    high = np.maximum(opened, close) + rng.integers(0, 3, size)
    low = np.minimum(opened, close) - rng.integers(0, 3, size)
    known = np.cumsum(rng.integers(1, 4, size)).astype(np.int64)
    path = Path(known, opened, high, low, close)
    bar = np.flatnonzero(rng.random(size) < 0.7)
    deadline = known[bar] + rng.integers(2, 15, len(bar))
    upper, lower = close[bar] + rng.integers(1, 9, len(bar)), close[bar] - rng.integers(1, 9, len(bar))
    exits = find_exits(path, Entries(bar, deadline, upper, lower), known)
    for i, entry in enumerate(bar):
        expected = first_barrier(path, int(entry), deadline[i], upper[i], lower[i], known)
        found = "pending" if exits.barrier[i] == PENDING else BARRIER_NAMES[int(exits.barrier[i])]
        assert (found, int(exits.bar[i]), int(exits.ticks[i])) == expected


@pytest.mark.parametrize("name", ["SIM_ES", "SIM_BTC", "GC"])
def test_labels_keep_their_contract_and_never_cross_the_close(name):
    market = worlds.instrument(name)
    labels = build_labels(
        worlds.bars(DAY, 1, market), worlds.history("2024-03-04", of=market), market, worlds.config()
    )
    assert breaches("labels", labels) == []
    assert set(labels["barrier"]) == {"upper", "lower", "time"}
    window = session_window(market, DAY)
    end = min([start for start, stop in window.breaks if stop == window.close_us], default=window.close_us)
    assert labels["known_at"].dt.epoch("us").max() <= end
    assert labels["horizon_bars"].is_between(2, 30).all()
    assert labels.filter(pl.col("horizon_bars") < 30).height > 10


def test_returns_and_costs_by_hand():
    market = worlds.instrument("GC")  # tick 0.1, spread 1 tick, commission 2.5 a deal on 100 ounces
    labels = build_labels(worlds.bars(DAY, 2, market), pl.DataFrame(), market, worlds.config())
    traded = worlds.bars(DAY, 2, market)
    entry = labels.select("event_ts").join(traded, left_on="event_ts", right_on="known_at", how="left")[
        "close"
    ]
    cost = (labels["gross_return"] - labels["net_return"]) * entry
    np.testing.assert_allclose(cost.to_numpy(), 0.1 + 2 * 2.5 / 100, rtol=1e-9)
    up = labels.filter(pl.col("barrier") == "upper")["gross_return"]
    assert up.min() > 0
    assert labels.filter(pl.col("barrier") == "lower")["gross_return"].max() < 0


def test_barriers_stand_at_sigma_times_root_horizon():
    market = worlds.instrument()
    labels = build_labels(worlds.bars(DAY, 3), pl.DataFrame(), market, worlds.config(barrier_sigma=2.0))
    hit = labels.filter(pl.col("barrier") == "upper")
    width = 2.0 * hit["sigma"] * hit["horizon_bars"].cast(pl.Float64).sqrt()
    one_tick = 1.5 / 19_000  # rounded outwards to a tick
    assert ((hit["gross_return"] - width).abs() < 4 * one_tick).all()


def test_prefix_gives_the_labels_known_by_then_at_many_cuts():
    market, settings_ = worlds.instrument(), worlds.config()
    traded, past = worlds.bars(DAY, 4, skip=0.2), worlds.history("2024-03-04", count=200)
    whole = build_labels(traded, past, market, settings_)
    first, last = traded["known_at"].dt.epoch("us").min(), traded["known_at"].dt.epoch("us").max()
    for cut in np.random.default_rng(0).integers(first, last + MINUTE, 60):
        instant = pl.lit(int(cut)).cast(pl.Datetime("us", "UTC"))
        part = build_labels(traded.filter(pl.col("known_at") <= instant), past, market, settings_)
        assert part.equals(whole.filter(pl.col("known_at") <= instant))


def test_an_overnight_gap_changes_nothing():
    market, settings_ = worlds.instrument(), worlds.config()
    traded, past = worlds.bars(DAY, 5), worlds.history("2024-03-04", seed=7)
    names = [f"{name}_ticks" for name in ("open", "high", "low", "close")]
    moved = past.with_columns(pl.col(names) * 2)
    assert_frame_equal(
        build_labels(traded, moved, market, settings_), build_labels(traded, past, market, settings_)
    )


def test_sigma_follows_its_recursion():
    traded = worlds.bars(DAY, 6, count=80)
    sigma = bar_volatility(traded, pl.DataFrame())
    returns = np.diff(np.log(traded["close_ticks"].to_numpy()))
    decay = 0.5 ** (1 / 60)
    for bar in (20, 50, 79):
        weights = decay ** np.arange(bar)[::-1]
        expected = math.sqrt(float(weights @ returns[:bar] ** 2) / weights.sum())
        assert sigma[bar] == pytest.approx(expected, rel=1e-12)
    assert np.isnan(sigma[:20]).all()


def test_no_bars_no_labels():
    empty = worlds.bars(DAY, 1).clear()
    assert build_labels(empty, empty, worlds.instrument(), worlds.config()).is_empty()


def test_bars_of_two_sessions_are_refused():
    both = pl.concat([worlds.bars(DAY, 1), worlds.bars("2024-03-06", 1)])
    with pytest.raises(ContractError, match="more than one session"):
        build_labels(both, both.clear(), worlds.instrument(), worlds.config())


def test_prices_that_are_not_positive_are_refused():
    traded = worlds.bars(DAY, 1, start=3)
    with pytest.raises(ContractError, match="positive prices"):
        build_labels(traded, traded.clear(), worlds.instrument(), worlds.config())
