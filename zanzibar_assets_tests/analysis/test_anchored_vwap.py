import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.anchored_stage import AnchoredStage
from zanzibar_assets.analysis.anchored_vwap import build_anchored_vwap
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
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
from zanzibar_assets_tests.builders.orderflow import mirrored_ticks, moved
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


PRICES = ["vwap", "upper_1", "lower_1", "upper_2", "lower_2"]


def test_shift_moves_the_prices_and_nothing_else_bit_for_bit():
    """Deviations and volumes are the same bits, prices those of the moved market."""
    frame, smc = random_ticks(10, 800, W), random_events(11, 30)
    got, plain = vwap_of(moved(frame, 4_096), smc), vwap_of(frame, smc)
    assert_frame_equal(got.drop(PRICES), plain.drop(PRICES), check_exact=True)
    assert_frame_equal(got.select(pl.col(PRICES) - 1_024.0), plain.select(PRICES), rel_tol=1e-14)


def test_scale():
    frame, smc = random_ticks(10, 800, W), random_events(11, 30)
    got, plain = vwap_of(moved(frame, 0, 4), smc), vwap_of(frame, smc)
    scaled = plain.with_columns(pl.col(*PRICES, "sd") * 4.0)
    assert_frame_equal(got, scaled, check_exact=True)


def test_mirror():
    frame, smc = random_ticks(10, 800, W), random_events(11, 30)
    flipped = smc.with_columns(dir=-pl.col("dir"))
    got = vwap_of(mirrored_ticks(frame, 0), flipped)
    names = {"swing_high": "swing_low", "break_up": "break_down"}
    names |= {new: old for old, new in names.items()}
    bands = {"upper_1": "lower_1", "upper_2": "lower_2", "lower_1": "upper_1", "lower_2": "upper_2"}
    back = got.with_columns(
        pl.col("anchor").replace(names), -pl.col("vwap"), *(-pl.col(a).alias(b) for a, b in bands.items())
    )
    assert_frame_equal(back.sort("known_at", "anchor"), vwap_of(frame, smc), check_exact=True)


def test_the_session_opens_within_a_bar():
    """The bar's pre-open trades do not count for a VWAP since the open, but for one since that bar."""
    frame = ticks(
        [W.open_us, W.open_us + SECOND, W.open_us + 2 * SECOND, W.open_us + MINUTE], [90, 100, 104, 108],
        [5, 1, 1, 2], opens_us=W.open_us + SECOND,
    )  # fmt: skip
    swing = event_rows([("swing", -1, W.open_us, W.open_us + 2 * MINUTE, "{}")])
    got = {(r["anchor"], r["known_at"].minute): r for r in vwap_of(frame, swing).iter_rows(named=True)}
    volumes = {key: row["volume"] for key, row in got.items()}
    assert volumes == {("session_open", 1): 2, ("session_open", 2): 4, ("swing_low", 2): 9}
    assert got["session_open", 2]["vwap"] == pytest.approx((204 + 216) / 4 * 0.25)
    assert got["swing_low", 2]["vwap"] == pytest.approx((450 + 204 + 216) / 9 * 0.25)


def test_an_anchor_off_the_bars_is_refused():
    frame = random_ticks(5, 200, W)
    off = event_rows([("swing", 1, W.open_us + MINUTE + 7, W.open_us + 4 * MINUTE, "{}")])
    with pytest.raises(ContractError, match="bar's open"):
        vwap_of(frame, off)


def test_an_anchor_older_than_the_bars_kept_is_refused():
    """Nothing is lost in silence: the moments of the bars it would start at have been dropped."""
    frame = random_ticks(5, 2_000, W)
    bars = bars_of(frame, W)
    stage = AnchoredStage(ES, NO_TICKS, 3)
    stage.begin(frame)
    last = bars["known_at"].dt.timestamp("us")[-1]
    stage.feed(bars[:-1], known_by(frame, bars["known_at"].dt.timestamp("us")[-2] - 1), last - 1)
    kept = stage.snapshot()["parts"]["bar_us"]
    assert len(kept) <= 4
    stage.events(event_rows([("swing", 1, kept[0] - 10 * MINUTE, last, "{}")]), NO_LEVELS)
    with pytest.raises(ContractError, match="at most 3 bars old"):
        stage.feed(bars[-1:], frame.clear(), last)
