"""Tick and bar length of ``zanzibar events``: told or not guessed, and nothing depends on later bars."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.event_params import PARAMETERS
from zanzibar_assets.analysis.event_runs import run_events
from zanzibar_assets.errors import ContractError, UsageError
from zanzibar_assets_tests.builders.bar_walks import schematic_walk, walk
from zanzibar_assets_tests.commands.test_events import START, call, frame_of, refused, walk_frame

WYCKOFF = {"n": 8, "sc_rv": 1.8, "abandon_atr": 2.0}
TIED = {
    "smc": {"body_atr": 1.1, "min_atr": 1.1, "tol_atr": 1.1, "timeframes": [300]},
    "sweeps": {"tol_atr": 1.1},
    "wyckoff": {**WYCKOFF, "sc_rs": 1.1, "ar_min": 1.1},
}
"""Multiples of the mean range that floats cannot write: a comparison on another scale may end otherwise."""


def finer_later(kind, seed):
    """Bars at whole prices at first, then at quarters, then on no decimal grid."""
    bars = walk_frame(schematic_walk(seed, 450) if kind == "wyckoff" else walk(seed, 240), 1.0)
    part, prices, number = bars.height // 3, pl.col("open", "high", "low", "close"), pl.int_range(pl.len())
    finer = pl.when(number > 2 * part).then(prices + 1 / 3).when(number > part).then(prices + 0.25)
    return bars.with_columns(finer.otherwise(prices))


@pytest.mark.parametrize("told", [{}, "tied"], ids=["defaults", "tied"])
@pytest.mark.parametrize("kind", PARAMETERS)
def test_finer_decimals_of_later_bars_change_nothing_before_them(kind, told):
    params = TIED[kind] if told else (WYCKOFF if kind == "wyckoff" else {})
    for seed in (3, 4):
        bars = finer_later(kind, seed)
        whole = run_events(bars, kind, params).frame
        assert whole.height > 20
        for cut in [*np.random.default_rng(seed).integers(2, bars.height, 12).tolist(), bars.height // 3]:
            part = run_events(bars.head(cut), kind, params).frame
            assert_frame_equal(part, whole.filter(pl.col("known_idx") < cut), check_exact=True)


@pytest.mark.parametrize("kind", PARAMETERS)
def test_without_a_tick_nothing_is_counted_in_ticks(tmp_path, kind):
    events, document, said = call(tmp_path, finer_later(kind, 3), kind)
    assert document["tick"] is None
    ticks = events.select(pl.selectors.ends_with("_ticks"))
    assert ticks.width >= 3
    assert ticks.null_count().row(0) == (events.height,) * ticks.width
    assert (
        "no tick given: pools need equal prices and a sweep any price beyond; give tick in --params" in said
    )


def test_without_a_tick_pools_need_equal_prices_and_any_price_beyond_sweeps():
    bars = walk_frame(walk(5, 400), 0.25)
    pools = run_events(bars, "sweeps", {}).frame.filter(kind="pool")
    same = run_events(bars, "sweeps", {"tick": 0.25, "tol": 0}).frame.filter(kind="pool")
    assert pools.height > 2
    assert_frame_equal(
        pools.select(pl.exclude("^.*_ticks$", "params_hash")),
        same.select(pools.columns).select(pl.exclude("^.*_ticks$", "params_hash")),
    )
    level = {"level": 20.0, "side": 1, "known_idx": 0}
    rows = [(19.0, 19.5, 18.9, 19.0, 1), (19.0, 20.0, 18.9, 19.3, 1), (19.3, 20.000001, 19.2, 19.6, 1)]
    assert run_events(frame_of(rows), "sweeps", level).frame["event_idx"].to_list() == [2]


@pytest.mark.parametrize(("kind", "params"), [("sweeps", {"min_pen": 2}), ("smc", {"min_ticks": 1})])
def test_a_number_of_ticks_without_a_tick_is_refused(tmp_path, kind, params):
    error = refused(tmp_path, walk_frame(walk(1, 30)), kind, params)
    assert isinstance(error, UsageError)
    assert "no tick is given" in str(error)


def test_levels_between_two_prices_are_refused(tmp_path):
    bars = walk_frame(walk(1, 30))
    error = refused(tmp_path, bars, "sweeps", {"level": 100.1, "side": 1, "tick": 0.25})
    assert isinstance(error, UsageError)
    assert "level 100.1 lies between two prices; expected: a multiple of the tick of 0.25" in str(error)
    error = refused(tmp_path, bars, "sweeps", {"level": 100 + 1e-11, "side": 1})
    assert "at most 10 decimals" in str(error)
    off = bars.with_columns(high=pl.col("high") + 0.1)
    assert "between two prices" in str(
        refused(tmp_path, off, "sweeps", {"level": 100.1, "side": 1, "tick": 0.25})
    )


def test_prices_between_ticks_have_no_whole_ticks():
    bars = walk_frame(walk(3, 200)).with_columns(high=pl.col("high") + 0.1)
    swings = run_events(bars, "smc", {"tick": 0.25}).frame.filter(kind="swing")
    assert swings.filter(dir=1)["level_ticks"].is_null().all()
    assert (swings.filter(dir=-1)["level_ticks"] * 0.25 == swings.filter(dir=-1)["level"]).all()


def test_float32_prices_are_the_decimals_that_were_meant():
    bars = walk_frame(walk(3, 200), 0.1).with_columns(pl.col("open", "high", "low", "close").round(1))
    narrow = bars.with_columns(pl.col("open", "high", "low", "close").cast(pl.Float32))
    for params in ({}, {"tick": 0.1}):
        run = run_events(narrow, "sweeps", params)
        assert_frame_equal(run.frame, run_events(bars, "sweeps", params).frame)
        assert not any("grid" in note or "off the tick" in note for note in run.notes)


def test_prices_that_outgrow_their_decimals_are_refused(tmp_path):
    bars = walk_frame(walk(3, 30)).with_columns(
        pl.when(pl.int_range(pl.len()) == 20).then(1e9).otherwise(pl.col("high")).alias("high")
    )
    error = refused(tmp_path, bars)
    assert isinstance(error, ContractError)
    assert "bar 20 (counted from 0): its price 1e+09 is too large" in str(error)


def at_minutes(minutes):
    """Bars at the given minutes."""
    stamps = pl.Series([START + timedelta(minutes=int(m)) for m in minutes], dtype=pl.Datetime("us", "UTC"))
    return walk_frame(walk(3, len(minutes))).with_columns(ts_utc=stamps)


FIVE_THEN_ONE = np.concatenate((np.arange(100) * 5, 500 + np.arange(200)))
ONE_THEN_FIVE = np.concatenate((np.arange(200), 200 + 5 * np.arange(100)))


@pytest.mark.parametrize("minutes", [FIVE_THEN_ONE, ONE_THEN_FIVE, FIVE_THEN_ONE[:140]])
def test_bars_of_two_lengths_are_refused(tmp_path, minutes):
    error = refused(tmp_path, at_minutes(minutes))
    assert isinstance(error, ContractError)
    text = str(error)
    assert "two lengths" in text
    for size in (60, 300):
        held = np.flatnonzero(np.diff(minutes) * 60 == size)
        since = START + timedelta(minutes=int(minutes[held[0]]))
        assert f"{len(held)} steps of {size} s from {since:%Y-%m-%d %H:%M:%S} UTC" in text
    assert "bar_seconds" in text


def test_given_bar_seconds_are_held_against_longer_runs_only(tmp_path):
    frame = at_minutes(FIVE_THEN_ONE)
    error = refused(tmp_path, frame, params={"bar_seconds": 60})
    assert isinstance(error, ContractError)
    assert "longer than bar_seconds 60" in str(error)
    run = run_events(frame, "smc", {"bar_seconds": 300})
    closes = frame["ts_utc"].gather(run.frame["known_idx"]) + timedelta(minutes=5)
    assert (run.frame["known_at"] == closes).all()


def test_thin_markets_and_weekends_pass():
    dice = np.random.default_rng(7)
    thin = np.flatnonzero(dice.random(2_000) < 0.35)
    assert run_events(at_minutes(thin), "smc", {}).bar_seconds == 60
    days = np.array([d for d in range(700) if d % 7 < 5])
    run = run_events(at_minutes(days * 1_440), "smc", {})
    assert run.bar_seconds == 86_400
    assert "commonest of 2 steps" in " ".join(run.notes)
    sessions = np.concatenate([1_440 * day + np.arange(13) * 30 for day in range(60)])
    assert run_events(at_minutes(sessions), "smc", {}).bar_seconds == 1_800
    one_day_each = run_events(at_minutes(days * 1_440), "smc", {"bar_seconds": 23_400})
    assert one_day_each.bar_seconds == 23_400
