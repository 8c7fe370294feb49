"""``zanzibar ticks`` and ``zanzibar book``: figures, columns, exit codes, nothing written unasked."""

import json

import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.commands import _decode_book
from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets_tests.builders.sierra import depth, record, trade, write_depth, write_scid
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

T = "2024-01-03T15:00:00"
TICK_COLUMNS = ["ts_utc", "seq", "price", "size", "side", "bid", "ask", "trade_id", "kind", "zero_size"]


def run(*arguments):
    """JSON document and standard error of a command that must end well."""
    result = CliRunner().invoke(root, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def refused(*arguments):
    result = CliRunner().invoke(root, [*map(str, arguments)])
    assert result.exit_code != 0
    return result.exception


def test_ticks_counts_and_columns(tmp_path):
    path = write_scid(
        tmp_path / "ESH24-CME.scid",
        trade(T, 4800.25, 4800.0, 4800.25, size=3),
        trade(T, 4800.1, 4800.0, 4800.25, size=9),
        trade("2024-01-03T15:00:01", 4800.0, 4800.0, 4800.25, size=2, side=-1),
        record("2024-01-03T15:00:02", 4800.0, 4800.0, 4800.0, 4800.0, 1, 0),
        tail=b"torn!",
    )
    found, said = run("ticks", path, "--out", tmp_path / "o.parquet")
    assert found.pop("seconds") >= 0
    assert said == ""
    assert found == {
        "records": 4, "rows": 3, "quarantined": 1, "quarantined_by": {"off_grid": 1}, "torn_bytes": 5,
        "first_utc": "2024-01-03T15:00:00Z", "last_utc": "2024-01-03T15:00:02Z",
        "volume": 5, "bid_volume": 2, "ask_volume": 3, "simulated": False, "warnings": [],
        "quarantine_sample": [{"rule": "off_grid", "byte_offset": 56 + 40, "seq": 1}],
    }  # fmt: skip
    frame = pl.read_parquet(tmp_path / "o.parquet")
    assert frame.columns == TICK_COLUMNS
    assert frame.schema["ts_utc"] == pl.Datetime("us", "UTC")
    assert frame["side"].to_list() == [1, -1, 0]
    assert frame["zero_size"].to_list() == [False, False, True]


def test_bar_columns_come_even_when_bars_come_late(tmp_path, monkeypatch):
    monkeypatch.setattr("zanzibar_assets.ingestion.scid.AUTO_PROBE_RECORDS", 2)
    path = write_scid(
        tmp_path / "ESH24-CME.scid",
        *[trade(T, 100.0, 100.0, 100.25)] * 4,
        record(T, 100.0, 101.0, 99.0, 100.5, 30, 9),
    )
    run("ticks", path, "--out", tmp_path / "o.parquet")
    frame = pl.read_parquet(tmp_path / "o.parquet")
    assert frame.columns == [*TICK_COLUMNS, "open", "high", "low", "trades"]
    assert frame["open"].to_list() == [None] * 4 + [100.0]


def test_an_empty_file_gives_a_typed_empty_table(tmp_path):
    found, _ = run("ticks", write_scid(tmp_path / "ESH24-CME.scid"), "--out", tmp_path / "o.parquet")
    assert (found["records"], found["first_utc"]) == (0, None)
    assert pl.read_parquet(tmp_path / "o.parquet").schema["price"] == pl.Float64
    found, _ = run(
        "book", write_depth(tmp_path / "ESH24-CME.2024-01-03.depth"), "--out", tmp_path / "b.parquet"
    )
    assert (found["batches"], pl.read_parquet(tmp_path / "b.parquet").width) == (0, 41)


def test_unknown_symbol_is_said(tmp_path):
    found, said = run("ticks", write_scid(tmp_path / "WHAT.scid", trade(T, 1.03, 1.0, 1.25)))
    assert "'WHAT' is in no source pattern" in said
    assert found["rows"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["WHAT.scid"]


def test_text_needs_its_zone(tmp_path):
    path = tmp_path / "ESM18.dly_BarData.txt"
    head = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
    path.write_text(head + "2015/6/9, 00:00:00, 2027.25, 2032.00, 2016.00, 2027.25, 1446234, 0, 0, 0\n")
    error = refused("ticks", path)
    assert isinstance(error, UsageError)
    assert "--tz" in str(error)
    found, _ = run("ticks", path, "--tz", "America/Chicago")
    assert (found["rows"], found["first_utc"]) == (1, "2015-06-09T05:00:00Z")


def test_the_wrong_command_for_a_file_says_which_to_use(tmp_path):
    path = write_depth(tmp_path / "ESH24-CME.2024-01-03.depth", depth(T, 1, flags=1))
    assert isinstance(refused("ticks", path), FormatError)
    assert isinstance(refused("book", write_scid(tmp_path / "a.scid")), FormatError)


def test_a_failed_run_leaves_no_half_file(tmp_path):
    path = write_scid(tmp_path / "a.scid", trade(T, 1.0, 1.0, 1.25))
    refused("book", path, "--out", tmp_path / "o.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.scid"]


def test_book_rows_on_change_of_batch_and_on_a_grid(tmp_path):
    path = write_depth(
        tmp_path / "ESH24-CME.2024-01-03.depth",
        depth(T, 1), depth(T, 2, 100.0, 5), depth(T, 3, 100.25, 6, flags=1),
        depth("2024-01-03T15:00:00.020", 4, 100.0, 7, flags=1),
        depth("2024-01-03T15:00:00.300", 2, 100.5, 1, flags=1),
    )  # fmt: skip
    found, _ = run("book", path, "--levels", 2, "--out", tmp_path / "all.parquet")
    wanted = {"records": 5, "batches": 3, "snapshots": 1, "rows": 3, "crossed_batches": 1, "quarantined": 0}
    assert {key: found[key] for key in wanted} == wanted
    assert (found["first_utc"], found["last_utc"]) == ("2024-01-03T15:00:00Z", "2024-01-03T15:00:00.300000Z")
    run("book", path, "--levels", 1, "--every", "100ms", "--out", tmp_path / "grid.parquet")
    grid = pl.read_parquet(tmp_path / "grid.parquet")
    assert grid.columns == ["ts_utc", "bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1"]
    assert grid["ts_utc"].dt.strftime("%S%.3f").to_list() == ["00.100", "00.400"]
    assert grid["bid_size_1"].to_list() == [7.0, 1.0]


@pytest.mark.parametrize(
    ("step", "micros"),
    [("0", 0), ("0ms", 0), ("100ms", 100_000), ("1s", 1_000_000), ("5m", 300_000_000), ("250us", 250)],
)
def test_grid_steps(step, micros):
    assert _decode_book.parse_step_us(step) == micros


@pytest.mark.parametrize("step", ["", "100", "-1s", "1.5s", "25h", "fast"])
def test_wrong_grid_steps(step):
    with pytest.raises(UsageError):
        _decode_book.parse_step_us(step)


@pytest.mark.parametrize("name", ["ticks", "book"])
def test_help_has_an_example(name):
    shown = CliRunner().invoke(root, [name, "--help"]).output
    assert f"Example:  zanzibar {name}" in shown


@needs_real_data
def test_real_files_agree_with_their_manifest(tmp_path):
    figures = {
        "ES_unbundled_20230221_seandunaway.scid": (10, 10, 8, 2),
        "ESH24-CME.scid": (6_171, 9_892, 4_526, 5_322),
        "BTCUSDT_PERP_BINANCE.scid": (21_313, 2_429_366, 1_177_790, 1_251_576),
        "GCZ13-COMEX.scid": (91_740, 124_299, 0, 0),
    }
    for name, (records, volume, bid, ask) in figures.items():
        found, _ = run("ticks", FOLDER / name, "--out", tmp_path / "o.parquet")
        assert found["records"] == found["rows"] == records
        assert (found["volume"], found["bid_volume"], found["ask_volume"]) == (volume, bid, ask)
        assert (found["quarantined"], found["torn_bytes"]) == (0, 0)
        assert pl.read_parquet(tmp_path / "o.parquet").height == records
    found, _ = run("book", FOLDER / "ESH24-CME.2023-12-25.depth")
    assert (found["records"], found["snapshots"], found["crossed_batches"]) == (74_781, 12, 894)
    found, _ = run("book", FOLDER / "BTCUSDT_PERP_BINANCE.2024-08-08.depth", "--every", "100ms")
    assert (found["records"], found["snapshots"]) == (406_683, 1)


OUTS = ("copy.scid", "other.scid", "other.depth", "same.parquet", "missing/x.parquet")


@pytest.mark.parametrize("name", OUTS)
def test_out_never_writes_over_market_data_nor_nowhere(tmp_path, name):
    source = tmp_path / "copy.scid"
    write_scid(source)
    before = source.read_bytes()
    (tmp_path / "same.parquet").hardlink_to(source)
    result = CliRunner().invoke(root, ["ticks", str(source), "--out", str(tmp_path / name)])
    assert isinstance(result.exception, UsageError)
    assert source.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.scid", "same.parquet"]


def test_the_full_book_at_an_instant(tmp_path):
    path = write_depth(
        tmp_path / "ESH24-CME.2024-01-03.depth",
        depth("2024-01-03T15:00:00", 1),
        depth("2024-01-03T15:00:00", 2, 100.0, 5, orders=2),
        depth("2024-01-03T15:00:00", 3, 100.25, 7, flags=1),
        depth("2024-01-03T15:00:01", 2, 99.75, 6, flags=1),
    )
    found, _ = run("book", path, "--at", "2024-01-03T15:00:01Z", "--out", tmp_path / "full.parquet")
    assert (found["bids"], found["asks"], found["snapshot_before"]) == (1, 1, True)
    assert found["levels"][0] == {"side": "bid", "price_ticks": 400, "price": 100.0, "size": 5.0, "orders": 2}
    assert pl.read_parquet(tmp_path / "full.parquet").height == 2
    refused("book", path, "--at", "2024-01-03T15:00:01")
    refused("book", path, "--at", "2024-01-03T15:00:01Z", "--every", "1s")
