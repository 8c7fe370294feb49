"""Cloud Notes: the same levels come back by the published format."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.exports.bookmap import cloud_notes
from zanzibar_assets.reporting.exports.marks import SCHEMA, session_marks
from zanzibar_assets.reporting.exports.text import MOST_CHARACTERS, plain, price_digits
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.exports import readers
from zanzibar_assets_tests.reporting.exports.sessions import session

SIM = load_instruments()["SIM_ES"]
ALIAS = "ESH25.CME@RITHMIC"


def mark(low, high, text="POC", kind="level", what="levels", direction=1):
    row = {
        "what": what, "kind": kind, "name": text, "text": text, "dir": direction, "lo": low, "hi": high,
        "known_at": frames.at(1), "until": None,
    }  # fmt: skip
    return pl.DataFrame([row], schema=SCHEMA)


def test_a_note_by_hand():
    assert cloud_notes(mark(4700.25, 4700.25), ALIAS, SIM) == (
        readers.NOTES_HEADER + "\nESH25.CME@RITHMIC,4700.25,POC 4700.25,#FFFFFF,#37474F,left,1,TRUE\n"
    )


@pytest.mark.parametrize(("ticks", "centre"), [(1, 100.0), (2, 100.25), (3, 100.25), (4, 100.5), (5, 100.5)])
def test_a_zone_is_one_note_that_covers_its_ticks(ticks, centre):
    high = 100 + (ticks - 1) * 0.25
    (note,) = readers.notes(cloud_notes(mark(100.0, high, kind="zone", what="zones"), ALIAS, SIM))
    assert (note["price"], note["levels"]) == (centre, ticks)
    assert readers.covered(note, 0.25) == (100.0, high)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("minute", [3, 15, 60])
def test_what_stands_comes_back(seed, minute):
    marks = session_marks(session(seed), SIM, frames.at(minute))
    shown = marks.filter(
        pl.col("until").is_null() & (pl.col("what") != "signals") | pl.col("kind").is_in(["buy", "sell"])
    )
    notes = readers.notes(cloud_notes(marks, ALIAS, SIM))
    assert [readers.covered(note, 0.25) for note in notes] == [
        (round(low * 4) / 4, round(high * 4) / 4) for low, high in shown.select("lo", "hi").iter_rows()
    ]
    assert {note["symbol"] for note in notes} <= {ALIAS}
    assert all(note["note"].startswith("SIMULATED ") for note in notes)


@pytest.mark.parametrize("tick", [0.25, 0.1, 0.01, 0.125, 1.0, 5.0, 1e-05, 0.3])
def test_prices_are_exact_on_every_grid(tick):
    coarse = SIM.model_copy(update={"tick_size": tick})
    for ticks in (1, 3, 7, 18_801, 400_000_001):
        (note,) = readers.notes(cloud_notes(mark(ticks * tick, ticks * tick), ALIAS, coarse))
        assert round(note["price"] / tick) == ticks
        assert note["price"] == pytest.approx(ticks * tick, rel=1e-12)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.text(max_size=300))
def test_any_text_stays_in_its_field_and_runs_nothing(text):
    (note,) = readers.notes(cloud_notes(mark(1.0, 1.0, text=text), ALIAS, SIM))
    assert len(note["note"]) <= MOST_CHARACTERS


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(1;2)", " \t=x", "-2", '"a"\n,b\r\n;c'])
def test_a_text_that_looks_like_a_formula_is_none_after_it(text):
    assert plain(text)[:1] not in set("=+-@\t\r\n ")
    assert not set(plain(text)) & set(',;"\r\n\t')


@pytest.mark.parametrize("symbol", ["", "=A1", "ES,NQ", 'E"S', "ES\n", "-ES", "@ES", "x" * 65, "Z\u0142oty"])
def test_a_symbol_that_would_break_a_line_is_refused(symbol):
    with pytest.raises(UsageError, match="no symbol"):
        cloud_notes(mark(1.0, 1.0), symbol, SIM)


@pytest.mark.parametrize("symbol", ["ESH25", "ESH5.CME@RITHMIC", "/ESH26:XCME@DXFEED", "BTC-USDT"])
def test_symbols_as_bookmap_shows_them(symbol):
    assert readers.notes(cloud_notes(mark(1.0, 1.0), symbol, SIM))[0]["symbol"] == symbol


def test_no_marks_leave_a_header():
    assert cloud_notes(pl.DataFrame(schema=SCHEMA), ALIAS, SIM) == readers.NOTES_HEADER + "\n"


@pytest.mark.parametrize(
    ("tick", "digits"), [(0.25, 2), (0.1, 1), (5.0, 0), (1e-05, 5), (0.125, 3), (10.0, 0)]
)
def test_digits_of_a_tick(tick, digits):
    assert price_digits(tick) == digits
