import numpy as np
import polars as pl

from zanzibar_assets.ml.event_features import GAP_ENDS, bars_since, nearest_level, nearest_zone, still_open
from zanzibar_assets_tests.ml import worlds
from zanzibar_assets_tests.ml.frames import event_frame, zone_frame

DAY = "2024-03-05"


def five_bars():
    return worlds.bars(DAY, 1, count=5)


def closes(traded):
    return traded["known_at"].dt.epoch("us").to_list()


def test_gaps_close_once_and_only_their_own():
    events = event_frame(
        [
            (10, "fvg", 1, "a", None),
            (20, "fvg", 1, "b", None),
            (20, "fvg", -1, "c", None),
            (30, "fvg_fill", 1, "d", "a"),
            (40, "fvg_invert", -1, "e", "a"),  # the same gap again: no second step
            (50, "fvg_fill", 1, "f", "of an earlier session"),
            (60, "fvg_touch", 1, "g", "b"),
        ]
    )
    up = still_open(events, "fvg", GAP_ENDS, 1)
    assert up["known_at"].dt.epoch("us").to_list() == [10, 20, 30]
    assert up["open"].to_list() == [1.0, 2.0, 1.0]
    assert still_open(events, "fvg", GAP_ENDS, -1)["open"].to_list() == [1.0]


def test_bars_since_counts_exchange_time():
    traded = five_bars()
    second = closes(traded)[1]
    events = event_frame([(second, "bos", 1, "a", None)])
    assert bars_since(traded, events, 60).to_list() == [None, 0.0, 1.0, 2.0, 3.0]
    late = event_frame([(second + 1, "bos", 1, "a", None)])
    assert bars_since(traded, late, 60).to_list()[:2] == [None, None]


def test_nearest_zone_by_hand():
    traded = five_bars().with_columns(pl.Series("close", [100.0, 100.0, 106.0, 112.0, 112.0]))
    known = closes(traded)
    zones = zone_frame(
        [
            (known[0], "poi", "far", 1, 90.0, 96.0, 0.4),
            (known[1], "poi", "near", -1, 105.0, 107.0, 0.9),
            (known[4], "poi_invalidated", "near", -1, 105.0, 107.0, 0.0),
        ]
    )
    found = nearest_zone(traded, zones, pl.Series("_atr", [2.0, 2.0, 2.0, 2.0, 2.0]))
    assert found["poi_distance_atr"].to_list() == [-2.0, -2.0, 0.0, -2.5, -8.0]
    assert found["poi_dir"].to_list() == [1.0, 1.0, -1.0, -1.0, 1.0]
    assert found["poi_score"].to_list() == [0.4, 0.4, 0.9, 0.9, 0.4]


def test_no_zone_or_no_range_gives_nothing():
    traded = five_bars()
    zones = zone_frame([(closes(traded)[3], "poi", "a", 1, 1.0, 2.0, 0.5)])
    found = nearest_zone(traded, zones, pl.Series("_atr", [None, 1.0, 1.0, 0.0, 1.0]))
    assert np.isnan(found["poi_distance_atr"].to_numpy()).tolist() == [True, True, True, True, False]
    assert np.isnan(found["poi_dir"].to_numpy()).tolist() == [True, True, True, False, False]


def test_nearest_level_rests_until_a_row_names_it():
    traded = five_bars().with_columns(pl.Series("close", [100.0, 100.0, 104.0, 106.0, 100.0]))
    known = closes(traded)
    rows = [
        (known[0], "level", 1, "far", None),
        (known[1], "level", 1, "near", None),
        (known[1], "level", -1, "under", None),
        (known[3], "level_sweep", -1, "x", "near"),
        (known[4], "pool", 1, "grown", "far"),  # a larger pool takes the smaller one's place
    ]
    levels = {"far": 110.0, "near": 105.0, "under": 97.0, "x": 105.0, "grown": 111.0}
    sweeps = event_frame(rows, "liquidity_sweeps")
    sweeps = sweeps.with_columns(level=pl.col("event_id").replace_strict(levels, return_dtype=pl.Float64))
    assert nearest_level(traded, sweeps, 1).tolist() == [10.0, 5.0, 1.0, 4.0, 11.0]
    below = nearest_level(traded, sweeps, -1)
    assert np.isnan(below[0])
    assert below[1:].tolist() == [-3.0, -7.0, -9.0, -3.0]
