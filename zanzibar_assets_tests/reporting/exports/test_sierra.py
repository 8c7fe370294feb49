"""Sierra's files by their formats: marks, and series that the program's own text format holds."""

import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.exports.marks import SCHEMA, session_marks
from zanzibar_assets.reporting.exports.sierra import SERIES, marks_file, series_files
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.exports import readers
from zanzibar_assets_tests.reporting.exports.sessions import session

SIM = load_instruments()["SIM_ES"]
UTC = ZoneInfo("UTC")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_the_same_marks_come_back(seed, multiplier):
    marks = session_marks(session(seed), SIM, frames.at(60))
    found = readers.marks(marks_file(marks, SIM, multiplier))
    assert len(found) == marks.height > 20
    for got, want in zip(found, marks.iter_rows(named=True), strict=True):
        assert (got["kind"], got["dir"]) == (want["kind"], want["dir"])
        for side in ("lo", "hi"):
            assert got[side] * multiplier == pytest.approx(want[side], abs=1e-6)
            if want["what"] != "levels":  # averages lie between ticks, the others on them
                assert round(got[side] * multiplier * 4) == want[side] * 4
        assert timedelta(0) <= got["from"] - want["known_at"] < timedelta(seconds=1)
        assert (got["until"] is None) == (want["until"] is None)
        assert got["text"].startswith("SIMULATED ")


def test_a_mark_is_never_drawn_before_it_was_known():
    marks = session_marks(session(3), SIM, frames.at(60)).filter(pl.col("what") == "zones")
    micro = marks["known_at"].dt.microsecond()
    assert (micro > 0).any()
    found = readers.marks(marks_file(marks, SIM, 1.0))
    assert all(a["from"] > b for a, b in zip(found, marks["known_at"], strict=True))


def test_whole_seconds_stay():
    row = {
        "what": "levels", "kind": "level", "name": "a", "text": "a", "dir": 0, "lo": 1.0, "hi": 1.0,
        "known_at": frames.at(1), "until": frames.at(2),
    }  # fmt: skip
    (found,) = readers.marks(marks_file(pl.DataFrame([row], schema=SCHEMA), SIM, 1.0))
    assert (found["from"], found["until"]) == (frames.at(1), frames.at(2))


def test_no_marks_leave_a_header():
    assert marks_file(pl.DataFrame(schema=SCHEMA), SIM, 1.0) == readers.MARKS_HEADER + "\n"


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_series_come_back_value_by_value(multiplier):
    vwap = session(4)["vwap"]
    files = series_files(vwap, SIM, multiplier, UTC)
    assert list(files) == [name for name, _ in SERIES]
    for name, column in SERIES:
        unit = 0.25 if column.endswith("_ticks") else 1.0
        found = readers.series(files[name])
        assert len(found) == vwap.height
        for (date, time, price), known, value in zip(found, vwap["known_at"], vwap[column], strict=True):
            assert price * multiplier == pytest.approx(value * unit, abs=1e-6)
            assert (date, time) == (f"{known.year}/{known.month}/{known.day}", f"{known:%H:%M:%S}")


def test_series_times_are_the_chart_zone_s():
    files = series_files(session(4)["vwap"].head(1), SIM, 1.0, ZoneInfo("America/Chicago"))
    assert readers.series(files["POC"])[0][:2] == ("2025/1/6", "08:31:00")


def test_a_value_that_is_not_there_has_no_line():
    vwap = session(4)["vwap"].with_columns(
        pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.col("vwap")).alias("vwap")
    )
    assert len(readers.series(series_files(vwap, SIM, 1.0, UTC)["VWAP"])) == math.ceil(vwap.height / 3)
