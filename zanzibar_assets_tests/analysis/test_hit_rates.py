import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.hit_rates import (
    ClusteredMean,
    adjust,
    build_event_hit_rates,
    clustered_mean,
    hit_rate_interval,
    told_apart,
)
from zanzibar_assets.analysis.outcomes import HOUR_US, PHASES, bar_outcomes
from zanzibar_assets.calendars import session_window, sessions_between
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.instruments import load_instruments

ES = load_instruments()["ES"]
MINUTE_US = 60_000_000
UTC = pl.Datetime("us", "UTC")


@pytest.fixture
def config(tmp_path):
    return load_config(tmp_path, analysis={"hit_rate_minutes": (5, 20)})


def walk(seed, sessions, minutes=240, drift=None):
    """Minute bars of simulated sessions from the open on; ``drift`` is ticks added to each minute."""
    random = np.random.default_rng(seed)
    frames = []
    for name in sessions_between(ES, "2024-01-02", "2024-06-28")[:sessions]:
        opens = session_window(ES, name).open_us + MINUTE_US * np.arange(minutes, dtype=np.int64)
        steps = random.integers(-4, 5, size=minutes)
        if drift is not None:
            steps = steps + drift(name, opens)
        close = 20_000 + np.cumsum(steps)
        frames.append(
            pl.DataFrame(
                {
                    "event_ts": pl.Series(opens).cast(UTC),
                    "known_at": pl.Series(opens + MINUTE_US).cast(UTC),
                    "open_ticks": np.concatenate(([20_000], close[:-1])),
                    "close_ticks": close,
                    "bar_seconds": pl.repeat(60, minutes, dtype=pl.Int32, eager=True),
                    "session_state": pl.repeat("open", minutes, eager=True),
                    "session": pl.repeat(name, minutes, eager=True),
                }
            )
        )
    bars = pl.concat(frames)
    return bars.with_columns(open=pl.col("open_ticks") * 0.25, close=pl.col("close_ticks") * 0.25)


def events_at(bars, picked, kind="bos", direction=1):
    """Events known at the close of the picked bars."""
    return bars[picked].select(
        kind=pl.lit(kind),
        dir=pl.lit(direction, pl.Int8),
        known_at="known_at",
        timeframe_seconds=pl.lit(60, pl.Int32),
        session="session",
    )


def slow_outcome(bars, row, minutes):
    """Log return and ticks from a bar's open to the last close within the horizon; None past the end."""
    own = bars.filter(pl.col("session") == bars["session"][row])
    until = bars["event_ts"].dt.epoch("us")[row] + minutes * MINUTE_US
    closes = own["known_at"].dt.epoch("us")
    if until > closes.max():
        return None
    leave = own.filter(closes <= until)[-1]
    ticks = leave["close_ticks"][0] - bars["open_ticks"][row]
    return math.log(leave["close"][0] / bars["open"][row]), ticks


def slow_volatility(bars, row):
    weight, mean, seen, alpha = 0.0, 0.0, 0, 1 - 0.5 ** (1 / 60)
    for i in range(1, row):
        if bars["session"][i] != bars["session"][i - 1]:
            continue
        squared = math.log(bars["close"][i] / bars["close"][i - 1]) ** 2
        weight = weight * (1 - alpha) + 1.0
        mean += (squared - mean) / weight
        seen += 1
    return math.sqrt(mean) if seen >= 20 else None


def test_outcomes_equal_the_plain_loop():
    bars = walk(3, 3, minutes=70)
    got = bar_outcomes(bars, ES, (5, 20))
    for row in range(0, bars.height, 7):
        sigma = slow_volatility(bars, row)
        for column, minutes in enumerate((5, 20)):
            wanted = slow_outcome(bars, row, minutes)
            if wanted is None or sigma is None:
                assert math.isnan(got.move[row, column])
            else:
                assert got.move[row, column] == pytest.approx(wanted[0] / (sigma * math.sqrt(minutes)))
                assert got.ticks[row, column] == wanted[1]


def test_what_comes_later_changes_no_outcome_that_was_complete():
    bars = walk(5, 4, minutes=90)
    whole = bar_outcomes(bars, ES, (5,))
    for cut in np.random.default_rng(1).integers(1, bars.height, size=40):
        part = bar_outcomes(bars[: int(cut)], ES, (5,))
        done = np.isfinite(part.move[:, 0])
        assert np.array_equal(part.move[done, 0], whole.move[: int(cut), 0][done])


def test_phases_go_by_the_calendar():
    bars = walk(1, 1, minutes=1380)
    got = bar_outcomes(bars, ES, (5,))
    names = [PHASES[i] for i in got.phase]
    trading_ends = session_window(ES, bars["session"][0]).breaks[-1][0]
    assert names[:60] == ["first_hour"] * 60
    assert names[60] == "middle"
    last = bars["event_ts"].dt.epoch("us").to_numpy() >= trading_ends - HOUR_US
    assert {names[i] for i in np.flatnonzero(last)} == {"last_hour"}


def test_an_event_is_entered_at_the_first_bar_that_opens_at_or_after_it_was_known(config):
    bars = walk(2, 10)
    rows = np.arange(60, bars.height, 240)
    got = build_event_hit_rates([events_at(bars, rows)], bars, ES, config)
    outcomes = bar_outcomes(bars, ES, (5, 20))
    five = got.filter(phase="all", horizon_minutes=5)
    expected = outcomes.ticks[rows + 1, 0] - outcomes.matched(0, rows + 1).ticks
    assert five["edge_ticks"][0] == pytest.approx(expected.mean())


def test_a_planted_drift_is_found_and_its_mirror_too(config):
    def after_half_past(_, opens):
        minute = (opens - opens[0]) // MINUTE_US
        return np.where((minute % 60 > 30) & (minute % 60 <= 45), 2, 0)

    bars = walk(7, 40, drift=after_half_past)
    minute = np.tile(np.arange(240), 40)
    rows = np.flatnonzero(minute % 60 == 30)
    up = build_event_hit_rates([events_at(bars, rows)], bars, ES, config)
    down = build_event_hit_rates([events_at(bars, rows, direction=-1)], bars, ES, config)
    assert not breaches("event_hit_rates", up)
    at = {"phase": "all", "horizon_minutes": 5}
    found, mirrored = up.filter(**at).row(0, named=True), down.filter(**at).row(0, named=True)
    assert found["verdict"] == "follows"
    assert mirrored["verdict"] == "reverses"
    assert mirrored["edge_sigma"] == pytest.approx(-found["edge_sigma"])
    assert mirrored["hit_rate"] == pytest.approx(1 - found["hit_rate"])
    assert found["ci_low"] < found["edge_sigma"] < found["ci_high"]
    assert found["hit_rate_low"] < found["hit_rate"] < found["hit_rate_high"]
    assert mirrored["hit_rate_low"] == pytest.approx(1 - found["hit_rate_high"])
    # five minutes of two ticks, less what every minute of the phase drifts on average
    assert 5 < found["edge_ticks"] < 10


def test_random_times_are_rarely_taken_for_worth(config):
    taken = tested = 0
    for seed in range(12):
        bars = walk(100 + seed, 20)
        random = np.random.default_rng(seed)
        kinds = [
            events_at(bars, np.sort(random.choice(bars.height, 80, replace=False)), f"kind_{i}", sign)
            for i, sign in enumerate((1, -1, 1, -1, 1))
        ]
        got = build_event_hit_rates(kinds, bars, ES, config)
        tested += got["p_value"].count()
        taken += got.filter(pl.col("verdict").is_in(["follows", "reverses"])).height
        assert got["looked_at"].unique().to_list() == [got["p_value"].count()]
    assert tested > 200
    assert taken <= 2


def test_few_events_give_no_test(config):
    bars = walk(9, 3)
    got = build_event_hit_rates([events_at(bars, [50, 300, 600])], bars, ES, config)
    assert set(got["verdict"]) == {"too few"}
    for name in ("p_value", "hit_rate_low", "hit_rate_high"):
        assert got[name].null_count() == got.height
    assert got["looked_at"].unique().to_list() == [0]


def test_events_without_direction_or_without_a_bar_after_them_are_not_counted(config):
    bars = walk(4, 2)
    flat = events_at(bars, [30], direction=0)
    late = events_at(bars, [239])  # the session's last bar: the next opens in another session
    got = build_event_hit_rates([flat, late], bars, ES, config)
    assert_frame_equal(got, empty("event_hit_rates"))


def test_one_word_of_two_engines_is_not_pooled(config):
    bars = walk(6, 3)
    tables = {"liquidity_sweeps": [50, 100], "orderflow_events": [300, 350, 400]}
    events = [
        told_apart(table, pl.concat([events_at(bars, rows, "level_accept"), events_at(bars, rows, "own")]))
        for table, rows in tables.items()
    ]
    got = build_event_hit_rates(events, bars, ES, config).filter(phase="all", horizon_minutes=5)
    counts = dict(got.select("kind", "events").iter_rows())
    assert counts == {"level_accept (bar)": 2, "level_accept (tick)": 3, "own": 5}


def test_clustered_error_by_hand():
    # sessions (1, 2), (3, 6): mean 3, residual sums -3 and 3: variance 2/1 * 18 / 16
    got = clustered_mean(np.array([1.0, 2.0, 3.0, 6.0]), np.array([5, 5, 9, 9]))
    assert (got.mean, got.clusters) == (3.0, 2)
    assert got.standard_error == pytest.approx(math.sqrt(36 / 16))
    low, high = got.interval()
    assert (low, high) == pytest.approx((3 - 12.7062047 * 1.5, 3 + 12.7062047 * 1.5))


def test_interval_of_a_hit_rate_by_hand():
    # 40 of 80, error .08: effective n = .25 / .0064 = 39.0625; t(19) = 2.0930241, t^2 / n = .1121472
    low, high = hit_rate_interval(ClusteredMean(0.5, 0.08, 20), 80)
    half = math.sqrt(0.1121472 * (0.25 + 0.1121472 / 4)) / 1.1121472
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_dependent_events_widen_the_interval_of_a_hit_rate_and_none_varying_is_not_certain():
    random = np.random.default_rng(4)
    sessions = np.repeat(np.arange(20), 10)
    alone = random.integers(0, 2, 200).astype(float)
    together = np.repeat(random.integers(0, 2, 20), 10).astype(float)
    spans = []
    for hits in (alone, together):
        rate = clustered_mean(hits, sessions)
        low, high = hit_rate_interval(rate, 200)
        assert 0 <= low < rate.mean < high <= 1
        spans.append(high - low)
    assert spans[1] > 2 * spans[0]
    low, high = hit_rate_interval(clustered_mean(np.ones(200), sessions), 200)
    assert high == 1.0
    assert low == pytest.approx(1 / (1 + 2.0930241**2 / 20))


def test_a_constant_mean_is_certain():
    assert ClusteredMean(0.0, 0.0, 9).p_value() == 1.0
    assert ClusteredMean(0.1, 0.0, 9).p_value() == 0.0


def test_p_values_are_adjusted_over_every_test():
    # Benjamini-Yekutieli by hand: c(3) = 1 + 1/2 + 1/3; sorted p .01 .02 .9 -> .055, .055, 1 (capped)
    rows = pl.DataFrame(
        {
            "p_value": [0.9, 0.01, None, 0.02],
            "edge_sigma": [0.1, 0.2, 0.3, -0.2],
            "ci_low": [0.0, 0.0, None, 0.0],
            "ci_high": [1.0, 1.0, None, 1.0],
            "hit_rate_low": [0.4, 0.4, None, 0.4],
            "hit_rate_high": [0.6, 0.6, None, 0.6],
        }
    )
    got = adjust(rows)
    assert got["p_adjusted"].to_list() == pytest.approx([1.0, 0.055, None, 0.055])
    assert got["looked_at"].to_list() == [3] * 4
    none = "no measured worth"
    assert got["verdict"].to_list() == [none, none, "too few", none]
