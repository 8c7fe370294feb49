from __future__ import annotations

import json

import polars as pl

from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.sweeps import build_liquidity_sweeps
from zanzibar_assets_tests.analysis.structure_stack import CONFIG, NO_PROFILES
from zanzibar_assets_tests.builders.bar_walks import (
    CRYPTO,
    DAY,
    FIRST_MONDAY,
    SECOND,
    as_history,
    day_key,
    frame_of,
    walk,
)

HALF_HOUR = 1_800 * SECOND


def _flat(n, price=100, high=2, low=2):
    return [(price, price + high, price - low, price, 10)] * n


def _levels(bars, frames=(), profiles=NO_PROFILES):
    table = build_liquidity_sweeps(bars, as_history(list(frames)), profiles, CRYPTO, CONFIG)
    return table, {
        json.loads(row["attrs"])["name"]: row for row in table.filter(kind="level").iter_rows(named=True)
    }


def _us(moment):
    return round(moment.timestamp() * SECOND)


def _day(number, bars):
    return frame_of(BarSeries.of(bars), FIRST_MONDAY + number * DAY)


def test_prior_session_extremes_are_known_at_the_sessions_start():
    yesterday = _day(0, [*_flat(3), (100, 130, 100, 110, 5), (110, 130, 80, 100, 5), *_flat(2)])
    _, levels = _levels(_day(1, _flat(4)), [yesterday])
    high, low = levels["prior_session_high"], levels["prior_session_low"]
    assert (high["level_ticks"], high["dir"]) == (130, 1)
    assert (low["level_ticks"], low["dir"]) == (80, -1)
    assert _us(high["event_ts"]) == FIRST_MONDAY + 3 * 60 * SECOND
    assert _us(high["known_at"]) == _us(low["known_at"]) == FIRST_MONDAY + DAY


def test_the_first_bar_of_the_session_can_sweep_a_prior_level():
    yesterday = _day(0, [*_flat(3), (100, 130, 100, 110, 5), *_flat(2)])
    table, levels = _levels(_day(1, [(100, 131, 99, 101, 5), *_flat(3)]), [yesterday])
    swept = table.filter(kind="level_sweep", ref_id=levels["prior_session_high"]["event_id"])
    assert swept.height == 1
    row = swept.row(0, named=True)
    assert (_us(row["event_ts"]), row["dir"]) == (FIRST_MONDAY + DAY, -1)
    attrs = json.loads(row["attrs"])
    assert attrs == {
        "bars": 1,
        "depth_ticks": 1,
        "extreme_ticks": 131,
        "name": "prior_session_high",
        "source": "level",
    }


def test_no_close_back_inside_within_the_bars_accepts():
    yesterday = _day(0, _flat(5, high=30))
    table, levels = _levels(_day(1, _flat(6, price=140)), [yesterday])
    rows = table.filter(ref_id=levels["prior_session_high"]["event_id"])
    assert rows["kind"].to_list() == ["level_accept"]
    assert _us(rows["known_at"][0]) == FIRST_MONDAY + DAY + 5 * 60 * SECOND


def test_the_opening_range_is_known_when_it_ends_and_not_before():
    bars = _day(0, [*_flat(10, high=9), *_flat(20, low=7), *_flat(5, high=50)])
    _, levels = _levels(bars)
    high, low = levels["opening_range_high"], levels["opening_range_low"]
    assert (high["level_ticks"], low["level_ticks"]) == (109, 93)
    assert _us(high["known_at"]) == FIRST_MONDAY + HALF_HOUR
    assert json.loads(high["attrs"])["bars"] == 30
    assert _levels(bars.head(29))[1] == {}
    assert set(_levels(bars.head(30))[1]) == {"opening_range_high", "opening_range_low"}


def test_the_prior_week_needs_all_of_its_sessions():
    frames = [_day(k, _flat(3, high=5 + k)) for k in range(7)]
    monday = _day(7, _flat(3))
    assert _levels(monday, frames)[1]["prior_week_high"]["level_ticks"] == 111
    history = as_history(frames).filter(pl.col("session") != day_key(0))
    table = build_liquidity_sweeps(monday, history, NO_PROFILES, CRYPTO, CONFIG)
    assert "prior_week" not in "".join(table["attrs"])


def test_value_levels_take_their_side_from_the_last_close():
    stamps = pl.Series([FIRST_MONDAY] * 5).cast(pl.Datetime("us", "UTC"))
    profile = pl.DataFrame(
        {
            "event_ts": stamps,
            "known_at": stamps,
            "price_ticks": [95, 96, 100, 104, 105],
            "is_poc": [False, False, True, False, False],
            "in_value_area": [False, True, True, True, False],
            "session": [day_key(0)] * 5,
        }
    )
    _, levels = _levels(_day(1, _flat(3)), [_day(0, _flat(5))], profile)
    found = {name: (levels[name]["level_ticks"], levels[name]["dir"]) for name in levels}
    assert found["prior_vah"] == (104, 1)
    assert found["prior_val"] == (96, -1)
    assert found["prior_poc"] == (100, 0)


def test_levels_below_the_range_of_a_random_day_are_swept_the_other_way():
    bars = frame_of(walk(4, 200, start=40_000), FIRST_MONDAY)
    table = build_liquidity_sweeps(bars, as_history([]), NO_PROFILES, CRYPTO, CONFIG)
    swept = table.filter(kind="level_sweep")
    levels, extremes = (
        swept["level_ticks"],
        swept["attrs"].str.json_decode(pl.Struct({"extreme_ticks": pl.Int64})).struct.field("extreme_ticks"),
    )
    assert swept.height > 10
    assert ((extremes - levels).sign() == -swept["dir"]).all()


def _profile(day, price, stamp):
    at = pl.Series([stamp]).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(
        {
            "event_ts": at,
            "known_at": at,
            "price_ticks": [price],
            "is_poc": [True],
            "in_value_area": [True],
            "session": [day_key(day)],
        }
    )


def test_a_poc_rests_until_a_later_session_has_traded_at_it():
    frames = [_day(0, _flat(5)), _day(1, _flat(5, price=120)), _day(2, _flat(5, price=110, high=3, low=3))]
    profiles = pl.concat([_profile(d, p, FIRST_MONDAY + d * DAY) for d, p in ((0, 101), (1, 121), (2, 110))])
    found, _ = _levels(_day(3, _flat(3, price=110)), frames, profiles)
    rests = found.filter(pl.col("attrs").str.json_path_match("$.name") == "untouched_poc")
    assert rests.select("level_ticks", "dir").rows() == [(101, -1), (121, 1)]
    assert {_us(known) for known in rests["known_at"]} == {FIRST_MONDAY + 3 * DAY}
    frames[2] = _day(2, [*_flat(3, price=110), (110, 121, 109, 110, 5)])
    found, levels = _levels(_day(3, _flat(3, price=110)), frames, profiles)
    assert levels["untouched_poc"]["level_ticks"] == 101
    assert "untouched_poc" not in _levels(_day(3, _flat(3, price=110)), frames[:0], profiles)[1]


def test_round_numbers_follow_the_prior_range_and_lie_around_the_last_close():
    yesterday = _day(0, [*_flat(3, price=1_003), (1_003, 1_043, 1_003, 1_003, 5), *_flat(2, price=1_003)])
    table, _ = _levels(_day(1, _flat(4, price=1_003)), [yesterday])
    rounds = table.filter(pl.col("attrs").str.json_path_match("$.name") == "round_number")
    step = int(rounds["attrs"].str.json_path_match("$.step_ticks")[0])
    prices = sorted(rounds["level_ticks"].to_list())
    assert step * 4 >= 42 > (step // 2) * 4  # the prior range is 42 ticks, from 1001 to 1043
    assert prices == [p for p in range(1_003 - 42, 1_003 + 43) if p % step == 0]
    assert rounds.filter(pl.col("dir") != (pl.col("level_ticks") - 1_003).sign()).is_empty()
    assert {_us(known) for known in rounds["known_at"]} == {FIRST_MONDAY + DAY}
