"""A session return over a roll holds no roll gap; where the gap is not known there is no return."""

import math

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.risk.realized import session_moves
from zanzibar_assets_tests.risk.histories import bars_of

DAYS = {
    "2025-03-11": [(100.0, 101.0), (101.0, 102.0)],
    "2025-03-12": [(102.0, 103.0), (103.0, 104.0)],
    # the next contract, 20 points above
    "2025-03-13": [(124.5, 125.0), (125.0, 126.0)],
}


def history() -> pl.DataFrame:
    return bars_of(DAYS).with_columns(close_ticks=(pl.col("close") / 0.25).cast(pl.Int64))


def rolls(how: str = "same_minutes", gap: int | None = 80) -> pl.DataFrame:
    start = pl.datetime(2025, 3, 1, time_zone="UTC", time_unit="us")
    frame = pl.DataFrame(
        {
            "session": list(DAYS), "contract": ["H25", "H25", "M25"], "from_session": None,
            "from_contract": None, "gap_ticks": pl.Series([None, None, gap], dtype=pl.Int64), "instants": 0,
            "measured_at": None, "how": ["no_roll", "no_roll", how], "reason": None, "adjustment_ticks": 0,
            "chain_from": "2025-03-11",
        }
    )  # fmt: skip
    return conform("contract_rolls", frame.with_columns(event_ts=start, known_at=start))


def test_the_gap_is_in_no_return():
    moves = session_moves(history(), rolls())
    assert moves["overnight_return"][2] == pytest.approx(math.log(124.5 / 124.0))
    assert moves["session_return"][2] == pytest.approx(math.log(126.0 / 124.0))
    assert moves["variance"][2] < 0.001
    assert session_moves(history())["overnight_return"][2] > 0.17, (
        "without the rolls the gap would be a return"
    )


def test_an_unmeasured_gap_gives_no_return():
    moves = session_moves(history(), rolls("unmeasured", None))
    assert moves["overnight_return"].to_list()[2] is None
    assert moves["session_return"].to_list()[2] is None
    assert moves["session_return"][1] == pytest.approx(math.log(104.0 / 102.0))


def test_within_a_contract_nothing_changes():
    assert session_moves(history(), rolls()).head(2).equals(session_moves(history()).head(2))


def test_a_session_whose_contract_is_not_known_has_no_overnight_return():
    assert session_moves(history(), empty("contract_rolls"))["overnight_return"].null_count() == 3
