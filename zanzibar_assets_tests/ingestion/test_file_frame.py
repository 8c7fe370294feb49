"""The frame of a file's own columns: compiled equals plain, on random records, damage and real files."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import file_frame, formats, scid
from zanzibar_assets.ingestion.file_frame import compiled_frame, decode_frame, plain_frame, true_price
from zanzibar_assets_tests.builders.sierra import FIRST_BITS, record, sub, trade, write_scid
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data
from zanzibar_assets_tests.ingestion.test_scid_columns import DAY_STAMP, random_records

T = "2024-01-03T15:00:00"
SCALE = scid.Scale("ES", tick_size=0.25, records="ticks")
NAMES = ["ts_utc", "open", "high", "low", "close", "trades", "volume", "bid_volume", "ask_volume", "side"]


def bits(frame: pl.DataFrame) -> pl.DataFrame:
    """NaN prices compared by their bits: signalling ones are to come through as they are."""
    singles = [name for name, kind in frame.schema.items() if kind == pl.Float32]
    return frame.with_columns(pl.Series(name, frame[name].to_numpy().view(np.uint32)) for name in singles)


def agree(path, *, bars_only):
    header = formats.read_header(path)
    found = compiled_frame(path, header, bars_only=bars_only)
    expected = plain_frame(np.array(formats.map_records(path, header)), bars_only=bars_only)
    assert_frame_equal(bits(found), bits(expected), check_exact=True)


def file_of(path, records, header_bytes=56):
    head = bytearray(formats.pack_scid_header())
    head[4:8] = header_bytes.to_bytes(4, "little")
    path.write_bytes(bytes(head) + b"\0" * (header_bytes - 56) + records.tobytes())
    return path


def test_a_hand_made_file(tmp_path):
    path = write_scid(
        tmp_path / "ESH24-CME.scid",
        trade(T, 4800.25, 4800.0, 4800.25, size=3),
        sub(FIRST_BITS, T, 4800.0, size=2),
        record(T, 4800.0, 4801.0, 4799.0, 4800.5, 30, 9, 4, 5),
        tail=b"torn",
    )
    frame = decode_frame(path, SCALE)
    assert frame.columns == NAMES
    assert frame.schema["ts_utc"] == pl.Datetime("us", "UTC")
    assert {frame.schema[name] for name in NAMES[1:5]} == {pl.Float32}
    assert frame["close"].to_list() == [4800.25, 4800.0, 4800.5]
    assert frame["high"].to_list() == [4800.25, 4800.0, 4801.0]
    assert frame["side"].to_list() == [1, 1, 0]
    assert frame["ts_utc"][0].isoformat() == "2024-01-03T15:00:00+00:00"


@pytest.mark.parametrize("oddness", [0.0, 0.001, 1.0])
@pytest.mark.parametrize("bars_only", [False, True])
@pytest.mark.parametrize("header_bytes", [56, 61])
def test_compiled_equals_plain(tmp_path, monkeypatch, oddness, bars_only, header_bytes):
    monkeypatch.setattr(file_frame, "BLOCK_RECORDS", 256)
    records = random_records(int(oddness * 1_000) + 1, 5_003, 0.25, oddness)
    agree(file_of(tmp_path / "A.scid", records, header_bytes), bars_only=bars_only)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.binary(max_size=40 * 70), st.booleans())
def test_compiled_equals_plain_on_random_bytes(tmp_path_factory, data, bars_only):
    records = np.frombuffer(data[: len(data) // 40 * 40], dtype=formats.SCID_DTYPE)
    agree(file_of(tmp_path_factory.getbasetemp() / "R.scid", records), bars_only=bars_only)


def test_old_and_impossible_stamps(tmp_path):
    records = random_records(4, 100, 0.25, 0.0)
    records["stamp"][[3, 50]] = DAY_STAMP, -1
    path = file_of(tmp_path / "A.scid", records)
    frame = compiled_frame(path, formats.read_header(path), bars_only=False)
    assert frame["ts_utc"].is_null().arg_true().to_list() == [50]
    assert frame["ts_utc"][3].isoformat()[:19] == "2023-03-15T17:31:12"


def test_a_file_cut_while_it_is_read_is_an_error(tmp_path):
    path = file_of(tmp_path / "A.scid", random_records(4, 100, 0.25, 0.0))
    header = formats.read_header(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceError, match="cut while it was read"):
        compiled_frame(path, header, bars_only=False)


def test_true_prices_of_a_column():
    raw = pl.DataFrame({"close": pl.Series([480_025.0, 480_033.0], dtype=pl.Float32)})
    scale = scid.Scale("ES", price_multiplier=0.01, tick_size=0.25)
    found = raw.lazy().select(true_price("close", scale)).collect()
    assert found["close"].to_list() == [4800.25, pytest.approx(4800.33)]
    assert found.schema == {"close": pl.Float64}


def test_long_files_take_the_compiled_way_with_the_same_frame(tmp_path, monkeypatch):
    path = file_of(tmp_path / "A.scid", random_records(6, 3_000, 0.25, 0.1))
    plain = decode_frame(path, SCALE)
    monkeypatch.setattr(file_frame, "COMPILED_FROM_RECORDS", 1)
    assert_frame_equal(bits(decode_frame(path, SCALE)), bits(plain), check_exact=True)


@needs_real_data
def test_compiled_equals_plain_on_real_files():
    paths = sorted(FOLDER.rglob("*.scid"))
    assert paths
    for path in paths:
        for bars_only in (False, True):
            agree(path, bars_only=bars_only)
