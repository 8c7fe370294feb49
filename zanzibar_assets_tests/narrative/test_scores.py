import math
from datetime import timedelta

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.narrative.build import build_narratives
from zanzibar_assets.narrative.scores import build_narrative_scores
from zanzibar_assets_tests.narrative.test_build import START, raw_of

INSTRUMENTS = tuple(load_instruments().instruments.values())
LONG_ES = "ES: gram long od 4500, cel 4520, SL 4490."


def bars(closes, first_minute=0):
    opens = [START + timedelta(minutes=first_minute + i) for i in range(len(closes))]
    return pl.DataFrame(
        {
            "event_ts": opens,
            "known_at": [moment + timedelta(minutes=1) for moment in opens],
            "low": [close - 1.0 for close in closes],
            "high": [close + 1.0 for close in closes],
            "close": closes,
        },
        schema_overrides={"event_ts": pl.Datetime("us", "UTC"), "known_at": pl.Datetime("us", "UTC")},
    )


def scores(text, by_instrument, simulated=False):
    frame = build_narrative_scores(
        build_narratives(raw_of([text], simulated), {}), by_instrument, INSTRUMENTS
    )
    assert breaches("narrative_scores", frame) == []
    return frame


def test_a_long_view_worked_by_hand():
    row = scores(LONG_ES, {"ES": bars([4500.0, 4505.0, 4519.5])}).row(0, named=True)
    assert row["instrument"] == "ES"
    assert row["return_bps"] == pytest.approx(math.log(4519.5 / 4500.0) * 10_000)
    assert row["hit"] is True
    assert (row["levels_total"], row["levels_touched"]) == (3, 2)  # the entry and the target
    assert row["known_at"] == START + timedelta(minutes=3)


def test_the_return_starts_with_the_first_bar_known_after_publication():
    row = scores(LONG_ES, {"ES": bars([4400.0, 4450.0, 4500.0, 4460.0], first_minute=-2)}).row(0, named=True)
    # closes are known a minute after their open: 4450 at publication, 4400 before it
    assert row["return_bps"] == pytest.approx(math.log(4460.0 / 4450.0) * 10_000)


def test_a_fall_misses_a_long_view():
    assert scores(LONG_ES, {"ES": bars([4500.0, 4490.0])})["hit"].to_list() == [False]


def test_neutral_views_are_not_hit_or_missed():
    row = scores("ES: dziś nie gram.", {"ES": bars([4500.0, 4490.0])}).row(0, named=True)
    assert row["hit"] is None
    assert row["return_bps"] < 0
    assert row["reason"] == "neutral view"


def test_no_market_data_says_so():
    row = scores(LONG_ES, {}).row(0, named=True)
    assert (row["return_bps"], row["hit"], row["reason"]) == (None, None, "no market data of the session")


def test_a_narrative_after_the_last_bar_says_so():
    row = scores(LONG_ES, {"ES": bars([4500.0], first_minute=-60)}).row(0, named=True)
    assert row["reason"] == "published after the session's last bar"
    assert row["known_at"] == START


def test_simulated_and_real_do_not_mix():
    both = {"ES": bars([4500.0, 4510.0]), "SIM_ES": bars([4500.0, 4490.0])}
    assert scores(LONG_ES, both)["instrument"].to_list() == ["ES"]
    simulated = scores(LONG_ES, both, simulated=True)
    assert simulated["instrument"].to_list() == ["SIM_ES"]
    assert simulated["simulated"].to_list() == [True]


def test_one_market_scores_each_instrument_of_it():
    frame = scores("BTC: gram long, cel 61k", {"BTCUSDT": bars([60_000.0, 60_500.0])})
    assert sorted(frame["instrument"].to_list()) == ["BTCPERP", "BTCUSDT"]


def test_no_narratives_are_the_typed_empty_frame():
    assert build_narrative_scores(empty("narratives"), {}, INSTRUMENTS).equals(empty("narrative_scores"))


def test_markets_that_are_not_ours_have_no_score():
    assert scores("DAX: gram long, cel 16 000", {"ES": bars([1.0])}).is_empty()
