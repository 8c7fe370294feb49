"""Raw depth frames."""

import pytest

from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.depth import iter_chunks, read_depth
from zanzibar_assets.ingestion.scid import scale_of
from zanzibar_assets.ingestion.sources import find_sources, select_slices
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import depth, sc_days, us, write_depth

KNOWN = load_instruments()
T = "2024-08-08T15:00:00"


def read(path, chunk_records=1000):
    scale = scale_of("BTCUSDT_PERP_BINANCE", KNOWN["BTCUSDT"])
    (frame,) = iter_chunks(path, formats.read_header(path), scale, chunk_records=chunk_records)
    assert breaches("raw_depth", frame) == []
    return frame


def test_a_record_becomes_a_row(tmp_path):
    frame = read(
        write_depth(tmp_path / "x.depth", depth(T, 1), depth(T, 2, 61800.2, 2909, flags=1, orders=4))
    )
    assert frame.rows(named=True)[1] == {
        "ts_utc": frame["ts_utc"][0], "seq": 1, "source": "x.depth", "command": 2, "flags": 1,
        "num_orders": 4, "price": 61800.2, "size": 2.909, "defect": None,
    }  # fmt: skip
    assert frame["price"][0] is None


def test_old_float_day_stamps(tmp_path):
    frame = read(
        write_depth(tmp_path / "x.depth", sc_days("2012-05-04T12:00:00.25") + depth(0, 2, 1.0, 1)[8:])
    )
    assert frame["ts_utc"].dt.timestamp("us").to_list() == [us("2012-05-04T12:00:00.25")]


@pytest.mark.parametrize(
    ("bad", "defect"),
    [
        (depth(0, 2, 1.0, 1), "impossible_stamp"),
        (depth(T, 8, 1.0, 1), "unknown_command"),
        (depth(T, 2, float("nan"), 1), "nan_price"),
        (depth(T, 2, float("inf"), 1), "nan_price"),
        (depth(T, 3, 0.0, 1), "nonpositive_price"),
        (depth(T, 3, 1.0, 2**32 - 1), "count_over_int_max"),
        (depth(T, 3, 1.05, 1), "off_grid"),
    ],
)
def test_what_cannot_be_true_is_named_and_kept(tmp_path, bad, defect):
    assert read(write_depth(tmp_path / "x.depth", bad))["defect"].to_list() == [defect]


def test_a_session_read_from_two_files_names_both(tmp_path):
    es = KNOWN["ES"]
    write_depth(tmp_path / "ESH24-CME.2024-01-03.depth", depth("2024-01-03T23:30:00", 1, flags=1))
    write_depth(tmp_path / "ESH24-CME.2024-01-04.depth", depth("2024-01-04T00:00:00", 1, flags=1))
    frame = read_depth(select_slices(find_sources(tmp_path, [es]), es, "2024-01-04").depth, es)
    assert frame.select("source", "seq").rows() == [
        ("ESH24-CME.2024-01-03.depth", 0),
        ("ESH24-CME.2024-01-04.depth", 0),
    ]
    assert breaches("raw_depth", read_depth([], es)) == []
