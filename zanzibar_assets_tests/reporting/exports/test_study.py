"""The study for Sierra Chart, compiled against a stand-in of the documented members it uses.

What stands here: the source compiles without a warning and draws each mark where the file says.
What does not: how Sierra Chart itself shows it.
"""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.exports.marks import session_marks
from zanzibar_assets.reporting.exports.sierra import STUDY, marks_file, study_source
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.exports import readers
from zanzibar_assets_tests.reporting.exports.sessions import session

COMPILER = shutil.which("g++")
STAND_IN = Path(__file__).parent / "stand_in"
SIM = load_instruments()["SIM_ES"]
LAST_BAR = frames.at(45)
MARKER, RECTANGLE, LINE = 1, 2, 3
BEHIND_UTC = timedelta(hours=6)

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no g++ to compile the study with")


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    program = tmp_path_factory.mktemp("study") / "chart"
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    done = subprocess.run(
        [COMPILER, *strict, f"-I{STAND_IN}", f'-DSTUDY_SOURCE="{STUDY}"', STAND_IN / "chart.cpp",
         "-o", program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return program


def run(chart, path, *more):
    last = str(int(LAST_BAR.timestamp() - BEHIND_UTC.total_seconds()))
    done = subprocess.run([chart, path, last, *more], capture_output=True, text=True, check=True)
    first, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert first == ["dll", "Zanzibar Marks", "Zanzibar Marks"]
    return lines


def chart_seconds(moment):
    return int((moment - BEHIND_UTC).timestamp())


@pytest.fixture
def written(tmp_path):
    marks = session_marks(session(8), SIM, frames.at(60))
    path = tmp_path / "marks.csv"
    path.write_text(marks_file(marks, SIM, 1.0), encoding="ascii", newline="\r\n")
    return path, readers.marks(marks_file(marks, SIM, 1.0))


def test_each_mark_is_drawn_where_and_when_the_file_says(chart, written):
    path, marks = written
    drawn = run(chart, path)
    assert len(drawn) == len(marks) > 20
    for line, mark in zip(drawn, marks, strict=True):
        word, kind, begin, end, high, low, arrow, transparency, text = line
        assert word == "draw"
        assert int(begin) == chart_seconds(mark["from"])
        assert float(high) == pytest.approx(mark["hi"], rel=1e-6)
        if mark["kind"] in ("buy", "sell"):
            assert (int(kind), int(arrow)) == (MARKER, 6 if mark["kind"] == "buy" else 7)
            continue
        zone = mark["kind"] == "zone"
        assert int(kind) == (RECTANGLE if zone else LINE)
        assert float(low) == pytest.approx(mark["lo"], rel=1e-6)
        assert (text, int(transparency)) == (mark["text"], 80 if zone else 0)
        until = chart_seconds(mark["until"] or LAST_BAR)
        assert int(end) == (until if until > int(begin) else int(begin) + 60)


@pytest.mark.parametrize(
    ("input_number", "kinds"), [("1", {"level"}), ("2", {"zone"}), ("3", {"buy", "sell", "stop", "target"})]
)
def test_each_kind_can_be_left_out(chart, written, input_number, kinds):
    path, marks = written
    assert len(run(chart, path, input_number)) == sum(mark["kind"] not in kinds for mark in marks)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Kind;FromUtc\n",
        readers.MARKS_HEADER + "\nlevel,2025-01-06 14:30:00,,4700.0,0,x\n",
        readers.MARKS_HEADER + "\nlevel,2025-01-06 14:30:00,,4700;5,4700.5,0,x\n",
        readers.MARKS_HEADER + "\nlevel,2025-01-06 14:30:00,,,4700.5,0,x\n",
    ],
)
def test_a_file_that_is_not_ours_draws_nothing_and_is_told(chart, tmp_path, text):
    path = tmp_path / "marks.csv"
    path.write_text(text)
    ((word, shown, _),) = run(chart, path)
    assert (word, shown) == ("log", "1")


def test_a_missing_file_is_told(chart, tmp_path):
    assert run(chart, tmp_path / "none.csv")[0][0] == "log"


def test_the_source_begins_as_sierra_chart_demands_and_is_plain():
    lines = [line for line in study_source().splitlines() if line and not line.startswith("//")]
    assert lines[0] == '#include "sierrachart.h"'
    assert study_source().isascii()
