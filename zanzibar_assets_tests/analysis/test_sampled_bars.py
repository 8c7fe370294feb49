"""Bars by what was traded: against a slow reference, nothing split or lost, nothing of the future."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis.sampled_bars import (
    NO_HISTORY,
    NOTHING_TRADED,
    SCHEMES,
    build_sampled_bars,
    build_thresholds,
)
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    BTC_BARS,
    CONFIG,
    ES,
    FIRST_DAY,
    SECOND,
    history,
    known_by,
    random_cuts,
    random_records,
    random_ticks,
    ticks,
    window,
)
from zanzibar_assets_tests.reference.sampled_bars import sampled

W = window(hours=6)


def rules(**thresholds):
    """Thresholds of the named schemes."""
    every = dict.fromkeys(SCHEMES) | thresholds
    frame = build_thresholds(history(1, 50), ES, W, CONFIG)
    values = pl.Series("threshold", list(every.values()), dtype=pl.Float64)
    return frame.with_columns(values)


ALL = rules(tick=40.0, volume=160.0, dollar=2e6, volume_imbalance=35.0)


def plain(clean_ticks, instrument=ES):
    """Rows of the open session as the reference wants them."""
    opened = clean_ticks.filter((pl.col("session_state") == "open") & (pl.col("kind") != "quote"))
    return [
        {
            "at": row["event_ts"], "known": row["known_at"], "close": row["price_ticks"],
            **{name: row[f"{name}_ticks"] if row["kind"] == "bar" else row["price_ticks"]
               for name in ("open", "high", "low")},
            "size": row["size"], "sold": row["bid_volume"], "bought": row["ask_volume"],
            "trades": row["trades"],
            "dollars": row["price_ticks"] * instrument.tick_size * row["size"] * instrument.point_value,
        }
        for row in opened.iter_rows(named=True)
    ]  # fmt: skip


NAMES = {
    "event_ts": "first", "known_at": "known", "open_ticks": "open", "high_ticks": "high", "low_ticks": "low",
    "close_ticks": "close", "volume": "size", "bid_volume": "sold", "ask_volume": "bought",
    "trades": "trades",
}  # fmt: skip


@given(st.integers(0, 2**32 - 1), st.sampled_from(SCHEMES), st.floats(1, 400))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_equals_the_slow_reference_and_nothing_is_split_or_lost(seed, scheme, threshold):
    if scheme == "dollar":
        threshold *= 237_500.0
    if seed % 3:
        made, instrument = random_ticks(seed, 300, W), ES
    else:
        made, instrument = random_records(seed, 200, W), BTC_BARS
        threshold *= 1 if scheme != "dollar" else 1 / 10
    rows = plain(made, instrument)
    bars, left = sampled(rows, scheme, threshold)
    found = build_sampled_bars(made, rules(**{scheme: threshold}), instrument)
    got = found.select(*NAMES).rename(NAMES).to_dicts()
    assert got == bars
    for name, column in (("size", "volume"), ("trades", "trades"), ("bought", "ask_volume")):
        whole = sum(row[name] for row in rows)
        assert found[column].sum() + sum(row[name] for row in left) == pytest.approx(whole, rel=1e-12)


def test_by_hand():
    """Volumes 3, 4, 5 | 9, 1 | 2: bars of ten lots; the fourth trade closes the second with the next."""
    stamps = FIRST_DAY + np.arange(6) * SECOND
    made = ticks(stamps, [10, 12, 9, 11, 11, 13], [3, 4, 5, 9, 1, 2], [1, -1, 1, 1, -1, 1])
    found = build_sampled_bars(made, rules(volume=10.0), ES)
    assert breaches("sampled_bars", found) == []
    columns = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume", "delta", "trades", "seconds")
    assert found.select(columns).rows() == [
        (10, 12, 9, 9, 12.0, 4.0, 3, 2.0),
        (11, 11, 11, 11, 10.0, 8.0, 2, 1.0),
    ]
    assert found["known_at"].to_physical().to_list() == [stamps[2], stamps[4]]
    assert found["dollars"][0] == pytest.approx((10 * 3 + 12 * 4 + 9 * 5) * 0.25 * 50)
    assert found["vwap"][0] == pytest.approx((10 * 3 + 12 * 4 + 9 * 5) * 0.25 / 12)


def test_each_scheme_closes_when_its_sum_is_full_and_not_before():
    found = build_sampled_bars(random_ticks(3, 3_000, W), ALL, ES)
    assert_conforms("sampled_bars", found)
    assert set(found["scheme"]) == set(SCHEMES)
    largest = {"tick": 1, "volume": 8, "dollar": 8 * 20_000 * 0.25 * 50, "volume_imbalance": 8}
    held = {"tick": "trades", "volume": "volume", "dollar": "dollars", "volume_imbalance": "delta"}
    for scheme in SCHEMES:
        sums = found.filter(pl.col("scheme") == scheme)[held[scheme]].abs()
        threshold = dict(ALL.select("scheme", "threshold").rows())[scheme]
        assert sums.min() >= threshold
        assert sums.max() < threshold + largest[scheme]


def test_prefix_gives_the_bars_known_by_then_at_many_cuts():
    made = random_ticks(5, 2_000, W)
    whole = build_sampled_bars(made, ALL, ES)
    cuts = [*random_cuts(6, W, 40), *whole["known_at"].to_physical().gather_every(25).to_list()]
    assert_prefix(whole, lambda cut: build_sampled_bars(known_by(made, cut), ALL, ES), cuts)


def test_chunks_of_a_frame_change_nothing():
    made = random_ticks(7, 900, W)
    pieces = pl.concat([made[:1], made[1:400], made[400:]], rechunk=False)
    assert build_sampled_bars(pieces, ALL, ES).equals(build_sampled_bars(made, ALL, ES))


def test_only_the_open_session_counts_and_a_session_starts_afresh():
    made = random_ticks(8, 900, window(hours=2, pre_open_seconds=3_600))
    opened = made.filter(pl.col("session_state") == "open")
    assert opened.height < made.height
    assert build_sampled_bars(made, ALL, ES).equals(build_sampled_bars(opened, ALL, ES))
    first = build_sampled_bars(made, ALL, ES).filter(pl.col("scheme") == "tick")["event_ts"][0]
    assert first == opened["event_ts"][0]


def test_thresholds_are_medians_of_earlier_sessions_over_the_wanted_bars():
    past = history(3, 800)
    found = build_thresholds(past, ES, W, CONFIG)
    assert_conforms("sampled_bar_thresholds", found)
    opened = past.filter(pl.col("session_state") == "open")
    per = opened.group_by("session").agg(
        pl.col("trades").sum(), pl.col("volume").sum(), squares=(pl.col("delta") ** 2).sum()
    )
    rows = {row["scheme"]: row for row in found.to_dicts()}
    assert rows["tick"]["threshold"] == pytest.approx(per["trades"].median() / 250)
    assert rows["volume"]["threshold"] == pytest.approx(per["volume"].median() / 250)
    assert rows["volume_imbalance"]["threshold"] == pytest.approx((per["squares"].median() / 250) ** 0.5)
    assert {row["sessions"] for row in rows.values()} == {3}
    assert {row["fitted_through"] for row in rows.values()} == {past["session"].max()}
    assert set(found["known_at"].to_physical()) == {W.starts_us}


def test_the_wanted_number_of_bars_comes_out_on_a_session_like_the_last():
    made = random_ticks(9, 20_000, W)
    past = history(3, 20_000)
    found = build_sampled_bars(made, build_thresholds(past, ES, W, CONFIG), ES)
    counts = dict(found.group_by("scheme").len().rows())
    for scheme in SCHEMES:
        assert 0.5 * 250 < counts[scheme] < 1.6 * 250, counts


def test_without_history_or_with_silent_history_the_reason_is_said_and_no_bar_made():
    made = random_ticks(10, 300, W)
    past = history(1, 50)
    silent = past.with_columns(pl.col("trades", "volume", "delta") * 0)
    for earlier, reason in ((past.clear(), NO_HISTORY), (silent, NOTHING_TRADED)):
        found = build_thresholds(earlier, ES, W, CONFIG)
        assert_conforms("sampled_bar_thresholds", found)
        assert set(found["reason"]) == {reason}
        assert found["threshold"].null_count() == len(SCHEMES)
        assert build_sampled_bars(made, found, ES).is_empty()
    assert build_sampled_bars(made.clear(), ALL, ES).is_empty()
