import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.anchored_vwap import build_anchored_vwap
from zanzibar_assets.contracts.registry import conform, empty
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
from zanzibar_assets_tests.reference.order_flow import welford

W = window(1, hours=3)
MINUTE = 60 * SECOND
NO_TICKS = empty("clean_ticks").with_columns(session=pl.lit("", pl.String))
NO_LEVELS = empty("liquidity_sweeps")


def event_rows(rows, table="smc_events"):
    """Events of (kind, dir, event_us, known_us, attrs)."""
    n = len(rows)
    kinds, dirs, happened, known, attrs = zip(*rows, strict=True)
    prices = {name: np.ones(n) for name in ("level_ticks", "lo_ticks", "hi_ticks", "level", "lo", "hi")}
    frame = pl.DataFrame(
        {
            "event_ts": happened, "known_at": known, "event_id": [f"e{k}" for k in range(n)], "kind": kinds,
            "dir": dirs, **prices, "ref_id": pl.Series([None] * n, dtype=pl.String),
            "timeframe_seconds": [60] * n, "def_version": [1] * n, "params_hash": ["x"] * n, "attrs": attrs,
        }
    ).with_columns(pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC")))  # fmt: skip
    return conform(table, frame.sort("known_at"))


def random_events(seed, count):
    rng = np.random.default_rng(seed)
    closes = W.open_us + np.sort(rng.integers(5, 170, count)) * MINUTE
    kinds = rng.choice(["swing", "bos", "choch", "fvg"], count)
    happened = closes - rng.integers(1, 5, count) * MINUTE
    return event_rows([(str(k), int(d), int(h), int(c), "{}") for k, d, h, c in
                       zip(kinds, rng.choice([-1, 1], count), happened, closes, strict=True)])  # fmt: skip


def vwap_of(frame, smc, levels=NO_LEVELS, prior=NO_TICKS):
    return build_anchored_vwap(frame, prior, bars_of(frame, W), smc, levels, ES)


def test_starts_at_the_extreme_but_is_published_from_its_confirmation():
    stamps = W.open_us + np.arange(6) * MINUTE
    frame = ticks(stamps, [100, 110, 104, 102, 101, 100], [1, 2, 1, 4, 1, 3], opens_us=W.open_us)
    swing = event_rows([("swing", 1, W.open_us + MINUTE, W.open_us + 4 * MINUTE, "{}")])
    got = vwap_of(frame, swing).filter(pl.col("anchor") == "swing_high")
    assert got["known_at"].dt.timestamp("us").to_list() == [W.open_us + k * MINUTE for k in (4, 5, 6)]
    # the first row: 110 x 2, 104, 102 x 4, since the extreme and not since the confirmation
    assert got["vwap"][0] == pytest.approx((220 + 104 + 408) / 7 * 0.25)
    assert got["volume"].to_list() == [7, 8, 11]
    assert got["anchor_id"].unique().to_list() == ["e0"]


def test_equals_welford_trade_by_trade_at_prices_of_1e8():
    frame = random_ticks(3, 2_000, W, base=100_000_000, zero_sizes=False)
    smc = random_events(4, 30)
    got = vwap_of(frame, smc)
    assert_conforms("anchored_vwap", got)
    assert got["anchor"].n_unique() == 5
    rows = list(zip(frame["event_ts"].dt.timestamp("us"), frame["price_ticks"], frame["size"], strict=True))
    for row in got.sample(150, seed=1).iter_rows(named=True):
        since, until = row["anchor_event_ts"].timestamp() * 1e6, row["known_at"].timestamp() * 1e6
        # the reference takes distances, which are exact: at 1e8 it would lose half its digits itself
        price, sd = welford([(p - 100_000_000, q) for t, p, q in rows if since - 0.5 <= t < until - 0.5])[-1]
        assert row["vwap"] == pytest.approx((price + 100_000_000) * 0.25, rel=1e-15)
        assert row["sd"] == pytest.approx(sd * 0.25, rel=1e-12, abs=1e-12)
        assert row["upper_2"] - row["lower_2"] == pytest.approx(4 * row["sd"], abs=1e-6)


def test_the_latest_anchor_of_a_kind_takes_over():
    frame = random_ticks(5, 500, W)
    smc = random_events(6, 20)
    got = vwap_of(frame, smc)
    assert not got.select("known_at", "anchor").is_duplicated().any()
    swings = smc.filter((pl.col("kind") == "swing") & (pl.col("dir") > 0))
    for row in got.filter(pl.col("anchor") == "swing_high").iter_rows(named=True):
        assert row["anchor_id"] == swings.filter(pl.col("known_at") <= row["known_at"])["event_id"][-1]


def test_prefix():
    frame, smc = random_ticks(7, 2_000, W), random_events(8, 40)
    whole = vwap_of(frame, smc)
    assert_prefix(whole, lambda cut: vwap_of(known_by(frame, cut), known_by(smc, cut)), random_cuts(9, W, 40))


def test_the_prior_sessions_extreme_counts_its_own_trades_of_the_same_contract():
    before = W.starts_us - 60 * MINUTE
    past = ticks([before, before + MINUTE], [120, 110], [1, 3], opens_us=before).with_columns(
        session=pl.lit("before")
    )
    frame = ticks([W.open_us], [100], [4], opens_us=W.open_us)
    name = '{"name":"prior_session_high"}'
    high = event_rows([("level", 1, before, W.starts_us, name)], "liquidity_sweeps")
    nothing = random_events(1, 3).clear()
    got = vwap_of(frame, nothing, high, past).filter(pl.col("anchor") == "prior_session_high")
    assert got["vwap"].to_list() == [(120 + 330 + 400) / 8 * 0.25]
    other = past.with_columns(contract=pl.lit("ESZ21"))
    assert vwap_of(frame, nothing, high, other)["anchor"].unique().to_list() == ["session_open"]


def test_empty_in_typed_empty_out():
    nothing = random_events(1, 3).clear()
    assert_frame_equal(vwap_of(empty("clean_ticks"), nothing), empty("anchored_vwap"))
