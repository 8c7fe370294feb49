"""The compiled decoding of depth records against the plain one."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.book import TopRows
from zanzibar_assets.ingestion.book_frames import key_prices, price_frame
from zanzibar_assets.ingestion.depth_arrays import decode_block, depth_arrays
from zanzibar_assets.ingestion.scid import Scale
from zanzibar_assets_tests.builders.sierra import depth, sc_days, sc_us

SCALES = [
    Scale("quarter", tick_size=0.25),
    Scale("tenth of lots", tick_size=0.1, volume_multiplier=0.001),
    Scale("hundredfold", tick_size=0.25, price_multiplier=0.01),
    Scale("unknown"),
]
stamps = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(sc_us("2024-01-01"), sc_us("2024-12-31")),
    st.floats(-1e6, 1e6).map(lambda days: struct.unpack("<q", struct.pack("<d", days))[0]),
)
prices = st.one_of(
    st.integers(1, 40_000).map(lambda n: n / 4),
    st.integers(500_000, 700_000).map(lambda n: n / 10),
    st.floats(width=32),
)
records = st.tuples(
    stamps,
    st.integers(0, 255),
    st.integers(0, 3),
    prices,
    st.one_of(st.integers(0, 99), st.integers(0, 2**32 - 1)),
)


@given(st.lists(records, max_size=40), st.sampled_from(SCALES))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_compiled_arrays_equal_the_plain_ones(rows, scale):
    data = b"".join(struct.pack("<qBBHfII", t, c % 9, f, 0, p, q, 0) for t, c, f, p, q in rows)
    found = np.frombuffer(data, dtype=formats.DEPTH_DTYPE)
    with np.errstate(over="ignore", invalid="ignore"):
        plain, defect = depth_arrays(found, scale)
    tally = np.zeros(3, dtype=np.int64)
    fast = decode_block(found, scale, tally)
    for got, wanted in zip(fast, plain, strict=True):
        np.testing.assert_array_equal(got, wanted)
    true = plain.stamps_us[plain.stamps_us > 0]
    span = [true.min(), true.max()] if len(true) else [0, 0]
    assert tally.tolist() == [(defect > 0).sum(), *span]


def test_old_float_day_stamps():
    days = struct.unpack("<q", sc_days("2013-10-07T12:34:56.789012"))[0]
    found = np.frombuffer(depth(days, 2, 100.0, 5, flags=1), dtype=formats.DEPTH_DTYPE)
    fast = decode_block(found, SCALES[0], np.zeros(3, dtype=np.int64))
    plain, _ = depth_arrays(found, SCALES[0])
    assert fast.stamps_us.tolist() == plain.stamps_us.tolist()
    assert abs(fast.stamps_us[0] - (sc_us("2013-10-07T12:34:56.789012") - formats.SC_UNIX_OFFSET_US)) <= 1


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("seed", range(3))
def test_columns_equal_the_plain_rounding(scale, seed):
    rng = np.random.default_rng(seed)
    count, levels = 1 + 70 * seed, 3
    keys = rng.integers(1, 10**6, (count, 2 * levels))
    if scale.tick_size is None:
        keys = rng.uniform(1, 1e5, (count, 2 * levels)).astype("<f4").view("<i4").astype(np.int64)
    sizes = np.where(rng.random(keys.shape) < 0.1 * seed, 0.0, rng.integers(1, 9, keys.shape) / 4)
    stamps_us = np.arange(count, dtype=np.int64)
    frame = price_frame(TopRows(stamps_us, stamps_us, sizes[:, 0] > 0, keys, sizes), levels, scale)
    wanted = np.where(sizes > 0, key_prices(keys, scale), np.nan)
    for column in range(2 * levels):
        name = f"{'bid' if column < levels else 'ask'}_{{}}_{column % levels + 1}".format
        np.testing.assert_array_equal(frame[name("price")].to_numpy(), wanted[:, column])
        there = sizes[:, column] > 0
        assert frame[name("size")].to_list() == [
            s if t else None for s, t in zip(sizes[:, column], there, strict=True)
        ]
