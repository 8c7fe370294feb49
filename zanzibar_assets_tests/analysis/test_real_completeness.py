"""The real files judged: what their sessions hold, and how far book and tape agree."""

import polars as pl
import pytest

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.completeness import SessionFrames, build_completeness, judge
from zanzibar_assets.calendars import session_window
from zanzibar_assets.config import QualityConfig
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.ingestion.depth import read_depth
from zanzibar_assets.ingestion.scid import read_ticks
from zanzibar_assets.ingestion.sources import find_sources, select_slices
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

pytestmark = needs_real_data
QUALITY = QualityConfig()


def judged(name, session):
    instrument = load_instruments()[name]
    chosen = select_slices(find_sources(FOLDER, [instrument]), instrument, session)
    window = session_window(instrument, session)
    ticks = clean_ticks(read_ticks(chosen.ticks, instrument), instrument, window)
    dom = clean_dom(read_depth(chosen.depth, instrument), instrument, window)
    bars = build_bars(ticks.clean, instrument, window)
    frames = SessionFrames(ticks.clean, dom.clean, bars, ticks.quarantine, dom.quarantine)
    found = build_completeness(frames, instrument, window, QUALITY)
    warned = {finding.name for finding in judge(found, QUALITY) if not finding.passed}
    return found, found.session.row(0, named=True), warned


def test_a_holiday_session_up_to_its_last_event():
    found, row, warned = judged("ES", "2023-12-26")
    assert (row["expected_minutes"], row["seen_minutes"], row["minutes_to_close"]) == (60, 60, 1320)
    assert (row["tick_volume"], row["tick_bid_volume"], row["tick_ask_volume"]) == (9892, 4526, 5322)
    assert row["outside_book_pct"] == pytest.approx(5.14, abs=0.01)
    assert row["swept_pct"] == row["outside_book_pct"]
    assert row["vanished_pct"] == pytest.approx(97.3, abs=0.5)
    crossed = found.counts.filter((pl.col("subject") == "book") & (pl.col("name") == "crossed"))
    assert crossed["session_state"].to_list() == ["pre_open"]
    assert warned == {"data_reach_the_close"}


def test_a_session_whose_first_two_hours_are_missing():
    found, row, warned = judged("GC", "2013-10-07")
    assert (row["expected_minutes"], row["seen_minutes"], row["minutes_to_close"]) == (1395, 1223, 0)
    assert found.gaps.select("place", "book_rows").rows() == [("at_start", 0)]
    assert found.gaps["minutes"][0] == pytest.approx(120.0, abs=0.1)
    assert warned == {"minutes_are_covered", "no_long_gap"}
    assert row["outside_book_pct"] is None


def test_a_whole_session_between_its_breaks():
    _, row, warned = judged("GC", "2013-10-08")
    assert (row["expected_minutes"], row["gaps"], row["minutes_to_close"]) == (1395, 0, 0)
    assert row["coverage_pct"] > 96
    assert warned == set()


def test_depth_ten_times_a_second_sees_half_of_what_trades():
    _, row, _ = judged("BTCUSDT", "2024-08-08")
    assert row["volume_reconciles"]
    assert 40 < row["vanished_pct"] < 60
    assert row["outside_book_pct"] - row["swept_pct"] < QUALITY.max_unexplained_pct


def test_bar_records_without_a_gap():
    _, row, warned = judged("BTCPERP", "2022-01-02")
    assert (row["seen_minutes"], row["expected_minutes"], row["gaps"]) == (1440, 1440, 0)
    assert warned == set()
