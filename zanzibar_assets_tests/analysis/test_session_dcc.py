import numpy as np
import polars as pl
import pytest

from zanzibar_assets.analysis.correlations import build_correlations
from zanzibar_assets.analysis.session_dcc import session_dcc
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    bars_of,
    history,
    known_by,
    random_cuts,
    random_ticks,
    window,
)

DAY = 6
W = window(DAY, hours=6)
PAST = {key: history(DAY, 1_500, seed) for key, seed in (("A", 100), ("B", 200), ("C", 300))}


def traded(key, seed):
    ticks = random_ticks(seed, 1_500, W)
    return key, ticks, bars_of(ticks, W)


TODAY = [traded("A", 1), traded("B", 2), traded("C", 3)]
TRADES = {key: ticks for key, ticks, _ in TODAY}
BARS = {key: bars for key, _, bars in TODAY}


def build(bars=BARS, past=PAST, trades=TRADES):
    return build_correlations(bars, trades, past, CONFIG)


def test_a_fitted_session_conforms():
    got = build()
    assert_conforms("correlations", got)
    assert got["corr_dcc"].null_count() == got["dcc_reason"].len() - got["dcc_reason"].null_count() == 0
    assert got["dcc_fitted_through"].unique().to_list() == [PAST["A"]["session"][-1]]
    assert (got["dcc_fit_known_at"] <= min(frame["event_ts"][0] for frame in BARS.values())).all()
    assert got["corr_dcc"].std() > 0.0


def test_prefix_invariance_at_fifty_cuts_and_truncations():
    ends = [int(t) for t in build()["known_at"].dt.timestamp("us").sample(8, seed=1)]
    assert_prefix(
        build(),
        lambda cut: build(
            {key: known_by(frame, cut) for key, frame in BARS.items()},
            trades={key: known_by(frame, cut) for key, frame in TRADES.items()},
        ),
        [*random_cuts(5, W, 42), *ends, *(end - 1 for end in ends)],
    )


def leaking(bars):
    """A twin whose fit has seen the session itself; else the rows and the filter are the same."""
    past = {
        key: pl.concat([PAST[key], frame.with_columns(session=pl.lit("today"))])
        for key, frame in bars.items()
    }
    later = {key: frame.with_columns(event_ts=frame["known_at"].max()) for key, frame in bars.items()}
    rows = build(bars, trades={key: known_by(TRADES[key], 0) for key in bars})
    rows = rows.filter(pl.col("instrument_a") == "A", pl.col("instrument_b") == "B").select("known_at")
    at = rows["known_at"].dt.timestamp("us").to_numpy()
    return rows.with_columns(corr_dcc=session_dcc(later, past, CONFIG).pair("A", "B", at)[0])


def test_a_fit_on_the_whole_sample_is_caught():
    with pytest.raises(AssertionError, match="corr_dcc"):
        assert_prefix(
            leaking(BARS),
            lambda cut: leaking({key: known_by(frame, cut) for key, frame in BARS.items()}),
            random_cuts(6, W, 40)[-10:],
        )


def test_what_another_calendar_traded_after_the_sessions_start_is_not_fitted():
    """The last history session of C ends within this one: it moves C's filter later, never the fit."""
    hours = pl.duration(hours=20)
    late = PAST["C"].with_columns(
        pl.when(pl.col("session") == PAST["C"]["session"][-1])
        .then(pl.col(name) + hours)
        .otherwise(pl.col(name))
        .alias(name)
        for name in ("event_ts", "known_at")
    )
    start = min(frame["event_ts"][0] for frame in BARS.values())
    assert late["known_at"].max() > start
    other = late.with_columns(pl.when(pl.col("known_at") > start).then(9e4).otherwise("close").alias("close"))
    bars = {key: BARS[key] for key in ("A", "B")}
    one, two = (session_dcc(bars, {**PAST, "C": past}, CONFIG) for past in (late, other))
    early = slice(0, int((start.timestamp() * 1e6 - one.first_us) // 300e6) + 1)
    assert one.matrices[early].tobytes() == two.matrices[early].tobytes()
    assert (one.known_us, one.through) == (two.known_us, two.through)
    assert one.known_us <= start.timestamp() * 1e6


def test_a_closed_or_missing_instrument_does_not_break_the_others():
    closed = {**BARS, "C": empty("bars")}
    trades = {**TRADES, "C": empty("clean_ticks")}
    got = build(closed, trades=trades)
    assert_conforms("correlations", got)
    assert got.select("instrument_a", "instrument_b").unique().rows() == [("A", "B")]
    assert got["corr_dcc"].null_count() == 0
    missing = build({k: BARS[k] for k in "AB"}, trades={k: TRADES[k] for k in "AB"})
    assert missing.equals(got)


def test_too_short_a_history_says_so():
    past = {**PAST, "B": PAST["B"].head(200), "C": PAST["C"].clear()}
    got = build(past=past)
    assert_conforms("correlations", got)
    assert got["corr_dcc"].null_count() == got.height
    assert got["dcc_fit_known_at"].null_count() == got.height
    told = got.filter(pl.col("instrument_b") == "C", pl.col("instrument_a") == "B")["dcc_reason"][0]
    assert told.startswith("B and C: fewer than 250 five-minute returns in common")
    partly = build(past={**PAST, "C": PAST["C"].clear()})
    reasons = {(row["instrument_a"], row["instrument_b"]): row["dcc_reason"] for row in partly.to_dicts()}
    assert reasons["A", "B"] is None
    assert reasons["A", "C"].startswith("C: fewer than")


def test_an_order_of_instruments_or_a_unit_of_price_changes_nothing():
    shuffled = build({k: BARS[k] for k in "CAB"}, {k: PAST[k] for k in "BCA"})
    assert shuffled.equals(build())
    scaled = {
        key: frame.with_columns(pl.col("close") * 4.0) if key == "A" else frame for key, frame in BARS.items()
    }
    past = {**PAST, "A": PAST["A"].with_columns(pl.col("close") * 4.0)}
    got, plain = build(scaled, past), build()
    assert np.allclose(got["corr_dcc"], plain["corr_dcc"], rtol=1e-9, atol=1e-9)


def test_another_instruments_bars_tell_the_time_of_a_pair_that_fell_silent():
    """A grid time ends when any instrument's bar says so, with a history of its own or without."""
    step = 300_000_000
    silent = (W.starts_us // step + 40) * step - 60_000_000
    quiet = {key: known_by(BARS[key], silent) for key in ("A", "B")}
    trades = {**{key: known_by(TRADES[key], silent) for key in quiet}, "D": TRADES["C"]}
    past = {**{key: PAST[key] for key in quiet}, "D": PAST["C"].clear()}
    got = build({**quiet, "D": BARS["C"]}, past, trades)
    pair = got.filter(pl.col("instrument_a") == "A", pl.col("instrument_b") == "B")
    assert pair["known_at"].dt.timestamp("us").max() == silent + 60_000_000
    assert pair["corr_dcc"].null_count() == 0
    cut = silent + 60_000_000
    prefix = build(
        {**quiet, "D": known_by(BARS["C"], cut)}, past, {**trades, "D": known_by(trades["D"], cut)}
    )
    assert known_by(got, cut).equals(known_by(prefix, cut))
