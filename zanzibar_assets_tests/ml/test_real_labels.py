"""Labels and sampled bars of the real files: contracts, conservation, and what the path is made of."""

from __future__ import annotations

import polars as pl
import pytest

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.sampled_bars import build_sampled_bars, build_thresholds
from zanzibar_assets.ml.horizon_returns import build_horizon_returns
from zanzibar_assets.ml.labels import build_labels
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.analysis.test_real_sessions import load
from zanzibar_assets_tests.analysis.test_real_sessions import pytestmark as pytestmark
from zanzibar_assets_tests.builders.market import CONFIG, known_by, random_cuts

SESSIONS = [
    ("ES", "2023-12-26", "ticks"),
    ("BTCUSDT", "2024-08-08", "ticks"),
    ("BTCPERP", "2022-01-02", "bar_records"),
]


@pytest.fixture(scope="module", params=SESSIONS, ids=lambda p: p[0])
def real(request):
    name, session, basis = request.param
    data = load(name, session)
    assert data.ticks.height, f"no trades of {name} on {session}"
    return data, build_bars(data.ticks, data.instrument, data.window), basis


def test_labels_keep_their_contract_and_say_their_path(real):
    data, bars, basis = real
    labels = build_labels(data.ticks, bars, bars.clear(), data.instrument, CONFIG)
    assert_conforms("labels", labels)
    assert labels.height > 0.5 * bars.height - 60
    assert set(labels["path_basis"]) == {basis}
    assert labels["known_at"].dt.epoch("us").max() <= data.window.close_us
    cuts = random_cuts(3, data.window, 6)

    def until(cut):
        return build_labels(
            known_by(data.ticks, cut), known_by(bars, cut), bars.clear(), data.instrument, CONFIG
        )

    assert_prefix(labels, until, cuts)


def test_horizon_returns_keep_their_contract(real):
    data, bars, _ = real
    found = build_horizon_returns(data.ticks, bars, data.instrument, CONFIG)
    assert_conforms("horizon_returns", found)
    assert {5, 15, 30} <= set(found["horizon_bars"])


def test_sampled_bars_hold_what_was_traded_but_for_the_open_one(real):
    data, bars, basis = real
    earlier = bars.with_columns(session=pl.lit("2000-01-01"))  # the session itself: about 250 bars come out
    thresholds = build_thresholds(earlier, data.instrument, data.window, CONFIG)
    found = build_sampled_bars(data.ticks, thresholds, data.instrument)
    assert_conforms("sampled_bars", found)
    assert set(found["basis"]) == {basis}
    opened = data.ticks.filter((pl.col("session_state") == "open") & (pl.col("kind") != "quote"))
    volume = found.filter(pl.col("scheme") == "volume")
    traded = opened["size"].sum()
    threshold = volume["threshold"][0]
    assert 0 <= traded - volume["volume"].sum() < threshold
    after = opened.filter(pl.col("known_at") > volume["known_at"].max())["size"].sum()
    assert traded - volume["volume"].sum() == pytest.approx(after, abs=threshold)
    assert 120 < volume.height <= 251
