"""The compiled pass gives what the plain decoding gives, on random records, damage and real files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.ingestion import formats, scid, scid_columns
from zanzibar_assets.ingestion.record_kinds import GroupState

SCALES = {
    "quarter tick": scid.Scale("A", tick_size=0.25, records="ticks"),
    "tenth tick": scid.Scale("B", tick_size=0.1, records="ticks"),
    "hundredfold prices": scid.Scale("C", price_multiplier=0.01, tick_size=0.25, records="ticks"),
    "no tick": scid.Scale("D", records="ticks"),
    "parts of a lot": scid.Scale("E", volume_multiplier=0.001, tick_size=0.5, records="ticks"),
    "ten points": scid.Scale("F", tick_size=10.0, records="ticks"),
}
DAY_STAMP = np.array([45_000.73], dtype="<f8").view("<i8")[0]


def random_records(seed: int, count: int, tick: float, oddness: float) -> np.ndarray:
    """Usual trades with unbundled ones, bars, quotes, plain ticks, damage and old stamps mixed in."""
    rng = np.random.default_rng(seed)
    records = np.zeros(count, dtype=formats.SCID_DTYPE)
    unix = 1_700_000_000_000_000 + np.cumsum(rng.integers(0, 400_000, count))
    records["stamp"] = formats.sierra_stamps(unix)
    price = (40_000 + np.cumsum(rng.integers(-2, 3, count))) * tick
    records["close"], records["low"], records["high"] = price, price - tick, price + tick
    records["trades"], records["volume"] = 1, rng.integers(0, 5, count)
    records["ask_volume"] = rng.integers(0, 3, count)
    records["bid_volume"] = rng.integers(0, 3, count)

    def some(share: float) -> np.ndarray:
        return rng.random(count) < share * oddness

    records["open"][some(0.1)] = formats.FIRST_SUB_TRADE
    records["open"][some(0.1)] = formats.LAST_SUB_TRADE
    bars = some(0.1)
    records["open"][bars], records["trades"][bars] = price[bars], rng.integers(0, 4, bars.sum())
    flat = some(0.1)
    for name in ("open", "high", "low"):
        records[name][flat] = price[flat]
    for name in ("open", "high", "low", "close"):
        for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 3.4e38, 1e-40, tick / 3):
            records[name][some(0.01)] = value
    for name in ("trades", "volume", "bid_volume", "ask_volume"):
        records[name][some(0.01)] = 2**31
        records[name][some(0.01)] = 0
    for stamp in (DAY_STAMP, 0, -1, 2**62, -(2**63), 2**63 - 1, formats.SC_UNIX_OFFSET_US - 1):
        records["stamp"][some(0.01)] = stamp
    return records


def both(records: np.ndarray, scale: scid.Scale, bars_only: bool = False, first: int = 7):
    """Frames and end states of the compiled and of the plain decoding."""
    fast, plain = GroupState(3, 1_700_000_000_000_000), GroupState(3, 1_700_000_000_000_000)
    columns = scid_columns.decode_columns(
        records, first, scale.price_multiplier, scale.tick_size, fast, bars_only=bars_only
    )
    lean = scid_columns.tick_frame(columns, first, scale.volume_multiplier)
    frame = scid_columns.with_texts(lean, scale.symbol)
    return frame, fast, scid.decode_plainly(records, first, scale, plain, bars_only=bars_only), plain


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("oddness", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("bars_only", [False, True])
def test_equals_the_plain_decoding(scale, oddness, bars_only, monkeypatch):
    monkeypatch.setattr(scid_columns, "BLOCK_RECORDS", 1_024)
    tick = (scale.tick_size or 0.25) / scale.price_multiplier
    records = random_records(int(oddness * 100) + bars_only, 9_003, tick, oddness)
    frame, fast, expected, plain = both(records, scale, bars_only)
    assert_frame_equal(frame, expected, check_exact=True)
    assert fast == plain


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.binary(min_size=0, max_size=40 * 70), st.sampled_from(sorted(SCALES)))
def test_equals_the_plain_decoding_on_random_bytes(data, name):
    records = np.frombuffer(data[: len(data) // 40 * 40], dtype=formats.SCID_DTYPE)
    frame, fast, expected, plain = both(records, SCALES[name])
    assert_frame_equal(frame, expected, check_exact=True)
    assert fast == plain


def test_equals_the_plain_decoding_on_many_random_bytes():
    data = np.random.default_rng(5).integers(0, 256, 40 * 20_000, dtype=np.uint8)
    frame, fast, expected, plain = both(data.view(formats.SCID_DTYPE), SCALES["tenth tick"])
    assert_frame_equal(frame, expected, check_exact=True)
    assert fast == plain


@pytest.mark.parametrize("first_mark", [None, "first", "last"])
def test_a_trade_open_over_many_blocks_gathers_all_of_them(first_mark, monkeypatch):
    monkeypatch.setattr(scid_columns, "BLOCK_RECORDS", 16)
    records = random_records(1, 100, 0.25, 0.0)
    records["stamp"] = formats.sierra_stamps(np.full(100, 1_700_000_000_000_000))
    records["volume"] = 1
    records["open"][5] = formats.FIRST_SUB_TRADE
    if first_mark:
        records["open"][77] = formats.FIRST_SUB_TRADE if first_mark == "first" else formats.LAST_SUB_TRADE
    frame, fast, expected, plain = both(records, SCALES["quarter tick"])
    assert_frame_equal(frame, expected, check_exact=True)
    assert fast == plain
    inside = frame.filter(pl.col("trade_id") == 12)
    assert inside["seq"].max() == {None: 106, "first": 83, "last": 84}[first_mark]


def test_chunks_join_and_the_header_may_have_any_length(tmp_path):
    records = random_records(2, 4_000, 0.25, 1.0)
    plain_header = bytearray(formats.pack_scid_header())
    plain_header[4:8] = (61).to_bytes(4, "little")
    path = tmp_path / "A.scid"
    path.write_bytes(bytes(plain_header) + b"\0" * 5 + records.tobytes())
    scale = SCALES["quarter tick"]
    joined = pl.concat(scid.iter_chunks(path, formats.read_header(path), scale, chunk_records=333))
    whole = scid.decode_plainly(records, 0, scale, GroupState(), bars_only=False)
    assert_frame_equal(joined, whole, check_exact=True)


def test_long_runs_take_the_compiled_pass_with_the_same_frame():
    records = random_records(3, scid.COMPILED_FROM_RECORDS, 0.25, 0.05)
    scale = SCALES["quarter tick"]
    found = scid.decode_records(records, 0, scale, GroupState(), bars_only=False)
    expected = scid.decode_plainly(records, 0, scale, GroupState(), bars_only=False)
    assert_frame_equal(found, expected, check_exact=True)


def test_equals_the_plain_decoding_on_real_files():
    folder = os.environ.get("ZANZIBAR_REAL_DATA")
    if not folder:
        pytest.skip("ZANZIBAR_REAL_DATA is not set")
    paths = sorted(Path(folder).rglob("*.scid"))
    assert paths
    for path in paths:
        header = formats.read_header(path)
        records = np.array(formats.map_records(path, header))
        for scale in SCALES.values():
            frame, fast, expected, plain = both(records, scale, scid.holds_bars(path, header, scale))
            assert_frame_equal(frame, expected, check_exact=True)
            assert fast == plain
