import math

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.ml.horizon_returns import build_horizon_returns
from zanzibar_assets_tests.ml import worlds

DAY = "2024-03-05"
MINUTE = 60_000_000


def stamp(value):
    return pl.lit(int(value)).cast(pl.Datetime("us", "UTC"))


def test_returns_and_costs_by_hand():
    market = worlds.instrument("GC")  # tick 0.1: a round trip costs 1 tick + 2 * 2.5 / 100 / 0.1 = 1.5 ticks
    traded = worlds.bars(DAY, 1, market, count=40)
    found = build_horizon_returns(worlds.trades_of(traded), traded, market, worlds.config())
    assert breaches("horizon_returns", found) == []
    close = traded["close_ticks"].to_list()
    row = found.filter((pl.col("horizon_bars") == 5) & (pl.col("event_ts") == traded["known_at"][3])).row(
        0, named=True
    )
    gross = math.log(close[8] / close[3])
    assert row["known_at"] == traded["known_at"][8]
    assert row["gross_return"] == pytest.approx(gross)
    assert row["net_long"] == pytest.approx(gross - 1.5 / close[3])
    assert row["net_short"] == pytest.approx(-gross - 1.5 / close[3])
    assert found["horizon_bars"].unique().sort().to_list() == [5, 15, 30]


@pytest.mark.parametrize("made_of", [worlds.records_of, worlds.trades_of])
def test_each_horizon_ends_at_the_last_trade_before_it_and_none_crosses_the_close(made_of):
    market = worlds.instrument()
    traded = worlds.bars(DAY, 3, skip=0.3)
    found = build_horizon_returns(made_of(traded), traded, market, worlds.config(return_horizons=(7,)))
    window = session_window(market, DAY)
    end = min(start for start, stop in window.breaks if stop == window.close_us)
    known, close = traded["known_at"].to_physical().to_list(), traded["close_ticks"].to_list()
    expected = {}
    for at, entry in zip(known, close, strict=True):
        until = at + 7 * MINUTE
        inside = [(k, c) for k, c in zip(known, close, strict=True) if at < k <= until]
        later = [k for k in known if k >= until]
        if until <= end and inside and later:
            expected[at] = (later[0], entry, inside[-1][1])
    got = found.select(pl.col("event_ts", "known_at").to_physical(), "entry_ticks", "exit_ticks")
    assert {row[0]: row[1:] for row in got.sort("event_ts").rows()} == expected


def test_prefix_gives_what_was_known_by_then_at_many_cuts():
    market, config = worlds.instrument(), worlds.config()
    traded = worlds.bars(DAY, 4, skip=0.2, count=300)
    ticks = worlds.trades_of(traded)
    whole = build_horizon_returns(ticks, traded, market, config)
    stamps = traded["known_at"].to_physical()
    for cut in np.random.default_rng(0).integers(stamps.min(), stamps.max() + MINUTE, 40):
        known = pl.col("known_at") <= stamp(cut)
        part = build_horizon_returns(ticks.filter(known), traded.filter(known), market, config)
        assert part.equals(whole.filter(known))


def test_nothing_traded_nothing_returned():
    market, traded = worlds.instrument(), worlds.bars(DAY, 1, count=9)
    assert build_horizon_returns(worlds.trades_of(traded), traded.clear(), market, worlds.config()).is_empty()
    none = worlds.trades_of(traded).clear()
    assert build_horizon_returns(none, traded, market, worlds.config()).is_empty()
    some = build_horizon_returns(worlds.trades_of(traded), traded, market, worlds.config(return_horizons=()))
    assert some.is_empty()
