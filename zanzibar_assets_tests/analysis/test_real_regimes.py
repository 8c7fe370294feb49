"""Regimes, change points and tick correlations on the real files."""

import os

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.hayashi_yoshida import Returns, covariance_as_of, variance_as_of
from zanzibar_assets.analysis.hmm import Hmm
from zanzibar_assets.analysis.regime_changes import build_regime_changes
from zanzibar_assets.analysis.regimes import REGIMES, fit_regimes, regime_rows
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.analysis.test_real_sessions import load
from zanzibar_assets_tests.builders.market import CONFIG, known_by, random_cuts

pytestmark = pytest.mark.skipif(
    os.environ.get("ZANZIBAR_REAL_DATA") is None,
    reason="ZANZIBAR_REAL_DATA names no folder of real market data",
)
DAYS = tuple(f"2022-01-{day:02d}" for day in range(1, 7))


@pytest.fixture(scope="module")
def days():
    """Minute bars of six sessions."""
    instrument = load_instruments()["BTCPERP"]
    found = [load("BTCPERP", day) for day in DAYS]
    return [(day.window, build_bars(day.ticks, instrument, day.window)) for day in found]


@pytest.fixture(scope="module")
def fitted(days):
    past = [bars.with_columns(session=pl.lit(window.session)) for window, bars in days[:-1]]
    return fit_regimes(pl.concat(past), CONFIG)


def test_every_regime_is_fitted_and_each_state_is_seen(days, fitted):
    assert all(isinstance(model, Hmm) for model in fitted.models.values())
    assert fitted.through == DAYS[-2]
    got = regime_rows(days[-1][1], fitted)
    assert_conforms("regimes", got)
    for regime in REGIMES:
        shares = got[regime.state].drop_nulls().value_counts(normalize=True)["proportion"]
        assert len(shares) >= 2
        assert got[regime.reason].null_count() == got.height


def test_prefix_invariance_at_forty_cuts(days, fitted):
    window, bars = days[-1]
    cuts = random_cuts(1, window, 40)
    whole = regime_rows(bars, fitted)
    begun = [cut for cut in cuts if cut > window.open_us + 60_000_000]
    assert_prefix(whole, lambda cut: regime_rows(known_by(bars, cut), fitted), begun)
    instrument = load_instruments()["BTCPERP"]
    changes = build_regime_changes(bars, instrument)
    assert_conforms("regime_changes", changes)
    alarms = changes["known_at"].dt.timestamp("us").to_list()
    assert_prefix(
        changes,
        lambda cut: build_regime_changes(known_by(bars, cut), instrument),
        [*cuts, *alarms, *(t - 1 for t in alarms)],
    )


def test_change_points_of_real_days_are_some_but_not_many(days):
    """Bounds, not measurements: real log variance and volume wander, so alarms are no rarity."""
    for _, bars in days:
        got = build_regime_changes(bars, load_instruments()["BTCPERP"])
        told = got["attrs"].str.extract_groups(r'"detector":"(?<detector>\w+)".*"measure":"(?<measure>\w+)"')
        counts = told.struct.unnest().group_by("measure", "detector").len()
        assert set(counts["measure"]) == {"log_variance", "drift", "log_volume"}
        assert counts["len"].max() <= bars.height / 40


@pytest.mark.parametrize(
    ("name", "session"), [("ES", "2023-12-26"), ("BTCUSDT", "2024-08-08"), ("GC", "2013-10-08")]
)
def test_two_halves_of_one_tape_correlate_and_do_not_lead(name, session):
    """Every other trade is a price of its own: true correlation one, bounce all but independent."""
    trades = load(name, session).ticks.filter(pl.col("kind") != "quote")
    known = trades["known_at"].dt.timestamp("us").to_numpy()
    price = np.log(trades["price_ticks"].cast(pl.Float64).to_numpy())
    halves = [(np.ascontiguousarray(known[k::2]), np.ascontiguousarray(price[k::2])) for k in (0, 1)]
    a, b = (Returns.of(*half) for half in halves)
    at = np.array([known[-1]])
    covariance = covariance_as_of(a, b, at)[0]
    plain = covariance / np.sqrt((a.value**2).sum() * (b.value**2).sum())
    published = covariance / np.sqrt(np.prod([variance_as_of(*half, at)[0] for half in halves]))
    assert plain < 0.9
    assert published > plain
    assert published == pytest.approx(1.0, abs=0.2)
    lagged = [abs(covariance_as_of(a, b, at, lag * 1_000_000)[0]) for lag in (-30, -10, 10, 30)]
    assert abs(covariance) > 2.0 * max(lagged)


def test_prefix_of_real_trades():
    """What is known of the two halves at forty times is the same from a cut tape."""
    trades = load("BTCUSDT", "2024-08-08").ticks.filter(pl.col("kind") == "trade")
    known = trades["known_at"].dt.timestamp("us").to_numpy()
    price = np.log(trades["price_ticks"].cast(pl.Float64).to_numpy())
    within = SessionWindow("", int(known[0]), int(known[0]), int(known[-1]) + 1)
    at = np.array(sorted(random_cuts(4, within, 40)))

    def found(upto):
        rows = known <= upto
        halves = [(known[rows][k::2].copy(), price[rows][k::2].copy()) for k in (0, 1)]
        a, b = (Returns.of(*half) for half in halves)
        values = [covariance_as_of(a, b, at, lag) for lag in (0, 2_000_000, -500_000)]
        return np.column_stack([*values, *(variance_as_of(*half, at) for half in halves)])

    whole = found(int(known[-1]))
    for k, cut in enumerate(at.tolist()):
        assert found(cut)[: k + 1].tobytes() == whole[: k + 1].tobytes()
