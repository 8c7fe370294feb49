"""Text exports in the chart's time zone."""

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion.scid import Scale
from zanzibar_assets.ingestion.text import iter_text_chunks, zone_of
from zanzibar_assets_tests.builders.sierra import us

HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
BAR = ", 100.00, 101.00, 99.50, 100.25, 500, 40, 200, 250\n"


def read(tmp_path, *lines, header=HEADER, scale=None, chunk_bytes=1 << 20, zone="America/Chicago"):
    path = tmp_path / "X.scid_BarData.txt"
    path.write_text(header + "".join(lines))
    frame = pl.concat(
        list(iter_text_chunks(path, zone_of(zone), scale or Scale("X"), chunk_bytes=chunk_bytes))
    )
    assert breaches("raw_ticks", frame) == []
    return frame


def stamps(frame):
    return frame["ts_utc"].dt.strftime("%m-%d %H:%M").to_list()


def test_a_bar_line(tmp_path):
    row = read(tmp_path, "2015/12/9, 13:30:00.018" + BAR).row(0, named=True)
    assert row["ts_utc"].timestamp() * 1e6 == us("2015-12-09T19:30:00.018")
    assert (row["open"], row["high"], row["low"], row["price"]) == (100.0, 101.0, 99.5, 100.25)
    assert (row["size"], row["trades"], row["bid_volume"], row["ask_volume"]) == (500.0, 40, 200.0, 250.0)
    assert row["kind"] == "bar"


def test_the_zone_changes_with_the_season(tmp_path):
    frame = read(tmp_path, "2015/7/9, 09:00:00" + BAR, "2015/12/9, 09:00:00" + BAR)
    assert stamps(frame) == ["07-09 14:00", "12-09 15:00"]


def test_the_repeated_hour_is_passed_twice_and_the_skipped_one_is_impossible(tmp_path):
    autumn = [
        f"2023/11/5, {t}{BAR}"
        for t in ("00:30:00", "01:00:00", "01:30:00", "01:00:00", "01:30:00", "02:00:00")
    ]
    assert stamps(read(tmp_path, *autumn)) == [
        "11-05 05:30", "11-05 06:00", "11-05 06:30", "11-05 07:00", "11-05 07:30", "11-05 08:00",
    ]  # fmt: skip
    spring = read(tmp_path, f"2023/3/12, 02:30:00{BAR}", f"2023/3/12, 03:00:00{BAR}")
    assert spring["defect"].to_list() == ["nonexistent_local_time", None]
    assert stamps(spring) == [None, "03-12 08:00"]


def test_hourly_bars_pass_the_repeated_hour_twice(tmp_path):
    lines = [f"2023/11/5, {t}:00:00{BAR}" for t in ("00", "01", "01", "02")]
    assert stamps(read(tmp_path, *lines)) == ["11-05 05:00", "11-05 06:00", "11-05 07:00", "11-05 08:00"]


@pytest.mark.parametrize("chunk_bytes", [7, 64, 130])
def test_blocks_change_nothing(tmp_path, chunk_bytes):
    autumn = [f"2023/11/5, {t}{BAR}" for t in ("01:00:00", "01:30:00", "01:00:00", "01:30:00")]
    assert read(tmp_path, *autumn, chunk_bytes=chunk_bytes).equals(read(tmp_path, *autumn))


def test_a_symbol_column_other_spacing_and_line_ends_are_read(tmp_path):
    header = "Symbol,Date,Time,Open,High,Low,Last,Volume,NumberOfTrades,BidVolume,AskVolume\r\n"
    frame = read(tmp_path, "ES,2015-12-09,9:05:07,1,2,1,2,3,4,1,2\r\n", "\r\n", header=header, zone="UTC")
    assert frame["ts_utc"].dt.timestamp("us").to_list() == [us("2015-12-09T09:05:07")]
    assert frame["defect"].to_list() == [None]


@pytest.mark.parametrize(
    "line",
    [
        "2015/13/9, 10:00:00" + BAR,
        "2015/12/9, 25:00:00" + BAR,
        "2015/12/9, 10:00:00, 100, 101\n",
        "2015/12/9, 10:00:00, 100, 101, 99, x, 5, 4, 2, 2\n",
        "2015/12/9, 10:00:00, 100, 101, 99, 100, -5, 4, 2, 2\n",
        "2015/12/9, 10:00:00, 100, 101, 99, 100, 5, 4, 2, 2, 7\n",
        "\x00\x01garbage\n",
    ],
)
def test_lines_that_do_not_parse_stay_as_named_rows(tmp_path, line):
    good = "2015/12/9, 10:00:00" + BAR
    frame = read(tmp_path, good, line, good)
    assert frame["defect"].to_list() == [None, "malformed_line", None]
    assert frame["seq"].to_list() == [0, 1, 2]


def test_daily_lines_without_bid_and_ask_volume(tmp_path):
    frame = read(tmp_path, "2015/6/9, 00:00:00, 2027.25, 2032.00, 2016.00, 2027.25, 1446234, 0, 0, 0\n")
    assert frame.select("kind", "size", "trades", "side").row(0) == ("bar", 1446234.0, 0, 0)


def test_wrong_header_and_zone_are_refused(tmp_path):
    with pytest.raises(FormatError, match="no Sierra text export"):
        read(tmp_path, header="time,price\n")
    with pytest.raises(UsageError, match="no time zone"):
        zone_of("Chicago/Loop")
