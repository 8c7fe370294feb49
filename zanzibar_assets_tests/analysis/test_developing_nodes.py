"""Nodes of the profile so far: equal to the final rules on what had traded, and nothing later."""

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis._records import load_records
from zanzibar_assets.analysis.developing_nodes import COLUMNS, DevelopingNodes
from zanzibar_assets.analysis.profile import NO_TICKS, build_volume_profile
from zanzibar_assets.analysis.profile_nodes import nodes, reach_of, smoothed
from zanzibar_assets.analysis.vwap import build_vwap
from zanzibar_assets.vocabulary import from_us
from zanzibar_assets_tests.analysis.laws import assert_prefix
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    ES,
    bars_of,
    known_by,
    random_cuts,
    random_ticks,
    window,
)
from zanzibar_assets_tests.builders.orderflow import mirrored_ticks, moved

W = window(hours=6)
ABOUT = 38_000


def slow_nodes(prices, sizes, close):
    """The four nearest nodes by the final rules over a whole profile, price by price."""
    low, high = int(prices.min()), int(prices.max())
    volume = np.zeros(high - low + 1)
    for price, size in zip(prices.tolist(), sizes.tolist(), strict=True):
        volume[int(price) - low] += size
    peaks, valleys = (low + part for part in nodes(smoothed(volume, reach_of(len(volume)))))
    found = []
    for part in (peaks, valleys):
        found += [min(part[part > close], default=NO_TICKS), max(part[part < close], default=NO_TICKS)]
    return found


def feed(records, ends, closes):
    return DevelopingNodes().feed(records, np.asarray(ends), np.asarray(closes))


@pytest.mark.parametrize("seed", range(12))
def test_equal_the_final_rules_on_what_had_traded(seed):
    rng = np.random.default_rng(seed)
    records = load_records(random_ticks(seed, int(rng.integers(50, 3_000)), W, zero_sizes=False))
    prices, sizes = records.price_ticks.astype(np.int64), records.size
    ends = np.unique(rng.integers(1, len(prices) + 1, 40))
    closes = prices[ends - 1] + rng.integers(-3, 4, len(ends)) * (rng.random(len(ends)) < 0.3)
    got = feed(records, ends, closes)
    for end, close, found in zip(ends, closes, got.tolist(), strict=True):
        assert found == slow_nodes(prices[:end], sizes[:end], close)
    assert (got != NO_TICKS).any()


def test_a_flat_run_around_the_close_counts_at_its_middle():
    """Volume 1, 9, 9, 9, 9, 9, 1 twice: the middles of the flat runs, not their edges."""
    for close in range(100, 130):
        records = load_records(profile_ticks([1, 2, 9, 9, 9, 9, 9, 9, 9, 9, 2, 1, 1, 3, 8, 8, 8, 3, 1, 1, 2]))
        prices = records.price_ticks.astype(np.int64)
        got = feed(records, [len(prices)], [close])[0].tolist()
        assert got == slow_nodes(prices, records.size, close)


def profile_ticks(volumes):
    from zanzibar_assets_tests.builders.market import ticks

    stamps = W.open_us + 1_000_000 * np.arange(len(volumes))
    return ticks(stamps, 105 + np.arange(len(volumes)), volumes)


def vwap_of(frame):
    return build_vwap(frame, bars_of(frame, W), ES, CONFIG)


def test_the_last_row_is_the_final_profile_s():
    frame = random_ticks(3, 4_000, W)
    final = build_volume_profile(frame, ES, CONFIG)
    last = vwap_of(frame).row(-1, named=True)
    close = bars_of(frame, W)["close_ticks"][-1]
    for kind in ("hvn", "lvn"):
        prices = final.filter(node=kind)["price_ticks"]
        assert last[f"{kind}_above_ticks"] == prices.filter(prices > close).min()
        assert last[f"{kind}_below_ticks"] == prices.filter(prices < close).max()
        assert last[f"{kind}_below_ticks"] is not None


def test_prefix():
    frame = random_ticks(4, 3_000, W)
    columns = ["known_at", *COLUMNS]
    whole = vwap_of(frame).select(columns)
    assert whole[COLUMNS[0]].n_unique() > 20
    assert_prefix(whole, lambda cut: vwap_of(known_by(frame, cut)).select(columns), random_cuts(5, W, 40))


def test_blocks_of_any_size_give_the_same_rows_over_a_written_state():
    records = load_records(random_ticks(6, 2_000, W, zero_sizes=False))
    count = len(records)
    ends, closes = np.arange(1, count + 1), records.price_ticks.astype(np.int64)
    whole = feed(records, ends, closes)
    rng = np.random.default_rng(7)
    cuts = [0, *np.unique(rng.integers(1, count, 25)).tolist(), count]
    stage, parts = DevelopingNodes(), []
    for first, last in pairwise(cuts):
        saved = json.dumps(stage.snapshot())
        stage = DevelopingNodes()
        stage.restore(json.loads(saved))
        block = records.where((np.arange(count) >= first) & (np.arange(count) < last))
        parts.append(stage.feed(block, np.arange(1, last - first + 1), closes[first:last]))
    assert np.array_equal(np.concatenate(parts), whole)


def test_shift():
    frame = random_ticks(8, 3_000, W)
    whole = vwap_of(frame).select(COLUMNS)
    shifted = vwap_of(moved(frame, 400_000_000)).select(pl.col(name) - 400_000_000 for name in COLUMNS)
    assert_frame_equal(shifted, whole)


def test_mirror():
    """Sizes without ties: a flat run of an even number of prices has its middle rounded down."""
    frame = random_ticks(8, 3_000, W)
    odd = pl.Series(np.random.default_rng(8).random(frame.height) + 0.01)
    frame = frame.with_columns(size=pl.when(pl.col("size") > 0).then(odd).otherwise(0.0))
    whole, back = vwap_of(frame), vwap_of(mirrored_ticks(frame, ABOUT))
    settled = pl.col("known_at") > from_us(W.open_us + (W.close_us - W.open_us) // 10)
    for kind in ("hvn", "lvn"):
        for here, there in (("above", "below"), ("below", "above")):
            mirrored = back.filter(settled).select(x=ABOUT - pl.col(f"{kind}_{there}_ticks"))
            assert_frame_equal(whole.filter(settled).select(x=f"{kind}_{here}_ticks"), mirrored)


def _with_the_whole_session_s_profile(frame, cut):
    known = known_by(frame, cut)
    bars = bars_of(known, W)
    final = build_volume_profile(known, ES, CONFIG).filter(node="hvn")["price_ticks"].to_numpy()
    above = [min(final[final > close], default=0) for close in bars["close_ticks"].to_list()]
    return bars.select("known_at", above=pl.Series(above, dtype=pl.Int64))


def test_a_leaking_twin_is_caught():
    frame = random_ticks(9, 2_000, W)
    whole = _with_the_whole_session_s_profile(frame, W.close_us)
    with pytest.raises(AssertionError):
        assert_prefix(whole, lambda cut: _with_the_whole_session_s_profile(frame, cut), random_cuts(1, W, 8))
