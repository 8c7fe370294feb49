import json

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.regime_changes import MEASURES, build_regime_changes, cusum_alarms
from zanzibar_assets.analysis.regime_measures import tick_log_variance
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    ES,
    SECOND,
    bars_of,
    known_by,
    random_cuts,
    random_ticks,
    ticks,
    window,
)

W = window(1, hours=10)
MINUTE = 60 * SECOND
ROWS = 560


def made(seed=1):
    """Bars with three planted breaks: range at row 200, volume at 300, drift at 400."""
    rng = np.random.default_rng(seed)
    at = np.arange(ROWS)
    wide, busy = np.where(at < 200, 4, 24), np.where(at < 300, 20, 160)
    step = np.where(at < 400, 0, 14) + rng.integers(-6, 7, ROWS)
    close = 19_000 + np.cumsum(step)
    trades = []
    for t in at.tolist():
        spread = int(rng.integers(wide[t], 2 * wide[t]))
        prices = (close[t] - step[t], close[t] + spread, close[t] - spread, close[t])
        stamps = W.open_us + t * MINUTE + np.arange(4) * SECOND
        sizes = rng.integers(busy[t], 2 * busy[t], 4)
        trades += list(zip(stamps.tolist(), prices, sizes.tolist(), strict=True))
    return bars_of(ticks(*(list(column) for column in zip(*trades, strict=True))), W)


BARS = made()


def build(bars):
    return build_regime_changes(bars, ES)


def attrs(frame, name):
    return frame["attrs"].map_elements(lambda text: json.loads(text)[name], return_dtype=pl.Object).to_list()


def test_planted_breaks_are_told_once_by_each_detector_at_their_time():
    got = build(BARS)
    assert_conforms("regime_changes", got)
    rows = [
        {**json.loads(row["attrs"]), "dir": row["dir"], "at": row["event_ts"], "known": row["known_at"]}
        for row in got.to_dicts()
    ]
    for measure, row in {"log_variance": 200, "log_volume": 300, "drift": 400}.items():
        for detector in ("cusum", "bocpd"):
            mine = [r for r in rows if (r["measure"], r["detector"]) == (measure, detector)]
            when = BARS["event_ts"][row]
            near = [r for r in mine if abs((r["at"] - when).total_seconds()) <= 5 * 60]
            assert [r["dir"] for r in near] == [1], (measure, detector)
            assert near[0]["level_after"] > near[0]["level_before"]
            assert 0 <= near[0]["delay_bars"] <= 40
            closes = BARS["known_at"].to_list()
            assert (
                near[0]["known"]
                == closes[BARS["event_ts"].to_list().index(near[0]["at"]) + near[0]["delay_bars"]]
            )


def test_prefix_invariance_at_sixty_cuts_and_at_the_alarms():
    whole = build(BARS)
    alarms = whole["known_at"].dt.timestamp("us").to_list()
    cuts = [*random_cuts(2, W, 60), *alarms, *(t - 1 for t in alarms)]
    assert_prefix(whole, lambda cut: build(known_by(BARS, cut)), cuts)


@pytest.mark.parametrize("seed", range(3))
def test_prefix_invariance_of_random_bars(seed):
    bars = bars_of(random_ticks(seed, 2_000, W), W)
    assert_prefix(build(bars), lambda cut: build(known_by(bars, cut)), random_cuts(seed, W, 40))


def turned(bars, axis=40_000):
    swap = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return bars.with_columns((axis - pl.col(f"{b}_ticks")).alias(f"{a}_ticks") for a, b in swap.items())


def facts(frame, flip=()):
    """Rows without their ids; drift's direction turned where asked."""
    rows = []
    for row in frame.to_dicts():
        kept = json.loads(row["attrs"])
        side = -1 if kept["measure"] in flip else 1
        rows.append((row["known_at"], row["event_ts"], kept["measure"], kept["detector"], side * row["dir"]))
    return sorted(rows)


def test_mirror_shift_and_scale():
    prices = [f"{name}_ticks" for name in ("open", "high", "low", "close")]
    assert facts(build(turned(BARS)), flip=("drift",)) == facts(build(BARS))
    assert facts(build(BARS.with_columns(pl.col(prices) + 4_096))) == facts(build(BARS))
    wide = build(BARS.with_columns(pl.col(prices) * 4))
    of_drift = [[row for row in facts(frame) if row[2] != "log_variance"] for frame in (wide, build(BARS))]
    assert of_drift[0] == of_drift[1]


def test_the_column_of_alarms_is_the_cusum_of_the_log_variance():
    told = build(BARS).filter(
        pl.col("attrs").str.contains('"detector":"cusum"')
        & pl.col("attrs").str.contains('"measure":"log_variance"')
    )
    alarms = cusum_alarms(tick_log_variance(BARS))
    assert BARS["known_at"].filter(pl.Series(alarms)).to_list() == told["known_at"].to_list() != []


def test_bars_without_an_observation_are_passed_over():
    """Bars without volume: the others' events stand at the same bars."""
    none = pl.int_range(pl.len()).is_in([50, 51, 250, 305])
    got = build(BARS.with_columns(volume=pl.when(none).then(0.0).otherwise("volume")))
    assert_conforms("regime_changes", got)
    other = [row for row in facts(got) if row[2] != "log_volume"]
    assert other == [row for row in facts(build(BARS)) if row[2] != "log_volume"]
    assert any(row[2] == "log_volume" for row in facts(got))


def test_ids_are_unique_and_the_same_again():
    one, two = build(BARS), build(BARS)
    assert_frame_equal(one, two, check_exact=True)
    assert one["event_id"].is_unique().all()
    assert set(attrs(one, "measure")) <= set(MEASURES)


@pytest.mark.parametrize("rows", [0, 1, 2, 31])
def test_small_sessions(rows):
    assert_frame_equal(build(BARS.head(rows)), empty("regime_changes"))
