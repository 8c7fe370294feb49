"""The laws over every column of the order-flow features, and leaking twins that they catch."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis._records import load_records, micros
from zanzibar_assets.analysis.book import load_book
from zanzibar_assets.analysis.book_models import build_book_models
from zanzibar_assets.analysis.book_statistics import build_book_statistics
from zanzibar_assets.analysis.liquidity import build_liquidity_features
from zanzibar_assets.analysis.spreads import HORIZON_SECONDS, later_mids, signed_trades, written_quotes
from zanzibar_assets.contracts.registry import polars_schema
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import CONFIG, ES, SECOND, bars_of, known_by, random_cuts, window
from zanzibar_assets_tests.builders.orderflow import (
    busy_session,
    fitted_models,
    mirrored_book,
    mirrored_ticks,
    moved,
)

W = window(hours=3)
ABOUT = 38_001
TICKS, DOM = busy_session(1, 9_000, 12_000, W)

OFI = ("ofi_l1", "ofi_l2", "ofi_l3", "ofi_l4", "ofi_l5", "ofi_norm", "mlofi", "ofi_integrated")
ODD = (*OFI, "delta", "cvd", "trade_imbalance", "microprice_edge_ticks")
SPREADS = ("spread_ticks", "effective_spread_ticks", "realized_spread_ticks", "price_impact_ticks")
PER_TICK = (*SPREADS, "kyle_lambda", "roll_spread")
EVEN = (*PER_TICK, "vpin", "signed_share", "flag_share", "fitted_through", "fit_reason")
SWAPPED = (
    ("bid_depth", "ask_depth"),
    ("stacked_buy", "stacked_sell"),
    ("imbalance_buy", "imbalance_sell"),
    ("unfinished_high", "unfinished_low"),
    ("ratio_high", "ratio_low"),
    ("absorption_bid", "absorption_ask"),
    ("refill_bid", "refill_ask"),
)
PRICES = {"mid": 0.25, "weighted_mid": 0.25, "microprice": 0.25, "bar_poc_ticks": 1}
OF_ITS_OWN = ("queue_imbalance", "delta_min", "delta_max")
RELATIVE_TO_PRICE = ("amihud",)
DIAGONAL = ("stacked_buy", "stacked_sell", "imbalance_buy", "imbalance_sell")
BY_TICKS = (*DIAGONAL, "absorption_bid", "absorption_ask", "microprice", "microprice_edge_ticks")


def features(ticks, dom, models=None):
    bars = bars_of(ticks, W)
    return build_liquidity_features(
        ticks, dom, bars, fitted_models() if models is None else models, ES, CONFIG
    )


WHOLE = features(TICKS, DOM)


def test_the_session_shows_everything():
    assert_conforms("liquidity_features", WHOLE)
    for name in WHOLE.columns:
        if name != "fit_reason":
            assert WHOLE[name].n_unique() > 1 or name in ("fitted_through", "flag_share"), name
    for name in (
        "absorption_bid",
        "absorption_ask",
        "refill_bid",
        "refill_ask",
        "stacked_buy",
        "stacked_sell",
    ):
        assert (WHOLE[name] > 0).sum() >= 2, name


def test_every_column_has_its_law():
    named = {*ODD, *EVEN, *PRICES, *OF_ITS_OWN, *RELATIVE_TO_PRICE, *(n for pair in SWAPPED for n in pair)}
    assert named | {"event_ts", "known_at"} == set(polars_schema("liquidity_features"))


def test_prefix():
    cuts = random_cuts(2, W, 40)
    assert_prefix(WHOLE, lambda cut: features(known_by(TICKS, cut), known_by(DOM, cut)), cuts)


def test_published_in_chunks_equals_published_at_once():
    edges = [W.starts_us - 1, *sorted(random_cuts(3, W, 12)), W.close_us + 60 * SECOND]
    parts = []
    for before, cut in pairwise(edges):
        found = known_by(features(known_by(TICKS, cut), known_by(DOM, cut)), cut)
        parts.append(found.filter(pl.col("known_at").dt.timestamp("us") > before))
    assert_frame_equal(pl.concat(parts), WHOLE, check_exact=True)


def test_mirror():
    back = features(mirrored_ticks(TICKS, ABOUT), mirrored_book(DOM, ABOUT))

    def same(name, values):
        assert_frame_equal(
            WHOLE.select(x=name), pl.DataFrame({"x": values}), check_dtypes=False, rel_tol=1e-9, abs_tol=1e-7
        )

    for name in ODD:
        same(name, -back[name])
    for name in EVEN:
        same(name, back[name])
    for a, b in SWAPPED:
        same(a, back[b])
        same(b, back[a])
    for name, unit in PRICES.items():
        same(name, ABOUT * unit - back[name])
    same("queue_imbalance", 1 - back["queue_imbalance"])
    same("delta_min", -back["delta_max"])
    same("delta_max", -back["delta_min"])


@pytest.mark.parametrize("shift", [40_000, 400_000_000])
def test_shift(shift):
    """Also at prices of 1e8: nothing is lost to cancellation."""
    got = features(moved(TICKS, shift), moved(DOM, shift))
    plain = [name for name in WHOLE.columns if name not in (*PRICES, *RELATIVE_TO_PRICE)]
    assert_frame_equal(got.select(plain), WHOLE.select(plain), rel_tol=1e-6, abs_tol=1e-9)
    for name, unit in PRICES.items():
        assert (got[name] - shift * unit - WHOLE[name]).abs().max() <= 1e-6, name


def test_scale():
    """Three times the ticks: measures in ticks or price per tick triple, flows stay."""
    got = features(moved(TICKS, scale=3), moved(DOM, scale=3))
    for name in (*OFI, "delta", "cvd", "vpin", "queue_imbalance", "delta_min", "refill_bid", "bid_depth"):
        assert_frame_equal(got.select(name), WHOLE.select(name), rel_tol=1e-9, abs_tol=1e-7)
    for name in (*PER_TICK, "mid", "weighted_mid", "bar_poc_ticks"):
        assert (got[name] - 3 * WHOLE[name]).abs().max() <= 1e-7, name


def _fit_on_itself(cut):
    ticks, dom = known_by(TICKS, cut), known_by(DOM, cut)
    found = build_book_statistics(dom, bars_of(ticks, W)).with_columns(session=pl.lit(W.session))
    return features(ticks, dom, build_book_models(found, W)).select(
        "known_at", "microprice", "ofi_integrated"
    )


def _realized_on_the_trades_bar(cut):
    ticks, dom = known_by(TICKS, cut), known_by(DOM, cut)
    bars = bars_of(ticks, W)
    records, book = load_records(ticks).traded(), load_book(dom)
    trades = signed_trades(records, book)
    later = later_mids(trades.later_us, written_quotes(records), book)
    index = np.searchsorted(micros(bars, "event_ts"), trades.ts_us, side="right") - 1
    paid = 2.0 * trades.side * (trades.price - later)
    return bars.select("known_at", realized=pl.Series(np.bincount(index, np.nan_to_num(paid), bars.height)))


def _depth_of_the_whole_session(cut):
    found = features(known_by(TICKS, cut), known_by(DOM, cut))
    return found.select("known_at", x=pl.col("ofi_l1") / pl.col("bid_depth").mean())


def _smoothed_both_ways(cut):
    found = features(known_by(TICKS, cut), known_by(DOM, cut))
    return found.select("known_at", x=pl.col("delta").rolling_mean(5, center=True))


@pytest.mark.parametrize(
    "twin", [_fit_on_itself, _realized_on_the_trades_bar, _depth_of_the_whole_session, _smoothed_both_ways]
)
def test_a_leaking_twin_is_caught(twin):
    assert HORIZON_SECONDS > 0
    with pytest.raises(AssertionError):
        assert_prefix(twin(W.close_us), twin, random_cuts(4, W, 8))
