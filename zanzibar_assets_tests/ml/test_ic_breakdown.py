import math

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.ml.ic import rank_ic
from zanzibar_assets.ml.ic_breakdown import ic_by, ic_by_horizon, ic_by_phase, ic_by_regime, weakest
from zanzibar_assets_tests.ml import worlds

SESSIONS = ("2024-03-04", "2024-03-05")


def market(seed=1, count=300):
    parts = [
        worlds.bars(day, seed + n, count=count).with_columns(pl.lit(day).alias("session"))
        for n, day in enumerate(SESSIONS)
    ]
    return pl.concat(parts)


def record(bars, seed=2, horizon=5, edge=0.5):
    """Predictions at each close that know something of the next ``horizon`` bars."""
    rng = np.random.default_rng(seed)
    later = (pl.col("close").shift(-horizon) / pl.col("close")).log().over("session")
    rows = bars.select("session", pl.col("known_at").alias("event_ts"), later.alias("gross_return"))
    rows = rows.drop_nulls()
    told = rows["gross_return"].to_numpy()
    noise = rng.normal(size=rows.height)
    return rows.with_columns(pl.Series("prediction", edge * told / told.std() + (1 - edge) * noise))


def test_decay_is_greatest_at_its_own_horizon():
    bars = market()
    found = {part.part: part for part in ic_by_horizon(record(bars), bars, (1, 5, 30, 60))}
    assert found["5"].test.mean > 0.6
    assert found["5"].test.mean > found["1"].test.mean > found["60"].test.mean
    assert found["5"].test.mean > found["30"].test.mean
    assert found["60"].test.degrees == pytest.approx(found["60"].rows / 60 - 1)


def test_a_horizon_by_hand_and_never_over_the_close():
    bars = market(count=80)
    path = record(bars, horizon=5)
    (found,) = ic_by_horizon(path, bars, (5,))
    assert found.rows == path.height  # labels of five bars are just those that end within the session
    assert found.test.mean == pytest.approx(
        rank_ic(path["prediction"].to_numpy(), path["gross_return"].to_numpy())
    )
    (longer,) = ic_by_horizon(path, bars, (60,))
    assert longer.rows == 2 * (80 - 60)
    assert ic_by_horizon(path, bars, (100,)) == []


def test_prices_after_the_horizon_do_not_matter():
    bars = market(count=120)
    path = record(bars).filter(pl.col("session") == SESSIONS[0]).head(40)
    step = int(bars["bar_seconds"][0])
    end = path["event_ts"].max() + pl.Series([5 * step * 1_000_000]).cast(pl.Duration("us"))[0]
    other = bars.with_columns(
        pl.when(pl.col("known_at") > end).then(pl.col("close") * 2).otherwise(pl.col("close")).alias("close")
    )
    assert ic_by_horizon(path, bars, (5,)) == ic_by_horizon(path, other, (5,))


def test_regimes_are_those_known_at_the_entry():
    bars = market()
    path = record(bars)
    half = bars["known_at"][150]
    regimes = bars.select(
        "session", "known_at",
        pl.when(pl.col("known_at") <= half).then(0).otherwise(2).cast(pl.Int8).alias("vol_state"),
    )  # fmt: skip
    found = ic_by_regime(path, regimes, 5)
    assert [part.part for part in found] == ["calm", "stressed"]
    assert found[0].rows == path.filter(pl.col("event_ts") <= half).height
    unknown = regimes.with_columns(pl.lit(None, dtype=pl.Int8).alias("vol_state"))
    assert [part.part for part in ic_by_regime(path, unknown, 5)] == ["unknown"]
    assert ic_by_regime(path, regimes.clear(), 5) == []


def test_phases_share_the_session_out():
    bars = market(count=None)
    path = record(bars)
    found = {part.part: part.rows for part in ic_by_phase(path, bars, 5)}
    assert set(found) <= {"pre_open", "first_hour", "middle", "last_hour"}
    assert {"first_hour", "middle", "last_hour"} <= set(found)
    assert sum(found.values()) == path.height


def test_the_weakest_part_is_found_by_its_t():
    bars = market()
    path = record(bars).with_columns(pl.lit("A").alias("part"))
    turned = path.with_columns(-pl.col("prediction"), pl.lit("B").alias("part"))
    parts = ic_by("instrument", pl.concat([path, turned]), 5)
    assert weakest(parts).part == "B"
    assert weakest(parts).test.mean < 0
    assert weakest([]) is None
    assert math.isfinite(weakest(parts).test.error)
