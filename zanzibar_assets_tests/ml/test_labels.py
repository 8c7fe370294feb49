import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.errors import ContractError
from zanzibar_assets.ml.labels import bar_volatility, build_labels
from zanzibar_assets_tests.ml import worlds

DAY = "2024-03-05"
MINUTE = 60_000_000


def labels_of(traded, past, market, config, ticks=None):
    """Labels on bar records that say what the bars say, or on the given ticks."""
    return build_labels(worlds.records_of(traded) if ticks is None else ticks, traded, past, market, config)


@pytest.mark.parametrize("name", ["SIM_ES", "SIM_BTC", "GC"])
def test_labels_keep_their_contract_and_never_cross_the_close(name):
    market = worlds.instrument(name)
    labels = labels_of(
        worlds.bars(DAY, 1, market), worlds.history("2024-03-04", of=market), market, worlds.config()
    )
    assert breaches("labels", labels) == []
    assert set(labels["barrier"]) == {"upper", "lower", "time"}
    window = session_window(market, DAY)
    end = min([start for start, stop in window.breaks if stop == window.close_us], default=window.close_us)
    assert labels["known_at"].dt.epoch("us").max() <= end
    assert labels["horizon_bars"].is_between(2, 30).all()
    assert labels.filter(pl.col("horizon_bars") < 30).height > 10


def test_returns_and_costs_by_hand():
    market = worlds.instrument("GC")  # tick 0.1, spread 1 tick, commission 2.5 a deal on 100 ounces
    labels = labels_of(worlds.bars(DAY, 2, market), pl.DataFrame(), market, worlds.config())
    traded = worlds.bars(DAY, 2, market)
    entry = labels.select("event_ts").join(traded, left_on="event_ts", right_on="known_at", how="left")[
        "close"
    ]
    cost = (labels["gross_return"] - labels["net_return"]) * entry
    np.testing.assert_allclose(cost.to_numpy(), 0.1 + 2 * 2.5 / 100, rtol=1e-9)
    up = labels.filter(pl.col("barrier") == "upper")["gross_return"]
    assert up.min() > 0
    assert labels.filter(pl.col("barrier") == "lower")["gross_return"].max() < 0


def test_barriers_stand_at_sigma_times_root_horizon():
    market = worlds.instrument()
    labels = labels_of(worlds.bars(DAY, 3), pl.DataFrame(), market, worlds.config(barrier_sigma=2.0))
    hit = labels.filter(pl.col("barrier") == "upper")
    width = 2.0 * hit["sigma"] * hit["horizon_bars"].cast(pl.Float64).sqrt()
    one_tick = 1.5 / 19_000  # rounded outwards to a tick
    assert ((hit["gross_return"] - width).abs() < 4 * one_tick).all()


@pytest.mark.parametrize("made_of", [worlds.records_of, worlds.trades_of])
def test_prefix_gives_the_labels_known_by_then_at_many_cuts(made_of):
    market, settings_ = worlds.instrument(), worlds.config()
    traded, past = worlds.bars(DAY, 4, skip=0.2), worlds.history("2024-03-04", count=200)
    ticks = made_of(traded)
    whole = labels_of(traded, past, market, settings_, ticks)
    first, last = traded["known_at"].dt.epoch("us").min(), traded["known_at"].dt.epoch("us").max()
    cuts = np.random.default_rng(0).integers(first, last + MINUTE, 60)
    touches = whole.filter(pl.col("barrier") != "time")["known_at"].to_physical().gather_every(20)
    for cut in [*cuts, *touches, *(touches - 1)]:
        known = pl.col("known_at") <= pl.lit(int(cut)).cast(pl.Datetime("us", "UTC"))
        part = labels_of(traded.filter(known), past, market, settings_, ticks.filter(known))
        assert part.equals(whole.filter(known))


def test_a_perturbed_future_changes_no_label_known_before_it():
    market, settings_, past = worlds.instrument(), worlds.config(), worlds.history("2024-03-04", count=200)
    one, two = worlds.bars(DAY, 4), worlds.bars(DAY, 5)
    ticks = [worlds.trades_of(one), worlds.trades_of(two)]
    whole = labels_of(one, past, market, settings_, ticks[0])
    for cut in np.random.default_rng(1).choice(one["known_at"].to_physical().to_numpy(), 20):
        known = pl.col("known_at") <= pl.lit(int(cut)).cast(pl.Datetime("us", "UTC"))
        bars, path = (
            pl.concat([a.filter(known), b.filter(~known)]) for a, b in ((one, two), (ticks[0], ticks[1]))
        )
        found = labels_of(bars, past, market, settings_, path)
        columns = pl.exclude("weight")  # labels entered later may overlap the last ones' bars
        assert found.filter(known).select(columns).equals(whole.filter(known).select(columns))


def test_trades_settle_what_a_bar_leaves_open():
    """Same bars; where only one barrier lies in a bar, trades and bar records tell the same."""
    market, settings_ = worlds.instrument(), worlds.config(barrier_sigma=0.15)
    traded = worlds.bars(DAY, 6)
    on_bars = labels_of(traded, pl.DataFrame(), market, settings_)
    on_ticks = labels_of(traded, pl.DataFrame(), market, settings_, worlds.trades_of(traded))
    assert set(on_bars["path_basis"]) == {"bar_records"}
    assert set(on_ticks["path_basis"]) == {"ticks"}
    both = on_bars.join(on_ticks, on="event_ts", suffix="_ticks_path")
    assert both.height == on_bars.height == on_ticks.height
    differ = both.filter(pl.col("label") != pl.col("label_ticks_path"))
    assert 0 < differ.height < 0.2 * both.height
    assert set(differ["label"]) == {-1}, "bars take the adverse one of two"
    closes = pl.col("known_at_ticks_path").dt.truncate("1m") + pl.duration(minutes=1)
    touched = both.filter((pl.col("label") == pl.col("label_ticks_path")) & (pl.col("barrier") != "time"))
    assert touched.filter(closes != pl.col("known_at")).height == 0


def test_an_overnight_gap_changes_nothing():
    """Ten per cent, and a double: a jump before the open moves no label of the session."""
    market, settings_ = worlds.instrument(), worlds.config()
    traded, past = worlds.bars(DAY, 5), worlds.history("2024-03-04", seed=7)
    names = [f"{name}_ticks" for name in ("open", "high", "low", "close")]
    ticks = worlds.trades_of(traded)
    whole = labels_of(traded, past, market, settings_, ticks)
    for numerator, denominator in ((2, 1), (11, 10), (9, 10)):
        moved = past.with_columns(pl.col(names) * numerator)
        still = past.with_columns(pl.col(names) * denominator)
        one, two = (labels_of(traded, other, market, settings_, ticks) for other in (moved, still))
        assert_frame_equal(one, two)
        assert_frame_equal(one, whole)


def test_horizons_skip_breaks_and_end_with_the_trading():
    """ES until 2021 paused from 15:15 to 15:30: thirty bars from 15:00 end at 15:45."""
    market = worlds.instrument("ES")
    traded = worlds.bars("2020-03-03", 8, market)
    found = labels_of(traded, pl.DataFrame(), market, worlds.config(barrier_sigma=50.0))
    chicago = pl.col("event_ts", "known_at").dt.convert_time_zone("America/Chicago").dt.strftime("%H:%M")
    ends = dict(found.select(chicago).rows())
    assert ends["15:00"] == "15:45"
    assert ends["15:10"] == "15:55"
    assert ends["15:40"] == "16:00"
    assert max(ends.values()) <= "23:59"
    assert found.filter(pl.col("horizon_bars") < 30).height == 28


def test_sigma_follows_its_recursion():
    traded = worlds.bars(DAY, 6, count=80)
    sigma = bar_volatility(traded, pl.DataFrame())
    returns = np.diff(np.log(traded["close_ticks"].to_numpy()))
    decay = 0.5 ** (1 / 60)
    for bar in (20, 50, 79):
        weights = decay ** np.arange(bar)[::-1]
        expected = math.sqrt(float(weights @ returns[:bar] ** 2) / weights.sum())
        assert sigma[bar] == pytest.approx(expected, rel=1e-12)
    assert np.isnan(sigma[:20]).all()


def test_no_bars_no_labels():
    traded = worlds.bars(DAY, 1)
    none, ticks = traded.clear(), worlds.records_of(traded)
    assert labels_of(none, none, worlds.instrument(), worlds.config(), ticks).is_empty()
    assert labels_of(traded, none, worlds.instrument(), worlds.config(), ticks.clear()).is_empty()


def test_bars_of_two_sessions_are_refused():
    both = pl.concat([worlds.bars(DAY, 1), worlds.bars("2024-03-06", 1)])
    with pytest.raises(ContractError, match="more than one session"):
        labels_of(both, both.clear(), worlds.instrument(), worlds.config())


def test_prices_that_are_not_positive_are_refused():
    traded = worlds.bars(DAY, 1, start=3)
    with pytest.raises(ContractError, match="positive prices"):
        labels_of(traded, traded.clear(), worlds.instrument(), worlds.config())
