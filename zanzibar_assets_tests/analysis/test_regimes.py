import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis import regimes as regimes_module
from zanzibar_assets.analysis.hmm import Hmm, filtered
from zanzibar_assets.analysis.regime_measures import (
    drift_score,
    log_depth,
    log_variance,
    step_score,
    tick_log_variance,
)
from zanzibar_assets.analysis.regimes import (
    REGIMES,
    build_regimes,
    fit_regime,
    fit_regimes,
    regime_rows,
)
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

DAY = 5
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


def drifting(bars, first, last, ticks_per_bar):
    """Bars moved by a trend between two rows."""
    climb = (pl.int_range(pl.len()).clip(first, last) - first) * ticks_per_bar
    return bars.with_columns(pl.col(f"{name}_ticks") + climb for name in ("open", "high", "low", "close"))


def dry(bars, first, last):
    """Bars whose volume is a fortieth between two rows."""
    thin = pl.int_range(pl.len()).is_between(first, last, closed="left")
    scarce = pl.when(thin).then(pl.col("volume") / 40).otherwise(pl.col("volume") + 4)
    return bars.with_columns(scarce.alias("volume"))


def eventful(day, bars):
    """A session with a storm, a trend (up and down by turns) and a dry and a deep spell."""
    first = 60 + 20 * day
    bars = drifting(stormy(bars, first, first + 70), first + 90, first + 190, 4 * (-1) ** day)
    deep = pl.when(pl.int_range(pl.len()).is_between(300, 345)).then(pl.col("volume") * 8).otherwise("volume")
    return dry(bars, 200, 270).with_columns(deep.alias("volume"))


HISTORY = pl.concat(
    eventful(day, bars) for day, bars in enumerate(PAST.partition_by("session", maintain_order=True))
)
FITTED = fit_regimes(HISTORY, CONFIG)


def session_bars(seed=1):
    return bars_of(random_ticks(seed, 3_000, W), W)


def regimes_of(bars, past=HISTORY):
    return regime_rows(bars, FITTED) if past is HISTORY else build_regimes(bars, past, CONFIG)


def test_a_fitted_session_conforms():
    got = regimes_of(session_bars())
    assert_conforms("regimes", got)
    for name in ("reason", "trend_reason", "liquidity_reason"):
        assert got[name].null_count() == got.height
    assert got["fitted_through"].unique().to_list() == [HISTORY["session"][-1]]
    for regime in REGIMES:
        total = sum(got[name] for name in regime.chances)
        assert (total - 1.0).abs().max() < 1e-12
        begun = got[regime.state].drop_nulls()
        assert len(begun) == len(total.drop_nulls()) >= got.height - 31
        likeliest = got.select(pl.concat_list(regime.chances).list.arg_max() + regime.lowest).to_series()
        assert (likeliest == got[regime.state]).drop_nulls().all()


def test_a_planted_storm_is_stressed_and_raises_an_alarm():
    got = regimes_of(stormy(session_bars(), 150, 220))
    inside, before = got["vol_state"][155:215], got["vol_state"][20:145]
    assert (inside == 2).mean() > 0.9
    assert (before == 2).mean() < 0.1
    assert got["change_alarm"][150:160].any()


def test_prefix_invariance_with_the_fit_on_earlier_sessions():
    bars = stormy(session_bars(2), 100, 140)
    cuts = random_cuts(3, W, 40)
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
    again = build_regimes(bars, HISTORY, CONFIG)
    assert_frame_equal(again, regime_rows(bars, FITTED), check_exact=True)


@pytest.mark.parametrize("rows", [0, 299])
def test_too_short_a_history_says_so(rows):
    got = regimes_of(session_bars(), HISTORY.head(rows))
    assert_conforms("regimes", got)
    for regime in REGIMES:
        reasons = got[regime.reason].unique().to_list()
        assert len(reasons) == 1
        assert reasons[0].startswith("history holds ")
        assert reasons[0].endswith(f" bars with a {regime.name}; 300 are needed")
        for name in (regime.state, *regime.chances, "fitted_through"):
            assert got[name].null_count() == got.height


def test_constant_volatility_says_so_and_leaves_the_other_regimes():
    flat = HISTORY.with_columns(pl.lit(19_000).alias(f"{name}_ticks") for name in ("high", "low", "close"))
    got = regimes_of(session_bars(), flat)
    assert got["reason"].unique().to_list() == ["volatility: the history does not vary"]
    assert got["trend_reason"].unique().to_list() == ["trend: the history does not vary"]
    assert got["liquidity_reason"].null_count() == got["p_deep"].drop_nulls().len() == got.height


def test_log_variance_by_hand():
    bars = bars_of(ticks([W.open_us, W.open_us + 1], [1_000, 1_009], [1, 1]), W)
    expected = np.log((10 / 1_009) ** 2 / (4 * np.log(2)))
    assert log_variance(bars)[0] == pytest.approx(expected)
    one_price = bars_of(ticks([W.open_us], [1_000], [1]), W)
    assert log_variance(one_price)[0] == pytest.approx(np.log((1 / 1_000) ** 2 / (4 * np.log(2))))


def closes(values, volume=None):
    """Bars a minute apart with the given closes (ticks)."""
    minutes = W.open_us + np.arange(len(values)) * 60_000_000
    size = np.ones(len(values)) if volume is None else np.asarray(volume, dtype=float)
    return bars_of(ticks(minutes, values, size), W)


def test_drift_score_by_hand():
    close = 19_000 + np.cumsum(np.random.default_rng(8).integers(-3, 4, 340))
    got = drift_score(closes(close))
    assert np.isnan(got[:30]).all()
    steps = np.diff(close)
    for t in (30, 59, 60, 61, 200, 339):
        last = steps[max(0, t - 60) : t]
        assert got[t] == pytest.approx(last.sum() / np.sqrt((last**2).sum()))
    assert drift_score(closes(np.full(100, 19_000)))[-1] == 0.0


def test_step_score_by_hand():
    close = 19_000 + np.cumsum(np.random.default_rng(9).integers(-3, 4, 120))
    got = step_score(closes(close))
    assert np.isnan(got[:31]).all()
    steps = np.diff(close)
    for t in (31, 40, 99):
        assert got[t] == pytest.approx(steps[t - 1] / np.sqrt((steps[t - 31 : t - 1] ** 2).mean()))
    assert np.isnan(step_score(closes(np.full(60, 19_000)))).all()


def test_log_depth_by_hand():
    bars = bars_of(ticks([W.open_us, W.open_us + 1], [1_000, 1_009], [30, 12]), W)
    assert log_depth(bars)[0] == pytest.approx(np.log(42 / 10))
    assert np.isnan(log_depth(bars.with_columns(volume=pl.lit(0.0)))).all()


@pytest.mark.parametrize(("pace", "state", "name"), [(4, 1, "p_up"), (-4, -1, "p_down")])
def test_a_planted_trend_is_seen_with_its_sign(pace, state, name):
    got = regimes_of(drifting(session_bars(), 150, 250, pace), HISTORY)
    assert (got["trend_state"][190:245] == state).mean() > 0.9
    assert got[name][190:245].mean() > 0.9


def test_a_planted_dry_spell_is_thin():
    got = regimes_of(dry(session_bars(), 120, 200))
    assert (got["liquidity_state"][125:200] == 0).mean() > 0.9
    assert (got["liquidity_state"][20:118] == 0).mean() < 0.1


def test_a_bar_without_volume_only_ages_the_liquidity_regime():
    none = pl.when(pl.int_range(pl.len()).is_between(100, 110)).then(0.0).otherwise("volume")
    bars = session_bars().with_columns(none.alias("volume"))
    model = FITTED.models["liquidity"]
    got = regimes_of(bars).select("p_thin", "p_normal_liquidity", "p_deep").to_numpy()
    assert isinstance(model, Hmm)
    for t in range(100, 111):
        assert got[t] == pytest.approx(got[t - 1] @ model.transition, rel=1e-12)


def test_states_keep_their_order_over_refits():
    """Refits on other windows of the history: means stay in order, the same state takes the same bars."""
    sessions = HISTORY["session"].unique(maintain_order=True).to_list()
    bars = drifting(session_bars(), 150, 250, 3)
    for regime in REGIMES:
        whole = fit_regime(regime, HISTORY, CONFIG)
        assert isinstance(whole, Hmm)
        for left_out in sessions:
            part = fit_regime(regime, HISTORY.filter(pl.col("session") != left_out), CONFIG)
            assert isinstance(part, Hmm)
            assert (np.diff(part.mean) > 0).all()
            nearest = np.abs(part.mean[:, None] - whole.mean[None, :]).argmin(axis=1)
            assert nearest[0] < nearest[2]
        assert regimes_of(bars, HISTORY)[regime.state].n_unique() >= 2


def mirrored(bars, axis=40_000):
    """Prices reflected: high becomes low."""
    swap = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return bars.with_columns((axis - pl.col(f"{b}_ticks")).alias(f"{a}_ticks") for a, b in swap.items())


def test_the_mirror_turns_up_into_down_and_leaves_liquidity():
    bars, past = drifting(session_bars(), 150, 250, 3), HISTORY
    plain, turned = regimes_of(bars, past), regimes_of(mirrored(bars), mirrored(past))
    for name, other in (("p_up", "p_down"), ("p_flat", "p_flat"), ("p_down", "p_up")):
        assert np.allclose(plain[name].drop_nulls(), turned[other].drop_nulls(), atol=1e-4)
    assert plain["p_thin"].equals(turned["p_thin"])
    assert plain["change_alarm"].equals(turned["change_alarm"])
    for measure in (tick_log_variance, log_depth):
        assert np.array_equal(measure(bars), measure(mirrored(bars)), equal_nan=True)
    for measure in (drift_score, step_score):
        assert np.array_equal(-measure(bars), measure(mirrored(bars)), equal_nan=True)


def test_shift_and_scale_in_ticks():
    prices = [f"{name}_ticks" for name in ("open", "high", "low", "close")]
    bars = session_bars()
    higher, wider = bars.with_columns(pl.col(prices) + 5_000), bars.with_columns(pl.col(prices) * 4)
    for measure in (tick_log_variance, log_depth, drift_score, step_score):
        assert np.array_equal(measure(bars), measure(higher), equal_nan=True)
    for measure in (drift_score, step_score):
        assert np.array_equal(measure(bars), measure(wider), equal_nan=True)


def smoothed(model, values):
    """A leaking twin of the filter: p(state | all values), as hmmlearn's predict_proba gives it."""
    found = filtered(model, values)
    for t in range(len(values) - 2, -1, -1):
        ahead = found[t] @ model.transition
        found[t] *= model.transition @ (found[t + 1] / ahead)
    return found


@pytest.mark.parametrize("twin", ["smoothed", "fitted on the session"])
def test_leaking_twins_are_caught(twin, monkeypatch):
    bars = stormy(session_bars(2), 100, 140)

    def build(cut):
        known = known_by(bars, cut)
        past = pl.concat([HISTORY, known.with_columns(session=pl.lit("9999-01-01"))])
        return regimes_of(known, past if twin != "smoothed" else HISTORY)

    if twin == "smoothed":
        monkeypatch.setattr(regimes_module, "filtered", smoothed)
    with pytest.raises(AssertionError):
        assert_prefix(build(W.close_us), build, random_cuts(12, W, 8))


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_tiny_sessions(rows):
    got = regimes_of(session_bars().head(rows), PAST.head(3))
    assert got.height == rows
    assert_conforms("regimes", got)


def test_empty_in_typed_empty_out():
    assert_frame_equal(regimes_of(empty("bars")), empty("regimes"))
