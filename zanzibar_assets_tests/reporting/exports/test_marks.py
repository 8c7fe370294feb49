"""Marks: what stands when, what ended, and that nothing later is in them."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.exports.marks import SCHEMA, TABLES, WHAT, session_marks
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.exports.sessions import session

SIM = load_instruments()["SIM_ES"]
END = frames.at(60)


def of_kind(marks, what):
    return marks.filter(pl.col("what") == what)


def test_schema_and_order():
    marks = session_marks(session(1), SIM, END)
    assert marks.schema == SCHEMA
    assert marks["known_at"].is_sorted()
    assert set(marks["what"]) == set(WHAT)


def test_simulated_data_says_so_in_every_text_and_real_data_in_none():
    tables = session(2)
    assert session_marks(tables, SIM, END)["text"].str.starts_with("SIMULATED ").all()
    real = SIM.model_copy(update={"simulated": False})
    assert not session_marks(tables, real, END)["text"].str.contains("SIMULATED").any()


def test_an_empty_session_has_no_marks():
    nothing = {table: empty(table) for table in TABLES}
    assert session_marks(nothing, SIM, END).is_empty()
    assert session_marks({}, SIM, END).schema == SCHEMA


def test_a_level_ends_with_its_sweep_and_stood_before():
    tables = session(3)
    swept = tables["liquidity_sweeps"].filter(pl.col("ref_id").is_not_null()).row(0, named=True)
    born = tables["liquidity_sweeps"].filter(event_id=swept["ref_id"]).row(0, named=True)

    def seen(as_of):
        marks = of_kind(session_marks({"liquidity_sweeps": tables["liquidity_sweeps"]}, SIM, as_of), "levels")
        here = marks.filter((pl.col("lo") == born["level"]) & (pl.col("known_at") == born["known_at"]))
        return here["until"].to_list()

    moment = timedelta(microseconds=1)
    assert seen(born["known_at"] - moment) == []
    assert seen(swept["known_at"] - moment) == [None]
    assert seen(swept["known_at"]) == [swept["known_at"]]


def test_a_zone_stands_from_its_first_row_to_its_end_with_the_score_known_then():
    zones = frames.points_of_interest()
    later = zones.tail(1).with_columns(
        pl.lit(frames.at(9)).cast(zones.schema["known_at"]).alias("known_at"),
        pl.lit(0.4).alias("score"),
    )
    over = later.with_columns(
        pl.lit("poi_invalidated").alias("kind"),
        pl.lit(frames.at(12)).cast(zones.schema["known_at"]).alias("known_at"),
    )
    tables = {"points_of_interest": pl.concat([zones, later, over])}
    for minute, score, until in ((5, "0.80", None), (9, "0.40", None), (12, "0.40", frames.at(12))):
        (row,) = session_marks(tables, SIM, frames.at(minute)).iter_rows(named=True)
        assert row["text"] == f"SIMULATED demand order block score {score}"
        assert (row["known_at"], row["until"]) == (frames.at(5), until)
        assert (row["lo"], row["hi"]) == (4700.0, 4701.5)


def test_only_kept_signals_of_the_instrument_with_their_warning():
    marks = of_kind(session_marks({"signals": frames.signals()}, SIM, END), "signals")
    kept = frames.signals().filter(status="kept")
    assert marks.height == 3 * kept.height
    assert marks.filter(pl.col("text").str.contains("UNAPPROVED"))["name"].unique().to_list() == (
        kept.filter(~pl.col("approved"))["signal_id"].to_list()
    )
    other = load_instruments()["SIM_NQ"]
    assert session_marks({"signals": frames.signals()}, other, END).is_empty()


def test_stop_and_target_lie_on_their_sides():
    marks = of_kind(session_marks({"signals": frames.signals()}, SIM, END), "signals")
    for name in marks["name"].unique():
        row = frames.signals().filter(signal_id=name).row(0, named=True)
        mine = dict(marks.filter(name=name).select("kind", "lo").iter_rows())
        side = "buy" if row["dir"] > 0 else "sell"
        assert mine[side] == row["entry"]
        assert (mine["target"] - mine[side]) * row["dir"] == row["target_distance"]
        assert (mine[side] - mine["stop"]) * row["dir"] == row["stop_distance"]


@pytest.mark.parametrize("what", [*((w,) for w in WHAT), ("levels", "signals")])
def test_only_what_was_asked_for(what):
    assert set(session_marks(session(4), SIM, END, what)["what"]) == set(what)


def test_nothing_later_is_in_it_at_forty_random_instants():
    """Marks at an instant do not change when all that came later is left out or replaced."""
    tables, other = session(5), session(6)
    for minute in np.random.default_rng(7).uniform(0, 40, 40):
        cut = frames.at(float(minute))
        known = {name: frame.filter(pl.col("known_at") <= cut) for name, frame in tables.items()}
        mixed = {
            name: pl.concat([frame, other[name].filter(pl.col("known_at") > cut)])
            for name, frame in known.items()
        }
        want = session_marks(tables, SIM, cut)
        assert_frame_equal(session_marks(known, SIM, cut), want)
        assert_frame_equal(session_marks(mixed, SIM, cut), want)
        assert want["known_at"].max() is None or want["known_at"].max() <= cut
        ends = want.filter(pl.col("what") != "signals")["until"]  # a signal's expiry is known with it
        assert ends.max() is None or ends.max() <= cut
