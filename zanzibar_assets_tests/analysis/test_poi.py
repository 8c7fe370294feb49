from __future__ import annotations

import json
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis import poi_score as score
from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.events import join_bars
from zanzibar_assets.analysis.poi import definition
from zanzibar_assets.analysis.poi_context import higher_timeframe_bias, session_vwap
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets_tests.analysis.structure_stack import CONFIG, CRYPTO, build_all, smc_history
from zanzibar_assets_tests.builders.bar_walks import FIRST_MONDAY, as_history, frame_of, sessions, walk

unit = st.floats(0, 1)
factor_sets = st.dictionaries(st.sampled_from(sorted(score.WEIGHTS)), unit, min_size=1)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(factor_sets, st.data())
def test_the_score_is_bounded_and_rises_with_each_factor(factors, data):
    name = data.draw(st.sampled_from(sorted(factors)))
    better = {**factors, name: data.draw(st.floats(factors[name], 1))}
    assert 0.0 <= score.weighted_score(factors) <= score.weighted_score(better) + 1e-12 <= 1.0 + 1e-12


def test_factors_by_hand():
    assert score.displacement(6, 4) == 0.5
    assert score.displacement(40, 4) == 1.0
    assert score.range_side(1, 110, 100, 140) == 0.75
    assert score.range_side(-1, 110, 100, 140) == 0.25
    assert score.relative_volume(200, 100) == 0.5
    assert score.relative_volume(90, 100) == 0.0
    assert score.delta_agreement(-1, -50, 100) == 0.75
    assert score.vwap_side(1, 90, 100, 10) == 0.75
    assert score.freshness(0, 0) == 1.0
    assert score.freshness(1, 0) == 0.5
    assert score.freshness(0, score.HALF_LIFE_BARS) == 0.5
    assert score.weighted_score({"displacement": 1.0, "gap": 0.0}) == pytest.approx(2 / 3)


@cache
def _zones(history_days=2):
    frames = sessions(70, history_days + 1, 260)
    return frames, build_all(frames[:-1], frames[-1], smc_history(frames[:-1]))["points_of_interest"]


def test_scores_are_the_weighted_means_of_the_factors_shown():
    _, zones = _zones()
    for row in zones.iter_rows(named=True):
        factors = json.loads(row["factors"])
        assert all(0.0 <= value <= 1.0 for value in factors.values())
        assert row["score"] == pytest.approx(score.weighted_score(factors), abs=1e-5)


def test_a_zone_is_born_fresh_and_only_freshness_changes_later():
    _, zones = _zones()
    born = {
        row["poi_id"]: json.loads(row["factors"]) for row in zones.filter(kind="poi").iter_rows(named=True)
    }
    later = [row for row in zones.iter_rows(named=True) if row["kind"] != "poi" and row["poi_id"] in born]
    assert len(later) > 20
    for row in later:
        factors = json.loads(row["factors"])
        fresh = factors.pop("fresh")
        assert {**factors, "fresh": 1.0} == born[row["poi_id"]]
        assert fresh == 0.0 if row["kind"] == "poi_invalidated" else 0.0 < fresh < 1.0


def test_touches_and_ends_are_what_the_bars_did():
    frames, zones = _zones()
    bars = {row["event_ts"]: row for row in pl.concat(frames).iter_rows(named=True)}
    ended = set()
    for row in zones.iter_rows(named=True):
        if row["kind"] == "poi":
            continue
        bar = bars[row["event_ts"]]
        assert bar["known_at"] == row["known_at"]
        assert row["poi_id"] not in ended, "nothing happens to a zone after its end"
        if row["kind"] == "poi_touch":
            assert bar["low_ticks"] <= row["hi_ticks"]
            assert bar["high_ticks"] >= row["lo_ticks"]
            side = row["dir"]
            far = row["lo_ticks"] if side > 0 else row["hi_ticks"]
            assert side * bar["close_ticks"] >= side * far
        else:
            ended.add(row["poi_id"])
            far = row["lo_ticks"] if row["dir"] > 0 else row["hi_ticks"]
            assert row["dir"] * bar["close_ticks"] < row["dir"] * far
    assert ended


def test_zones_of_earlier_sessions_live_on_under_their_own_id():
    frames, _ = _zones()
    day = frames[1]
    first = build_all(frames[:1], day, smc_history(frames[:1]))["points_of_interest"]
    second = build_all(frames[:2], frames[2], smc_history(frames[:2]))["points_of_interest"]
    dead = set(first.filter(kind="poi_invalidated")["poi_id"])
    alive = set(first.filter(kind="poi", source_kind="ob")["poi_id"]) - dead
    carried = second.filter(pl.col("poi_id").is_in(list(alive)))
    assert carried.height > 0
    assert "poi" not in set(carried["kind"])
    assert not second["poi_id"].is_in(list(dead)).any()


def test_rows_are_events_that_name_the_row_they_update():
    frames, zones = _zones()
    first = build_all(frames[:1], frames[1], smc_history(frames[:1]))["points_of_interest"]
    both = pl.concat([first, zones])
    assert both["event_id"].is_unique().all()
    births = {row["event_id"]: row for row in both.filter(kind="poi").iter_rows(named=True)}
    seen = set()
    for row in both.filter(pl.col("kind") != "poi").iter_rows(named=True):
        if row["ref_id"] in births:
            birth = births[row["ref_id"]]
            seen.add(row["known_at"].date() != birth["known_at"].date())
            assert birth["poi_id"] == row["poi_id"]
            assert birth["known_at"] < row["known_at"]
    assert seen == {True, False}, "zones of the session and of the one before were met"
    near = both.filter(pl.col("kind") != "poi_invalidated")
    sides = pl.when(pl.col("dir") > 0)
    assert (
        near["level_ticks"] == near.select(sides.then("hi_ticks").otherwise("lo_ticks")).to_series()
    ).all()
    ends = both.filter(kind="poi_invalidated")
    assert (
        ends["level_ticks"] == ends.select(sides.then("lo_ticks").otherwise("hi_ticks")).to_series()
    ).all()
    assert (both["level"] == both["level_ticks"] * CRYPTO.tick_size).all()
    assert (both["params_hash"].unique().to_list(), both["def_version"].unique().to_list()) == (
        [definition(CONFIG).params_hash],
        [1],
    )
    assert breaches("points_of_interest", zones) == []
    assert breaches("points_of_interest", zones.with_columns(ref_id=pl.lit(None, pl.String)))


def test_attrs_count_the_touches_before_a_row():
    _, zones = _zones()
    born = zones.filter(kind="poi")["poi_id"].to_list()
    for _, rows in zones.filter(pl.col("poi_id").is_in(born)).group_by("poi_id", maintain_order=True):
        touches = [json.loads(text)["touches"] for text in rows["attrs"]]
        assert touches == [0, *range(len(touches) - 1)]


def test_without_aggressor_sides_the_delta_factor_is_left_out():
    bars = frame_of(walk(9, 250, start=40_000), FIRST_MONDAY, sided=False)
    zones = build_all([], bars, smc_history([]))["points_of_interest"]
    assert zones.height > 10
    assert all("delta" not in json.loads(text) for text in zones["factors"])


@pytest.mark.parametrize(("n", "seconds"), [(60, 60), (69, 5), (1_400, 60)])
def test_ordinary_sessions_give_zones_with_scores_that_differ(n, seconds):
    bars = frame_of(walk(12, n, step=6, start=40_000), FIRST_MONDAY, seconds)
    born = build_all([], bars, smc_history([]))["points_of_interest"].filter(kind="poi")
    assert born.height >= 3
    assert born["score"].max() - born["score"].min() > 0.1
    assert born["score"].is_between(0.05, 0.99).all()


def test_the_running_higher_bar_is_not_used():
    bars = walk(6, 400, step=5)
    joined = join_bars(frame_of(bars, FIRST_MONDAY), as_history([]))
    whole = higher_timeframe_bias(joined)
    assert len(set(whole)) > 1
    for cut in range(1, 400, 7):
        part = join_bars(frame_of(bars.head(cut), FIRST_MONDAY), as_history([]))
        assert higher_timeframe_bias(part) == whole[:cut]


def test_vwap_starts_anew_with_each_session():
    means, deviations = session_vwap([100.0, 102.0, 101.0, 50.0], [1, 1, 2, 4], [0, 0, 0, 1])
    assert means == [100.0, 101.0, 101.0, 50.0]
    assert deviations == pytest.approx([0.0, 1.0, 0.5**0.5, 0.0])
    assert session_vwap([100.0], [0.0], [0]) == ([None], [0.0])


def test_a_series_without_bars_has_no_bias():
    joined = join_bars(frame_of(BarSeries([], [], [], [], []), 0), as_history([]))
    assert higher_timeframe_bias(joined) == []
