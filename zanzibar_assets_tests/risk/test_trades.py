from datetime import timedelta

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.risk.trades import oos_trades
from zanzibar_assets_tests.risk.histories import oos_of


def test_the_short_side_pays_the_costs_too():
    trades = oos_trades(oos_of([0.01, 0.01, 0.01], [0.9, 0.1, 0.5], cost=0.002), 0.55)
    # gross .012: the long nets .010, the short -.012 - .002
    assert trades.returns.tolist() == pytest.approx([0.01, -0.014])


def test_trades_do_not_overlap():
    frame = oos_of([0.01, 0.02, 0.03, 0.04])
    late = frame.with_columns(known_at=pl.col("event_ts") + timedelta(hours=36))
    assert oos_trades(late, 0.55).returns.tolist() == pytest.approx([0.01, 0.03])


def test_paths_are_averaged_not_counted_twice():
    frame = oos_of([0.01, 0.02])
    other = frame.with_columns(path=pl.lit(1, pl.Int32), prediction=pl.Series([0.9, 0.1]))
    trades = oos_trades(pl.concat([frame, other]).sort("known_at"), 0.55)
    assert trades.returns.tolist() == pytest.approx([0.01])


def test_trades_a_year():
    trades = oos_trades(oos_of([0.01] * 366), 0.55)
    assert trades.per_year == pytest.approx(366, rel=0.01)


def test_nothing_out_of_sample_is_no_trade():
    trades = oos_trades(empty("model_oos"), 0.55)
    assert len(trades.returns) == 0
    assert trades.per_year == 0.0
