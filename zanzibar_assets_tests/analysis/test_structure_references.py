"""Every structure engine equals its slow reference on random series with many ties."""

from __future__ import annotations

import numpy as np
import pytest

from zanzibar_assets.analysis.bar_sweeps import SweepParams, bar_sweeps
from zanzibar_assets.analysis.breaks import BreakParams, breaks, structure
from zanzibar_assets.analysis.dealing_range import KINDS as RANGE_KINDS
from zanzibar_assets.analysis.dealing_range import RangeParams
from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.fvg import FvgParams, fvgs
from zanzibar_assets.analysis.pools import PoolParams, pools
from zanzibar_assets.analysis.stream import StreamParams, all_rows
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.analysis.wyckoff_engine import accumulation
from zanzibar_assets.analysis.wyckoff_rules import WyckoffParams
from zanzibar_assets_tests.builders.bar_walks import schematic_walk, walk
from zanzibar_assets_tests.reference import structure as slow
from zanzibar_assets_tests.reference import wyckoff as slow_wyckoff

SHAPES = [(1, 1), (2, 2), (2, 3), (4, 1), (1, 3)]
SERIES = 2_000
"""Fuzzed series that every engine is compared on: short, on small whole ticks, with many ties."""
BLOCKS = 4


def flat(rows):
    return [(r.kind, r.dir, r.event_idx, r.known_idx, r.level, r.lo, r.hi, r.ref_idx) for r in rows]


def _assert_same(rows, reference):
    assert slow.in_order(flat(rows)) == reference


def _series(seed):
    rng = np.random.default_rng(seed)
    bars = walk(seed, int(rng.integers(0, 60)), step=int(rng.integers(1, 4)))
    return bars, SHAPES[seed % len(SHAPES)]


def _seeds(block):
    return range(block * SERIES // BLOCKS, (block + 1) * SERIES // BLOCKS)


def _of(rows, *kinds):
    return [row for row in rows if row.kind in kinds]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_structure_equals_its_references(block):
    shifted = set()
    for seed in _seeds(block):
        bars, (left, right) = _series(seed)
        params = BreakParams(SwingParams(left, right), "close", 0.5, 5)
        rows = structure(bars, params)
        _assert_same(_of(rows, "swing"), slow.swings(bars, left, right))
        _assert_same(_of(rows, "bos", "choch"), slow.close_breaks(bars, left, right))
        _assert_same(_of(rows, "ob", "ob_mitigated", "breaker"), slow.order_blocks(bars, left, right))
        _assert_same(_of(rows, "swing_supersede"), slow.zigzag(bars, left, right))
        flags = slow.shifts(bars, left, right, 0.5, 5)
        for row in _of(rows, "bos", "choch"):
            found = tuple(row.attrs.get(name, False) for name in ("displacement", "gap_in_leg", "mss"))
            assert found == flags[(row.known_idx, row.dir)]
            shifted.add(found)
    assert len(shifted) == 5, "every combination that can be was met"


@pytest.mark.parametrize("block", range(BLOCKS))
def test_wick_breaks_equal_their_reference(block):
    for seed in _seeds(block):
        bars, (left, right) = _series(seed)
        found = breaks(bars, BreakParams(SwingParams(left, right), "wick"))
        _assert_same(found, slow.wick_breaks(bars, left, right))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_gaps_equal_their_reference(block):
    for seed in _seeds(block):
        bars, _ = _series(seed)
        _assert_same(fvgs(bars, FvgParams()), slow.fvgs(bars))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_pools_equal_their_reference(block):
    for seed in _seeds(block):
        bars, (left, right) = _series(seed)
        tolerance = seed % 5
        found = pools(bars, PoolParams(SwingParams(left, right), tolerance))
        _assert_same(found, slow.pools(bars, left, right, tolerance))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_zones_of_the_dealing_range_equal_their_reference(block):
    for seed in _seeds(block):
        bars, (left, right) = _series(seed)
        e = (0.0, 0.125)[seed % 2]
        stream = StreamParams(BreakParams(SwingParams(left, right)), range=RangeParams(e))
        found = _of(all_rows(BarBlock.of(bars), stream), *RANGE_KINDS)
        _assert_same(found, slow.zones(bars, left, right, e))


def test_level_sweeps_equal_their_reference():
    rng = np.random.default_rng(3)
    outcomes = set()
    for seed in range(SERIES):
        bars = walk(seed, 30)
        side, known = int(rng.choice([-1, 1])), int(rng.integers(-1, 20))
        min_pen, within = int(rng.integers(1, 4)), int(rng.integers(1, 6))
        level = bars.close[max(known, 0)] + side * int(rng.integers(-2, 12))
        found = bar_sweeps(bars, [Row("level", side, 0, known, level=level)], SweepParams(min_pen, within))
        expected = slow.bar_sweep(bars, level, side, known, min_pen, within)
        assert [row[:7] for row in flat(found)] == [row[:7] for row in expected]
        outcomes.update(row.kind for row in found)
    assert outcomes == {"level_sweep", "level_accept"}


def test_many_levels_together_are_each_alone():
    bars, rng = walk(8, 120), np.random.default_rng(8)
    drawn = zip(rng.choice([-1, 1], 60), rng.integers(0, 100, 60), rng.integers(900, 1100, 60), strict=True)
    levels = [Row("level", int(side), 0, int(known), level=int(price)) for side, known, price in drawn]
    params = SweepParams(1, 4)
    alone = [row for level in levels for row in bar_sweeps(bars, [level], params)]
    _assert_same(bar_sweeps(bars, levels, params), slow.in_order(flat(alone)))


@pytest.mark.parametrize("abandon", [None, 2.0])
def test_wyckoff_equals_its_reference(abandon):
    kinds = set()
    for seed in range(150):
        bars = schematic_walk(seed, 240) if seed % 3 else walk(seed, 240, step=4)
        params = WyckoffParams(n=(5, 9)[seed % 2], w=1 + seed % 2, sc_rv=1.8, abandon_atr=abandon)
        rows, phases = accumulation(bars, params)
        expected, expected_phases = slow_wyckoff.accumulation(bars, params)
        assert [(r.kind, r.event_idx, r.known_idx) for r in rows] == expected
        assert phases == expected_phases
        kinds.update(row.kind for row in rows)
    every = "ps sc ar st st_b ua spring sow sos bu lps markup fail"
    assert kinds >= set(every.split())
