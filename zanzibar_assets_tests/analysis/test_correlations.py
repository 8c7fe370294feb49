import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.correlations import build_correlations
from zanzibar_assets.analysis.hayashi_yoshida import Returns, covariance_as_of, variance_as_of
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    SECOND,
    bars_of,
    known_by,
    random_cuts,
    random_ticks,
    ticks,
    window,
)
from zanzibar_assets_tests.reference import order_flow as slow

W = window(hours=6)
OPEN = W.open_us
MINUTE = 60 * SECOND


def session(seed, n=2_000):
    return bars_of(random_ticks(seed, n, W), W)


def priced(close_ticks, offset_us=0, missing=()):
    """One bar a minute with the given closes; the minutes named missing have none."""
    minutes = [k for k in range(len(close_ticks)) if k not in set(missing)]
    stamps = [OPEN + offset_us + k * MINUTE for k in minutes]
    return bars_of(ticks(stamps, [close_ticks[k] for k in minutes], [1] * len(minutes)), W)


def walk(seed, n=300):
    return 40_000 + np.cumsum(np.random.default_rng(seed).integers(-20, 21, n))


def intervals(stamps, values):
    stamps = np.array(sorted(stamps), dtype=np.int64)
    return Returns(stamps[:-1], stamps[1:], np.array(values[: len(stamps) - 1], dtype=float))


STAMPS = st.sets(st.integers(0, 60), min_size=2, max_size=15)
MOVES = st.lists(st.integers(-5, 5), min_size=15, max_size=15)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(STAMPS, MOVES, STAMPS, MOVES, st.integers(-10, 10))
def test_hayashi_yoshida_equals_the_double_loop(times_a, moves_a, times_b, moves_b, lag):
    a, b = intervals(times_a, moves_a), intervals(times_b, moves_b)
    rows_a, rows_b = (list(zip(r.start_us, r.end_us, r.value, strict=True)) for r in (a, b))
    at = np.arange(-5, 75, 3)
    got = covariance_as_of(a, b, at, lag)
    assert got.tolist() == [slow.hayashi_yoshida(rows_a, rows_b, t, lag) for t in at]
    assert variance_as_of(a, at).tolist() == [sum(x * x for _, e, x in rows_a if e <= t) for t in at]


def test_same_series_has_correlation_one_and_no_lag():
    closes = walk(1)
    got = build_correlations({"A": priced(closes), "B": priced(closes)}, CONFIG)
    last = got.row(-1, named=True)
    assert last["corr_ewma"] == pytest.approx(1.0)
    assert last["corr_hayashi_yoshida"] == pytest.approx(1.0)
    assert last["lead_lag_seconds"] == 0.0


def test_opposite_series_has_correlation_minus_one():
    closes = walk(2)
    got = build_correlations({"A": priced(closes), "B": priced(80_000 - closes)}, CONFIG)
    assert got["corr_ewma"][-1] == pytest.approx(-1.0, abs=1e-3)
    assert got["corr_hayashi_yoshida"][-1] == pytest.approx(-1.0, abs=1e-3)


@pytest.mark.parametrize("lag", [-3, 2])
def test_a_planted_lead_is_found_with_its_sign(lag):
    closes = walk(3, 320)
    early, late = closes[10:310], closes[10 - abs(lag) : 310 - abs(lag)]
    a, b = (early, late) if lag > 0 else (late, early)
    got = build_correlations({"A": priced(a), "B": priced(b)}, CONFIG)
    assert got["lead_lag_seconds"][-1] == lag * 60.0


def test_asynchronous_bars_keep_their_correlation():
    """Alternate minutes missing: previous-tick sampling would halve it, Hayashi-Yoshida does not."""
    closes = walk(4, 340)
    a, b = priced(closes, missing=range(0, 340, 3)), priced(closes, missing=range(1, 340, 4))
    got = build_correlations({"A": a, "B": b}, CONFIG)
    assert got["corr_hayashi_yoshida"][-1] == pytest.approx(1.0, abs=0.1)


def test_ewma_by_hand():
    closes_a, closes_b = walk(5, 100), walk(6, 100)
    got = build_correlations({"A": priced(closes_a), "B": priced(closes_b)}, CONFIG)
    a, b = (np.diff(np.log(c[4::5] * 0.25)) for c in (closes_a, closes_b))  # closes known at :05, :10 ...
    weight = 0.5 ** (np.arange(len(a))[::-1] / CONFIG.analysis.correlation_halflife_bars)
    expected = (weight * a * b).sum() / np.sqrt((weight * a * a).sum() * (weight * b * b).sum())
    assert got["corr_ewma"][-1] == pytest.approx(expected)
    assert got["observations"][-1] == len(a) == 19


def test_pairs_are_ordered_and_complete():
    frames = {"NQ": session(7), "ES": session(8), "GC": session(9)}
    got = build_correlations(frames, CONFIG)
    assert_conforms("correlations", got)
    pairs = got.select("instrument_a", "instrument_b").unique(maintain_order=True).rows()
    assert pairs == [("ES", "GC"), ("ES", "NQ"), ("GC", "NQ")]
    early = got.filter(pl.col("observations") < 12)
    assert early["corr_ewma"].null_count() == early.height > 0
    assert got.filter(pl.col("observations") >= 12)["corr_ewma"].null_count() == 0


def test_prefix_invariance():
    frames = {"A": session(10), "B": session(11, 300), "C": priced(walk(12), missing=range(90, 150))}
    whole = build_correlations(frames, CONFIG)
    assert_prefix(
        whole,
        lambda cut: build_correlations({k: known_by(f, cut) for k, f in frames.items()}, CONFIG),
        random_cuts(13, W, 60),
    )


def test_no_return_spans_a_gap():
    closes = walk(14)
    jumped = closes.copy()
    jumped[150:] += 9_000  # the jump happens while B is silent
    gap = range(120, 180)
    a, b = priced(jumped, missing=gap), priced(closes, missing=gap)
    plain = build_correlations({"A": priced(closes, missing=gap), "B": b}, CONFIG)
    got = build_correlations({"A": a, "B": b}, CONFIG)
    assert got["corr_ewma"][-1] == pytest.approx(plain["corr_ewma"][-1], abs=0.02)
    silent = got.filter(
        pl.col("known_at").dt.timestamp("us").is_between(OPEN + 126 * MINUTE, OPEN + 180 * MINUTE)
    )
    assert silent.is_empty()


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_tiny_sessions(rows):
    got = build_correlations({"A": session(15).head(rows), "B": session(16).head(rows)}, CONFIG)
    assert_conforms("correlations", got)


def test_one_instrument_or_none_gives_the_typed_empty_frame():
    for frames in ({}, {"A": session(17)}, {"A": session(18), "B": empty("bars")}):
        assert_frame_equal(build_correlations(frames, CONFIG), empty("correlations"))
