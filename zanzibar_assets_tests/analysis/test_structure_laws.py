"""Laws of every structure kind: prefix, chunk, mirror, shift and scale; a leak is caught by the same test."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from zanzibar_assets.analysis.breaks import BreakParams
from zanzibar_assets.analysis.columns import as_rows
from zanzibar_assets.analysis.engine import BarSeries, order_key, ordered
from zanzibar_assets.analysis.fvg import FvgParams, fvgs
from zanzibar_assets.analysis.kinds import KNOWN
from zanzibar_assets.analysis.pools import PoolParams, pools
from zanzibar_assets.analysis.stream import StreamParams, StructureStream
from zanzibar_assets.analysis.swings import swings
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.analysis.wyckoff_engine import WyckoffStream
from zanzibar_assets.analysis.wyckoff_rules import MIRRORED
from zanzibar_assets.errors import ContractError
from zanzibar_assets_tests.analysis.structure_streams import (
    KINDS,
    STREAMS,
    SWING,
    fresh,
    resumed,
    rows_of,
    table_of,
)
from zanzibar_assets_tests.builders.bar_walks import schematic_walk, walk

CUTS = 60


def series_for(name, seed, n=400):
    return schematic_walk(seed, n) if name.startswith("wyckoff") else walk(seed, n)


def assert_prefix_invariant(engine, bars, cuts):
    whole = engine(bars)
    assert whole == ordered(whole), "rows are in their one order"
    for cut in cuts:
        assert engine(bars.head(cut)) == [row for row in whole if row.known_idx < cut]


def _cuts(seed, n):
    return np.random.default_rng(seed).integers(0, n + 1, CUTS).tolist()


@pytest.mark.parametrize("name", STREAMS)
def test_every_kind_occurs_in_the_series_that_the_laws_are_tried_on(name):
    seen = {row.kind for seed in range(12) for row in rows_of(name, series_for(name, seed))}
    assert seen >= set(KINDS[name].split())


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("seed", range(6))
def test_prefix_invariance(name, seed):
    bars = series_for(name, 20 + seed)
    found = rows_of(name, bars)
    assert len(found) > 10
    assert all(row.known_idx >= row.event_idx for row in found)
    assert_prefix_invariant(lambda part: rows_of(name, part), bars, _cuts(seed, len(bars)))


@pytest.mark.parametrize("name", STREAMS)
def test_prefix_invariance_bar_by_bar_on_short_series(name):
    for seed in range(6):
        bars = series_for(name, seed, 70)
        assert_prefix_invariant(lambda part: rows_of(name, part), bars, range(71))


def _chunks(rng, n):
    """Edges of blocks: single bars, empty blocks and long ones."""
    edges = [0]
    while edges[-1] < n:
        edges.append(min(n, edges[-1] + int(rng.choice([0, 1, 1, 2, 7, 40, 200]))))
    return edges


@pytest.mark.parametrize("resume", [False, True], ids=["one_stream", "json_between_blocks"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_in_any_blocks_gives_the_batch(name, resume):
    rng = np.random.default_rng(4)
    for seed in range(12):
        block = BarBlock.of(series_for(name, seed, 500))
        whole, stream, found = table_of(name, block), fresh(name), []
        edges = _chunks(rng, len(block))
        for start, end in pairwise(edges):
            found.append(stream.feed(block.part(start, end)))
            if resume:
                stream = resumed(stream)
        assert np.array_equal(np.concatenate(found, axis=1), whole)


@pytest.mark.parametrize("name", STREAMS)
def test_truncation_by_known_time_is_what_a_stream_has_said(name):
    """What a live stream has published by bar t is the batch's rows known by t, bar after bar."""
    block = BarBlock.of(series_for(name, 3, 150))
    whole, stream, said = table_of(name, block), fresh(name), 0
    for t in range(len(block)):
        said += stream.feed(block.part(t, t + 1)).shape[1]
        assert said == int((whole[KNOWN] <= t).sum())


def test_a_snapshot_holds_only_what_still_lives():
    stream, sizes = fresh("close"), []
    block = BarBlock.of(walk(5, 6_000))
    for start in range(0, 6_000, 1_000):
        stream.feed(block.part(start, start + 1_000))
        sizes.append(len(str(stream.snapshot())))
    assert max(sizes[1:]) < 5 * sizes[0]
    gaps = stream.snapshot()["engines"]["fvg"]["gaps"]["shape"][1]
    inverted = [row.ref for row in as_rows(table_of("close", block)) if row.kind == "fvg_invert"]
    made = [row for row in as_rows(table_of("close", block)) if row.kind == "fvg"]
    assert gaps == len(made) - len(inverted)


def test_a_snapshot_of_other_parameters_is_refused():
    saved = fresh("close").snapshot()
    other = StreamParams(BreakParams(SWING, "wick"), FvgParams())
    with pytest.raises(ContractError, match="other parameters"):
        StructureStream.restore(saved, other)
    wyckoff = fresh("wyckoff")
    with pytest.raises(ContractError, match="other parameters"):
        WyckoffStream.restore(wyckoff.snapshot(), replace(wyckoff.params, w=wyckoff.params.w + 1))


@pytest.mark.parametrize("name", ["close", "wyckoff"])
def test_a_document_that_is_no_snapshot_is_refused(name):
    with pytest.raises(ContractError, match="other parameters"):
        type(fresh(name)).restore({"format": 99}, fresh(name).params)


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


def test_a_full_sample_tolerance_is_caught():
    """Pools whose tolerance is a share of the whole series' range, as a public library has it."""

    def scaled(bars):
        reach = max(bars.high, default=0) - min(bars.low, default=0)
        return pools(bars, PoolParams(SWING, max(1, reach // 50)))

    bars = walk(21, 400)
    with pytest.raises(AssertionError):
        assert_prefix_invariant(scaled, bars, _cuts(1, len(bars)))


def _mirrored(row):
    if row is None:
        return None
    level, lo, hi = (None if price is None else -price for price in (row.level, row.hi, row.lo))
    attrs = dict(row.attrs)
    if "extreme_ticks" in attrs:
        attrs["extreme_ticks"] = -attrs["extreme_ticks"]
    kind = {"premium": "discount", "discount": "premium"}.get(row.kind, row.kind)
    return replace(
        row, kind=kind, dir=-row.dir, level=level, lo=lo, hi=hi, ref=_mirrored(row.ref), attrs=attrs
    )


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("wyckoff")])
@pytest.mark.parametrize("seed", range(8))
def test_mirror(name, seed):
    bars = walk(seed, 250)
    flipped = ordered(_mirrored(row) for row in rows_of(name, bars.mirrored()))
    assert rows_of(name, bars) == flipped


@pytest.mark.parametrize("name", ["wyckoff", "wyckoff_2"])
def test_mirror_renames_wyckoff_kinds(name):
    rename = {**MIRRORED, **{new: old for old, new in MIRRORED.items()}}
    bars = schematic_walk(5, 400)

    def plain(rows, sign, names):
        return sorted(
            (names.get(r.kind, r.kind), sign * r.dir, r.event_idx, r.known_idx, sign * r.level) for r in rows
        )

    assert plain(rows_of(name, bars), 1, {}) == plain(rows_of(name, bars.mirrored()), -1, rename)


def _moved(bars, factor, shift):
    sides = (bars.open, bars.high, bars.low, bars.close)
    return BarSeries(*([factor * price + shift for price in side] for side in sides), bars.volume)


SHIFT_AND_SCALE = [("close", 3, -500), ("wyckoff", 3, -500), ("wyckoff_2", 3, -500)]
SHIFT = [(name, 1, 777) for name in STREAMS]


@pytest.mark.parametrize(("name", "factor", "shift"), [*SHIFT_AND_SCALE, *SHIFT])
def test_shift_and_scale(name, factor, shift):
    """What is not given in ticks keeps its place at any scale; everything does under a shift."""
    bars = series_for(name, 11)

    def places(rows, a, b):
        prices = [[None if p is None else a * p + b for p in (r.level, r.lo, r.hi)] for r in rows]
        return [(r.kind, r.dir, r.event_idx, r.known_idx, *p) for r, p in zip(rows, prices, strict=True)]

    moved = rows_of(name, _moved(bars, factor, shift))
    assert places(moved, 1, 0) == places(rows_of(name, bars), factor, shift)


def test_scale_of_tolerances_given_in_ticks():
    bars = walk(11, 220)
    small, large = pools(bars, PoolParams(SWING, 2)), pools(_moved(bars, 4, 9), PoolParams(SWING, 8))
    assert [order_key(r)[:4] for r in small] == [order_key(r)[:4] for r in large]
