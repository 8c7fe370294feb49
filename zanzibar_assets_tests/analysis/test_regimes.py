import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.regimes import build_regimes, change_alarms, log_variance, trend_state
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    bars_of,
    history,
    known_by,
    random_cuts,
    random_ticks,
    ticks,
    window,
)

DAY = 3
W = window(DAY, hours=6)
PAST = history(DAY)


def stormy(frame, first, last, factor=12):
    """Bars with the range of some rows blown up: a planted volatile spell."""
    wide = pl.int_range(pl.len()).is_between(first, last, closed="left")
    above, below = (pl.col(f"{end}_ticks") - pl.col("close_ticks") for end in ("high", "low"))
    spread = {"high_ticks": above * factor + 8, "low_ticks": below * factor - 8}
    return frame.with_columns(
        pl.when(wide).then(pl.col("close_ticks") + distance).otherwise(name).alias(name)
        for name, distance in spread.items()
    )


HISTORY = stormy(PAST, 200, 420)


def session_bars(seed=1):
    return bars_of(random_ticks(seed, 3_000, W), W)


def regimes_of(bars, past=HISTORY):
    return build_regimes(bars, past, CONFIG)


def test_a_fitted_session_conforms():
    got = regimes_of(session_bars())
    assert_conforms("regimes", got)
    assert got["reason"].null_count() == got.height
    assert got["fitted_through"].unique().to_list() == [HISTORY["session"][-1]]
    total = got["p_calm"] + got["p_normal"] + got["p_stressed"]
    assert (total - 1.0).abs().max() < 1e-12


def test_a_planted_storm_is_stressed_and_raises_an_alarm():
    got = regimes_of(stormy(session_bars(), 150, 220))
    inside, before = got["vol_state"][155:215], got["vol_state"][20:145]
    assert (inside == 2).mean() > 0.9
    assert (before == 2).mean() < 0.1
    assert got["change_alarm"][150:160].any()


def test_prefix_invariance_with_the_fit_on_earlier_sessions():
    bars = stormy(session_bars(2), 100, 140)
    cuts = random_cuts(3, W, 8)
    assert_prefix(regimes_of(bars), lambda cut: regimes_of(known_by(bars, cut)), cuts)


def test_prefix_invariance_of_what_needs_no_fit():
    bars = stormy(session_bars(4), 60, 90)
    nothing = PAST.clear()
    whole = regimes_of(bars, nothing)
    assert_prefix(whole, lambda cut: regimes_of(known_by(bars, cut), nothing), random_cuts(5, W, 60))


def test_the_fit_sees_the_recent_sessions_only():
    bars = session_bars(6)
    config = CONFIG.model_copy(
        update={"analysis": CONFIG.analysis.model_copy(update={"regime_history_sessions": 2})}
    )
    other_oldest = pl.concat(
        [stormy(history(1, seed=900), 0, 99), HISTORY.filter(pl.col("session") != "2022-01-01")]
    )
    got = build_regimes(bars, HISTORY, config)
    assert_frame_equal(build_regimes(bars, other_oldest, config), got, check_exact=True)
    assert not build_regimes(bars, other_oldest, CONFIG).equals(regimes_of(bars))


def test_same_input_same_bits():
    bars = session_bars(7)
    assert_frame_equal(regimes_of(bars), regimes_of(bars), check_exact=True)


@pytest.mark.parametrize("rows", [0, 299])
def test_too_short_a_history_says_so(rows):
    got = regimes_of(session_bars(), HISTORY.head(rows))
    assert_conforms("regimes", got)
    assert got["reason"].unique().to_list() == [f"history holds {rows} bars; 300 are needed"]
    for name in ("vol_state", "p_calm", "p_normal", "p_stressed", "fitted_through"):
        assert got[name].null_count() == got.height
    assert got["trend_state"].drop_nulls().len() > 0


def test_constant_volatility_says_so():
    flat = HISTORY.with_columns(high_ticks="close_ticks", low_ticks="close_ticks", close_ticks=pl.lit(19_000))
    flat = flat.with_columns(high_ticks="close_ticks", low_ticks="close_ticks")
    assert regimes_of(session_bars(), flat)["reason"].unique().to_list() == [
        "the volatility of the history does not vary"
    ]


def test_log_variance_by_hand():
    bars = bars_of(ticks([W.open_us, W.open_us + 1], [1_000, 1_009], [1, 1]), W)
    expected = np.log((10 / 1_009) ** 2 / (4 * np.log(2)))
    assert log_variance(bars)[0] == pytest.approx(expected)
    one_price = bars_of(ticks([W.open_us], [1_000], [1]), W)
    assert log_variance(one_price)[0] == pytest.approx(np.log((1 / 1_000) ** 2 / (4 * np.log(2))))


def test_trend_state_by_its_statistic():
    rng = np.random.default_rng(8)
    step = rng.normal(size=400)
    close = 100 + np.cumsum(step)
    got = trend_state(close)
    assert np.isnan(got[:30]).all()
    steps = np.diff(close)
    for t in (30, 59, 60, 61, 200, 399):
        last = steps[max(0, t - 60) : t]
        statistic = last.mean() / last.std(ddof=1) * np.sqrt(len(last))
        assert got[t] == (np.sign(statistic) if abs(statistic) >= 2.0 else 0.0)


def test_trends_are_found_and_noise_is_not():
    rng = np.random.default_rng(9)
    noise = np.concatenate([trend_state(np.cumsum(rng.normal(size=61)))[-1:] for _ in range(400)])
    assert (noise != 0).mean() < 0.10
    assert trend_state(np.arange(100.0))[-1] == 1
    assert trend_state(-np.arange(100.0))[-1] == -1
    assert trend_state(np.full(100, 5.0))[-1] == 0


def test_alarms_come_with_a_change_and_rarely_without():
    rng = np.random.default_rng(10)
    quiet = rng.normal(size=500)
    changed = np.concatenate([quiet, rng.normal(3.0, 1.0, 100)])
    alarms = np.flatnonzero(change_alarms(changed))
    assert any(500 <= t <= 510 for t in alarms)
    assert len([t for t in alarms if t < 500]) <= 2
    assert not change_alarms(np.full(200, 1.0)).any()
    assert not change_alarms(quiet[:30]).any()


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_tiny_sessions(rows):
    got = regimes_of(session_bars().head(rows), PAST.head(3))
    assert got.height == rows
    assert_conforms("regimes", got)


def test_empty_in_typed_empty_out():
    assert_frame_equal(regimes_of(empty("bars")), empty("regimes"))
