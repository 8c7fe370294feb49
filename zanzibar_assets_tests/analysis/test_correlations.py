import itertools

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
NO_PAST = empty("bars").with_columns(session=pl.lit("", dtype=pl.String))


def build(frames, past=None, trades=None):
    """Correlations of bars; their trades are the closes unless others are given."""
    trades = {**{key: closing_trades(bars) for key, bars in frames.items()}, **(trades or {})}
    return build_correlations(frames, trades, past or dict.fromkeys(frames, NO_PAST), CONFIG)


def closing_trades(bars):
    """A trade at each bar's close, at the moment the bar was known."""
    stamps, closes = bars["known_at"].dt.timestamp("us").to_numpy(), bars["close_ticks"].to_numpy()
    return ticks(stamps, closes, np.ones(len(stamps)))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(STAMPS, MOVES, STAMPS, MOVES, st.integers(-40, 40))
def test_hayashi_yoshida_equals_the_double_loop(times_a, moves_a, times_b, moves_b, lag):
    a, b = intervals(times_a, moves_a), intervals(times_b, moves_b)
    rows_a, rows_b = (list(zip(r.start_us, r.end_us, r.value, strict=True)) for r in (a, b))
    at = np.arange(-5, 75, 3)
    got = covariance_as_of(a, b, at, lag)
    assert got.tolist() == [slow.hayashi_yoshida(rows_a, rows_b, t, lag) for t in at]


def random_trades(seed, count=400, share=None):
    """Random times (some shared by several trades, and by the series of the same ``share``) and prices."""
    rng = np.random.default_rng(seed)
    stamps = np.sort(np.random.default_rng(share or seed).integers(0, 600 * SECOND, count) // 1_000 * 1_000)
    stamps = np.sort(np.where(rng.random(count) < 0.2, np.roll(stamps, 1), stamps))
    return stamps, np.cumsum(rng.choice([-1, 0, 0, 1], count)) * 1e-4 + 8.0


@pytest.mark.parametrize("seed", range(8))
def test_hayashi_yoshida_of_random_ticks_equals_the_double_loop(seed):
    """Irregular trades, several at one time, pauses: last price of a time, every return kept."""
    series = [random_trades(2 * seed + k, share=seed % 2 and seed) for k in (1, 2)]
    rows = []
    for stamps, prices in series:
        last = dict(zip(stamps.tolist(), prices.tolist(), strict=True))
        times = sorted(last)
        rows.append([(s, e, last[e] - last[s]) for s, e in itertools.pairwise(times)])
    a, b = (Returns.of(*one) for one in series)
    at = np.arange(0, 601 * SECOND, 50 * SECOND)
    for lag in (0, 250_000, -SECOND, 30 * SECOND):
        expected = [slow.hayashi_yoshida(*rows, t, lag) for t in at.tolist()]
        assert covariance_as_of(a, b, at, lag) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_variance_adds_twice_the_products_of_neighbours():
    stamps, prices = random_trades(3)
    last = dict(zip(stamps.tolist(), prices.tolist(), strict=True))
    times = sorted(last)
    steps = [(e, last[e] - last[s]) for s, e in itertools.pairwise(times)]
    at = np.array([-SECOND, times[0], times[1], times[2], 95 * SECOND, 700 * SECOND])
    for instant, got in zip(at.tolist(), variance_as_of(stamps, prices, at).tolist(), strict=True):
        known = [x for e, x in steps if e <= instant]
        expected = sum(x * x for x in known) + 2 * sum(x * y for x, y in itertools.pairwise(known))
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert variance_as_of(np.empty(0, np.int64), np.empty(0), at).tolist() == [0.0] * len(at)


def test_bounce_of_ticks_presses_the_plain_ratio_but_not_the_published_one():
    """Two prices with correlation 0.8 and a bounce of twice a tick's move: the truth is found to 0.1."""
    rng = np.random.default_rng(21)
    n = 60_000
    steps = rng.multivariate_normal([0, 0], [[1.0, 0.8], [0.8, 1.0]], n) * 2e-5
    stamps = np.sort(rng.integers(OPEN, OPEN + 5 * 3600 * SECOND, n))
    paths = np.cumsum(steps, axis=0)
    seen = [np.sort(rng.choice(n, n // 2, replace=False)) for _ in range(2)]
    prices = [(stamps[k], paths[k, i] + 4e-5 * rng.choice([-1, 1], len(k))) for i, k in enumerate(seen)]
    at = np.array([int(stamps[-1])])
    covariance = covariance_as_of(*(Returns.of(*one) for one in prices), at)[0]
    plain = covariance / np.sqrt(np.prod([np.sum(np.diff(price) ** 2) for _, price in prices]))
    corrected = covariance / np.sqrt(np.prod([variance_as_of(*one, at)[0] for one in prices]))
    assert plain < 0.35
    assert corrected == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("lead", [0.5, -2.0])
def test_a_lead_of_less_than_a_bar_is_found_in_the_ticks(lead):
    rng = np.random.default_rng(5)
    n = 20_000
    stamps = np.sort(rng.integers(OPEN, OPEN + 3 * 3600 * SECOND, n))
    path = 40_000 + np.cumsum(rng.choice([-2, -1, 1, 2], n))
    late = stamps + int(abs(lead) * SECOND) + rng.integers(0, 20_000, n).cumsum() % 20_000
    order = np.argsort(late, kind="stable")
    early, after = (stamps, path), (late[order], path[order])
    a, b = (early, after) if lead > 0 else (after, early)
    trades = {key: ticks(*one, np.ones(n)) for key, one in (("A", a), ("B", b))}
    frames = {key: bars_of(one, W) for key, one in trades.items()}
    got = build(frames, trades=trades)
    assert got["lead_lag_seconds"][-1] == lead
    assert got["corr_hayashi_yoshida"][-1] < 0.5  # the lag breaks the correlation at lag zero


def test_same_series_has_correlation_one_and_no_lag():
    closes = walk(1)
    got = build({"A": priced(closes), "B": priced(closes)})
    last = got.row(-1, named=True)
    assert last["corr_ewma"] == pytest.approx(1.0)
    # The noise-corrected variances of 300 returns carry an error of some per cent.
    assert last["corr_hayashi_yoshida"] == pytest.approx(1.0, abs=0.15)
    assert last["lead_lag_seconds"] == 0.0


def test_opposite_series_has_correlation_minus_one():
    closes = walk(2)
    got = build({"A": priced(closes), "B": priced(80_000 - closes)})
    assert got["corr_ewma"][-1] == pytest.approx(-1.0, abs=1e-3)
    assert got["corr_hayashi_yoshida"][-1] == pytest.approx(-1.0, abs=0.15)


@pytest.mark.parametrize("lag", [-3, 2])
def test_a_planted_lead_is_found_with_its_sign(lag):
    closes = walk(3, 320)
    early, late = closes[10:310], closes[10 - abs(lag) : 310 - abs(lag)]
    a, b = (early, late) if lag > 0 else (late, early)
    got = build({"A": priced(a), "B": priced(b)})
    assert got["lead_lag_seconds"][-1] == lag * 60.0


def test_asynchronous_bars_keep_their_correlation():
    """Alternate minutes missing: previous-tick sampling would halve it, Hayashi-Yoshida does not."""
    closes = walk(4, 340)
    a, b = priced(closes, missing=range(0, 340, 3)), priced(closes, missing=range(1, 340, 4))
    got = build({"A": a, "B": b})
    assert got["corr_hayashi_yoshida"][-1] == pytest.approx(1.0, abs=0.1)


def test_ewma_by_hand():
    closes_a, closes_b = walk(5, 100), walk(6, 100)
    got = build({"A": priced(closes_a), "B": priced(closes_b)})
    a, b = (np.diff(np.log(c[4::5] * 0.25)) for c in (closes_a, closes_b))  # closes known at :05, :10 ...
    weight = 0.5 ** (np.arange(len(a))[::-1] / CONFIG.analysis.correlation_halflife_bars)
    expected = (weight * a * b).sum() / np.sqrt((weight * a * a).sum() * (weight * b * b).sum())
    assert got["corr_ewma"][-1] == pytest.approx(expected)
    assert got["observations"][-1] == len(a) == 19


def test_pairs_are_ordered_and_complete():
    frames = {"NQ": session(7), "ES": session(8), "GC": session(9)}
    got = build(frames)
    assert_conforms("correlations", got)
    pairs = got.select("instrument_a", "instrument_b").unique(maintain_order=True).rows()
    assert pairs == [("ES", "GC"), ("ES", "NQ"), ("GC", "NQ")]
    early = got.filter(pl.col("observations") < 12)
    assert early["corr_ewma"].null_count() == early.height > 0
    assert got.filter(pl.col("observations") >= 12)["corr_ewma"].null_count() == 0


def test_prefix_invariance():
    frames = {"A": session(10), "B": session(11, 300), "C": priced(walk(12), missing=range(90, 150))}
    whole = build(frames)
    assert_prefix(
        whole,
        lambda cut: build({k: known_by(f, cut) for k, f in frames.items()}),
        random_cuts(13, W, 60),
    )


def test_no_return_spans_a_gap():
    closes = walk(14)
    jumped = closes.copy()
    jumped[150:] += 9_000  # the jump happens while B is silent
    gap = range(120, 180)
    a, b = priced(jumped, missing=gap), priced(closes, missing=gap)
    plain = build({"A": priced(closes, missing=gap), "B": b})
    got = build({"A": a, "B": b})
    assert got["corr_ewma"][-1] == pytest.approx(plain["corr_ewma"][-1], abs=0.02)
    silent = got.filter(
        pl.col("known_at").dt.timestamp("us").is_between(OPEN + 126 * MINUTE, OPEN + 180 * MINUTE)
    )
    assert silent.is_empty()


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_tiny_sessions(rows):
    got = build({"A": session(15).head(rows), "B": session(16).head(rows)})
    assert_conforms("correlations", got)


def test_one_instrument_or_none_gives_the_typed_empty_frame():
    for frames in ({}, {"A": session(17)}, {"A": session(18), "B": empty("bars")}):
        assert_frame_equal(build(frames), empty("correlations"))
