"""Laws of every structure engine: prefix, mirror, shift and scale; a leak is caught by the same test."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from zanzibar_assets.analysis.bar_sweeps import SweepEngine, SweepParams
from zanzibar_assets.analysis.breaks import BreakEngine, BreakParams, breaks
from zanzibar_assets.analysis.engine import BarSeries, order_key, ordered
from zanzibar_assets.analysis.fvg import FvgEngine, FvgParams, fvgs
from zanzibar_assets.analysis.order_blocks import OrderBlockEngine, order_blocks
from zanzibar_assets.analysis.pools import PoolEngine, PoolParams, pools
from zanzibar_assets.analysis.swings import SwingEngine, SwingParams, swings
from zanzibar_assets.analysis.wyckoff_engine import MIRRORED, wyckoff
from zanzibar_assets.analysis.wyckoff_rules import WyckoffParams
from zanzibar_assets_tests.builders.bar_walks import schematic_walk, walk

SWING = SwingParams(2, 3)
CUTS = 40


class EveryEngine:
    """All engines that feed on swings, stepped together: the snapshot is a copy of this object."""

    def __init__(self):
        self.swing, self.broken = SwingEngine(SWING), BreakEngine(BreakParams(SWING))
        self.gap, self.block = FvgEngine(FvgParams()), OrderBlockEngine()
        self.pool, self.sweep = PoolEngine(PoolParams(SWING, 2)), SweepEngine(SweepParams(1, 4))

    def step(self, bars, t):
        broken = self.broken.step(bars, t)
        found = [*self.sweep.step(bars, t), *broken, *self.block.step(bars, t, broken)]
        found += [*self.gap.step(bars, t), *self.pool.step(bars, t)]
        confirmed = self.swing.step(bars, t)
        self.broken.ingest(confirmed)
        formed = self.pool.ingest(t, confirmed)
        for level in (*confirmed, *formed):
            self.sweep.arm(level)
        return ordered([*found, *confirmed, *formed])


def every_engine(bars):
    engine = EveryEngine()
    return [row for t in range(len(bars)) for row in engine.step(bars, t)]


def swept_levels(bars):
    """Bar-level outcomes of the series' own swings and pools."""
    return [row for row in every_engine(bars) if row.kind in ("level_sweep", "level_accept")]


ENGINES = {
    "swing": lambda bars: swings(bars, SWING),
    "breaks_close": lambda bars: breaks(bars, BreakParams(SWING)),
    "breaks_wick": lambda bars: breaks(bars, BreakParams(SWING, "wick")),
    "fvg": lambda bars: fvgs(bars, FvgParams()),
    "fvg_filtered": lambda bars: fvgs(bars, FvgParams(2, 0.5, 5)),
    "ob": lambda bars: order_blocks(bars, SWING),
    "pool": lambda bars: pools(bars, PoolParams(SWING, 2)),
    "pool_atr": lambda bars: pools(bars, PoolParams(SWING, 1, 0.75, 6)),
    "sweep": swept_levels,
    "wyckoff": lambda bars: wyckoff(bars, WyckoffParams(w=2, sc_rv=1.8)),
    "wyckoff_2": lambda bars: wyckoff(bars, WyckoffParams(n=8, sc_rv=1.8, abandon_atr=2.0)),
}


def series_for(name, seed, n=220):
    return schematic_walk(seed, n) if name.startswith("wyckoff") else walk(seed, n)


def assert_prefix_invariant(engine, bars, cuts):
    whole = engine(bars)
    assert whole == ordered(whole), "rows are in their one order"
    for cut in cuts:
        assert engine(bars.head(cut)) == [row for row in whole if row.known_idx < cut]


def _cuts(seed, n):
    return np.random.default_rng(seed).integers(0, n + 1, CUTS).tolist()


@pytest.mark.parametrize("name", ENGINES)
def test_prefix_invariance(name):
    bars = series_for(name, 21)
    found = ENGINES[name](bars)
    assert len(found) > 10
    assert all(row.known_idx >= row.event_idx for row in found)
    assert_prefix_invariant(ENGINES[name], bars, _cuts(1, len(bars)))


@pytest.mark.parametrize("name", ENGINES)
def test_prefix_invariance_bar_by_bar_on_short_series(name):
    for seed in range(4):
        bars = series_for(name, seed, 60)
        assert_prefix_invariant(ENGINES[name], bars, range(61))


def test_a_stream_resumed_from_snapshots_gives_the_batch():
    bars, rng = walk(33, 240), np.random.default_rng(4)
    for _ in range(10):
        engine, found, t = EveryEngine(), [], 0
        while t < len(bars):
            for _ in range(int(rng.integers(1, 60))):
                if t < len(bars):
                    found += engine.step(bars.head(t + 1), t)
                    t += 1
            engine = pickle.loads(pickle.dumps(engine))  # noqa: S301 - our own snapshot
        assert found == every_engine(bars)


def test_a_leaking_twin_is_caught():
    """Swings published on their own bar, not when their right side has closed."""

    def unshifted(bars):
        return ordered(replace(row, known_idx=row.event_idx) for row in swings(bars, SWING))

    bars = walk(21, 220)
    with pytest.raises(AssertionError):
        assert_prefix_invariant(unshifted, bars, _cuts(1, len(bars)))


def test_a_centred_baseline_is_caught():
    """Gaps filtered by a mean range that includes later bars."""

    def centred(bars):
        ranges = [high - low for high, low in zip(bars.high, bars.low, strict=True)]
        usual = [np.mean(ranges[max(0, t - 3) : t + 4]) for t in range(len(bars))]
        gaps = [row for row in fvgs(bars, FvgParams()) if row.kind == "fvg"]
        return [row for row in gaps if row.hi - row.lo >= 0.5 * usual[row.known_idx]]

    bars = walk(21, 220)
    with pytest.raises(AssertionError):
        assert_prefix_invariant(centred, bars, _cuts(1, len(bars)))


def _mirrored(row):
    if row is None:
        return None
    level, lo, hi = (None if price is None else -price for price in (row.level, row.hi, row.lo))
    attrs = dict(row.attrs)
    if "extreme_ticks" in attrs:
        attrs["extreme_ticks"] = -attrs["extreme_ticks"]
    return replace(row, dir=-row.dir, level=level, lo=lo, hi=hi, ref=_mirrored(row.ref), attrs=attrs)


@pytest.mark.parametrize("name", [name for name in ENGINES if not name.startswith("wyckoff")])
@pytest.mark.parametrize("seed", range(5))
def test_mirror(name, seed):
    bars = walk(seed, 150)
    flipped = ordered(_mirrored(row) for row in ENGINES[name](bars.mirrored()))
    assert ENGINES[name](bars) == flipped


@pytest.mark.parametrize("name", ["wyckoff", "wyckoff_2"])
def test_mirror_renames_wyckoff_kinds(name):
    rename = {**MIRRORED, **{new: old for old, new in MIRRORED.items()}}
    bars = schematic_walk(5, 400)

    def plain(rows, sign, names):
        return sorted(
            (names.get(r.kind, r.kind), sign * r.dir, r.event_idx, r.known_idx, sign * r.level) for r in rows
        )

    assert plain(ENGINES[name](bars), 1, {}) == plain(ENGINES[name](bars.mirrored()), -1, rename)


def _moved(bars, factor, shift):
    sides = (bars.open, bars.high, bars.low, bars.close)
    return BarSeries(*([factor * price + shift for price in side] for side in sides), bars.volume)


IN_TICKS = ("pool", "pool_atr", "fvg_filtered")


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in IN_TICKS])
def test_shift_and_scale(name):
    bars = series_for(name, 11)
    factor, shift = (1, 777) if name == "sweep" else (3, -500)

    def places(rows, a, b):
        prices = [[None if p is None else a * p + b for p in (r.level, r.lo, r.hi)] for r in rows]
        return [(r.kind, r.dir, r.event_idx, r.known_idx, *p) for r, p in zip(rows, prices, strict=True)]

    moved = ENGINES[name](_moved(bars, factor, shift))
    assert places(moved, 1, 0) == places(ENGINES[name](bars), factor, shift)


def test_scale_of_tolerances_given_in_ticks():
    bars = walk(11, 220)
    small, large = pools(bars, PoolParams(SWING, 2)), pools(_moved(bars, 4, 9), PoolParams(SWING, 8))
    assert [order_key(r)[:4] for r in small] == [order_key(r)[:4] for r in large]
