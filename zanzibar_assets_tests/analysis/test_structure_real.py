"""Laws of the structure engines on a real minute file: prefix, truncation, blocks, mirror."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from zanzibar_assets.analysis.columns import as_rows
from zanzibar_assets.analysis.engine import ordered
from zanzibar_assets.analysis.kinds import KNOWN
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.ingestion import formats
from zanzibar_assets_tests.analysis.structure_streams import STREAMS, fresh, resumed, table_of
from zanzibar_assets_tests.analysis.test_structure_laws import _mirrored
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

PART, CUTS = 6_000, 40


@cache
def minute_bars() -> BarBlock:
    """Bars of the file, one a record, in thousandths of a dollar."""
    path = FOLDER / "BTCPERP-1M.scid"
    records = formats.map_records(path, formats.read_header(path))
    sides = np.stack([records[name].astype(np.float64) for name in ("open", "high", "low", "close")])
    ohlc = np.ascontiguousarray(np.rint(sides * 1_000).astype(np.int64))
    return BarBlock(ohlc, records["volume"].astype(np.float64), np.zeros(len(records), np.int64))


@needs_real_data
@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_gives_the_rows_known_by_then(name):
    whole = table_of(name, minute_bars())
    assert whole.shape[1] > 50
    cuts = np.random.default_rng(1).integers(1, len(minute_bars()) + 1, CUTS)
    for cut in cuts.tolist():
        part = table_of(name, minute_bars().part(0, cut))
        assert np.array_equal(part, whole[:, whole[KNOWN] < cut])


@needs_real_data
@pytest.mark.parametrize("name", STREAMS)
def test_blocks_with_json_between_them_give_the_batch(name):
    rng, bars = np.random.default_rng(2), minute_bars()
    edges = [0, *sorted(rng.choice(len(bars), 30, replace=False).tolist()), len(bars)]
    stream, found = fresh(name), []
    for start, end in itertools.pairwise(edges):
        found.append(stream.feed(bars.part(start, end)))
        stream = resumed(stream)
    assert np.array_equal(np.concatenate(found, axis=1), table_of(name, bars))


@needs_real_data
@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("wyckoff")])
def test_the_mirror_flips_sides_and_keeps_places(name):
    bars = minute_bars().part(0, PART)
    flipped = ordered(_mirrored(row) for row in as_rows(table_of(name, bars.mirrored())))
    assert as_rows(table_of(name, bars)) == flipped
