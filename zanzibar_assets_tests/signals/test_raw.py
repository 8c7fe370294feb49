"""Raw signals: touches and crossings by hand, cooldown, causality."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.config import Config, SignalConfig
from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.labels import because
from zanzibar_assets.signals.raw import build_raw_signals

ES = load_instruments()["SIM_ES"]
CONFIG = Config(home=Path("unused"))
T0 = datetime(2024, 3, 5, 15, tzinfo=UTC)
NO_POINTS, NO_PREDICTIONS = empty("points_of_interest"), empty("predictions")
NO_VOLATILITY, NO_VALIDATION = empty("volatility_forecast"), empty("validation_report")


def bars(closes, spread=2, states=None):
    """One-minute bars with given closes (ticks), each ``spread`` ticks high and low around it."""
    n = len(closes)
    closes = np.asarray(closes)
    opens = [T0 + timedelta(minutes=k) for k in range(n)]
    columns = {
        "event_ts": opens,
        "known_at": [t + timedelta(minutes=1) for t in opens],
        **{
            f"{k}_ticks": closes + d
            for k, d in (("open", 0), ("high", spread), ("low", -spread), ("close", 0))
        },
        **{
            k: (closes + d) * 0.25 for k, d in (("open", 0), ("high", spread), ("low", -spread), ("close", 0))
        },
        **dict.fromkeys(("volume", "bid_volume", "ask_volume", "delta"), np.zeros(n)),
        "trades": np.ones(n, dtype=np.int64),
        "vwap": closes * 0.25,
        "bar_seconds": np.full(n, 60),
        "session_state": states or ["open"] * n,
        "basis": ["ticks"] * n,
    }
    return conform("bars", pl.DataFrame(columns))


def point(minute, kind="poi_touch", poi_id="p1", direction=1, lo=19_990, hi=19_999, score=0.8):
    stamp = T0 + timedelta(minutes=minute)
    return {
        "event_ts": stamp, "known_at": stamp, "poi_id": poi_id, "kind": kind, "dir": direction,
        "lo_ticks": lo, "hi_ticks": hi, "lo": lo * 0.25, "hi": hi * 0.25, "score": score,
        "source_kind": "ob", "source_id": "x", "factors": "{}",
        "event_id": f"{poi_id}-{minute}", "ref_id": None if kind == "poi" else poi_id,
        "level_ticks": hi, "level": hi * 0.25,
        "timeframe_seconds": 60, "def_version": 1, "params_hash": "x", "attrs": "{}",
    }  # fmt: skip


def points(*rows):
    return conform("points_of_interest", pl.DataFrame(list(rows)).sort("known_at"))


def predictions(values):
    stamps = [T0 + timedelta(minutes=k + 1) for k in range(len(values))]
    return conform(
        "predictions",
        pl.DataFrame({"event_ts": stamps, "known_at": stamps, "model_id": "m1", "prediction": values}),
    )


def volatility(sigma):
    row = {
        "method": "har", "as_of_session": "2024-03-04", "sigma_bar": sigma, "sigma_session": sigma,
        "sigma_annual": sigma, "observations": 10, "reason": None,
    }  # fmt: skip
    return conform("volatility_forecast", pl.DataFrame([row]))


def build(market, pois=NO_POINTS, predicted=NO_PREDICTIONS, sigma=NO_VOLATILITY, config=CONFIG):
    frame = build_raw_signals(market, pois, predicted, sigma, NO_VALIDATION, ES, config)
    assert breaches("raw_signals", frame) == []
    return frame


def test_a_touch_by_hand():
    (row,) = build(bars([20_000, 20_001, 20_002]), points(point(2))).to_dicts()
    assert row["known_at"] == T0 + timedelta(minutes=2)
    assert row["event_ts"] == T0 + timedelta(minutes=1)
    assert (row["source"], row["dir"], row["entry_ticks"], row["entry"]) == ("poi", 1, 20_001, 5_000.25)
    assert row["stop_distance_ticks"] == 20_001 - (19_990 - 1)
    assert row["target_distance_ticks"] == 24
    assert json.loads(row["evidence"])["poi_id"] == "p1"
    assert row["model_id"] is None
    assert row["simulated"]


def test_a_short_touch_stops_above_the_zone():
    (row,) = build(bars([20_000] * 3), points(point(1, direction=-1, lo=20_001, hi=20_009))).to_dicts()
    assert (row["dir"], row["stop_distance_ticks"]) == (-1, 10)


def test_the_stop_is_at_least_an_atr_and_two_forecast_moves():
    near = points(point(2, lo=19_999, hi=20_001))
    assert build(bars([20_000] * 3, spread=9), near)["stop_distance_ticks"].item() == 18
    wide = build(bars([20_000] * 3), near, sigma=volatility(0.001))
    assert wide["stop_distance_ticks"].item() == 40  # 2 x 0.001 x 20 000


@pytest.mark.parametrize(
    "pois",
    [
        points(point(2, score=0.49)),
        points(point(2, kind="poi")),
        points(point(1, kind="poi_invalidated"), point(2)),
        points(point(2, lo=20_005, hi=20_010)),  # the bar closed beyond the zone
        points(point(9)),  # no such bar
    ],
)
def test_touches_that_are_no_signals(pois):
    assert build(bars([20_000] * 3), pois).is_empty()


def test_only_the_first_touch_and_only_the_open_session():
    config = Config(home=Path("unused"), signals=SignalConfig(cooldown_seconds=0))
    twice = points(point(1), point(3))
    assert build(bars([20_000] * 4), twice, config=config)["known_at"].to_list() == [
        T0 + timedelta(minutes=1)
    ]
    closed = bars([20_000] * 4, states=["pre_open", "open", "open", "open"])
    assert build(closed, points(point(1)), config=config).is_empty()


def test_cooldown_counts_by_direction():
    pois = points(
        point(1, poi_id="a"),
        point(2, poi_id="b"),
        point(3, poi_id="c", direction=-1, lo=20_001, hi=20_004),
        point(31, poi_id="d"),
    )
    found = build(bars([20_000] * 40), pois)
    minutes = [(t - T0).total_seconds() / 60 for t in found["known_at"]]
    assert list(zip(minutes, found["dir"], strict=True)) == [(1, 1), (3, -1), (31, 1)]


def test_model_crossings_need_the_bar_before():
    found = build(bars([20_000] * 6), predicted=predictions([0.60, 0.50, 0.55, 0.60, 0.44, 0.40]))
    assert [(t - T0).total_seconds() / 60 for t in found["known_at"]] == [3, 5]
    assert found["dir"].to_list() == [1, -1]
    assert found["score"].to_list() == pytest.approx([0.55, 0.56])
    assert found["model_id"].to_list() == ["m1", "m1"]
    assert json.loads(found["evidence"][0])["verdict"] == "insufficient_history"


def test_the_models_stop_is_its_labels_barrier():
    found = build(bars([20_000] * 3), predicted=predictions([0.5, 0.6, 0.6]), sigma=volatility(0.0005))
    assert found["stop_distance_ticks"].item() == int(np.ceil(1.5 * np.sqrt(30) * 0.0005 * 20_000))


def test_ids_are_deterministic_and_differ():
    pois = points(point(1, poi_id="a"), point(35, poi_id="b"))
    one, two = build(bars([20_000] * 40), pois), build(bars([20_000] * 40), pois)
    assert one.equals(two)
    assert one["signal_id"].n_unique() == 2


def test_nothing_in_nothing_out():
    assert build(empty("bars")).is_empty()


def random_inputs(seed):
    rng = np.random.default_rng(seed)
    closes = 20_000 + np.cumsum(rng.integers(-8, 9, 120))
    rows = []
    for k in range(30):
        minute = int(rng.integers(1, 121))
        lo = int(closes[minute - 1] - rng.integers(0, 30))
        kind = rng.choice(["poi", "poi_touch", "poi_touch", "poi_invalidated"])
        rows.append(point(minute, kind, f"p{k % 18}", int(rng.choice([-1, 1])), lo, lo + 15, rng.random()))
    return bars(closes), points(*rows), predictions(rng.random(120))


@pytest.mark.parametrize("seed", range(5))
def test_a_prefix_gives_the_prefix(seed):
    market, pois, predicted = random_inputs(seed)
    config = Config(home=Path("unused"), signals=SignalConfig(cooldown_seconds=300))
    whole = build(market, pois, predicted, volatility(0.0002), config)
    assert whole.height > 5
    for minute in np.random.default_rng(seed).integers(1, 121, 15):
        cut = pl.col("known_at") <= T0 + timedelta(minutes=int(minute))
        part = build(market.filter(cut), pois.filter(cut), predicted.filter(cut), volatility(0.0002), config)
        assert part.equals(whole.filter(cut))


def test_a_model_signal_keeps_the_reasons_of_its_prediction_beside_its_identity():
    market, predicted = bars([20_000] * 4), predictions([0.5, 0.5, 0.7, 0.7])
    crossed = predicted["known_at"][2]
    rows = [
        {"event_ts": at, "known_at": at, "model_id": "m1", "prediction": 0.7, "base": 0.1, "log_odds": 0.8,
         "rank": rank, "feature": f"feature_{rank}", "value": None if rank == 2 else 1.5,
         "contribution": 0.0 if rank == 4 else 0.5 / rank}
        for at in predicted["known_at"][2:] for rank in range(1, 9)
    ]  # fmt: skip
    reasons = conform("prediction_reasons", pl.DataFrame(rows))
    plain = build(market, predicted=predicted)
    told = build_raw_signals(
        market, NO_POINTS, predicted, NO_VOLATILITY, NO_VALIDATION, ES, CONFIG, reasons
    )
    assert told["known_at"].to_list() == [crossed]
    kept = json.loads(told["evidence"][0])["reasons"]
    assert [one["feature"] for one in kept] == ["feature_1", "feature_2", "feature_3", "feature_5"]
    assert kept[1] == {"feature": "feature_2", "value": None, "contribution": 0.25}
    assert told.drop("evidence").equals(plain.drop("evidence"))
    assert because(told.row(0, named=True)) == (
        ". Because of feature_1 1.5 (+0.500), feature_2 unknown (+0.250), feature_3 1.5 (+0.167)"
    )
    assert because(plain.row(0, named=True)) == ""
