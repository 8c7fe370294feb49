"""The prefix law must catch what looks ahead: leaking twins of honest features."""

import numpy as np
import polars as pl
import pytest

from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import bars_of, known_by, random_cuts, random_ticks, window

W = window(hours=6)
BARS = bars_of(random_ticks(1, 2_000, W), W)
CLOSE = pl.col("close")

LEAKS = {
    "centred mean": CLOSE.rolling_mean(5, center=True),
    "z-score of the whole session": (CLOSE - CLOSE.mean()) / CLOSE.std(),
    "rank in the whole session": CLOSE.rank().cast(pl.Float64),
    "next bar's return": CLOSE.shift(-1) / CLOSE - 1,
    "backward fill": pl.when(pl.col("volume") > 20).then(CLOSE).backward_fill(),
    "swing drawn at its extreme": (CLOSE.diff() > 0) & (CLOSE.diff().shift(-1) < 0),
}
HONEST = {
    "trailing mean": CLOSE.rolling_mean(5),
    "last return": CLOSE / CLOSE.shift(1) - 1,
    "swing drawn when confirmed": (CLOSE.diff().shift(1) > 0) & (CLOSE.diff() < 0),
}


def feature(bars, expression):
    return bars.select("known_at", value=expression)


@pytest.mark.parametrize("name", LEAKS)
def test_a_leaking_twin_is_caught(name):
    build = LEAKS[name]
    with pytest.raises(AssertionError):
        assert_prefix(
            feature(BARS, build), lambda cut: feature(known_by(BARS, cut), build), random_cuts(2, W, 40)
        )


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_feature_passes(name):
    build = HONEST[name]
    assert_prefix(
        feature(BARS, build), lambda cut: feature(known_by(BARS, cut), build), random_cuts(2, W, 40)
    )


def test_a_nan_among_the_numbers_is_a_breach():
    with pytest.raises(AssertionError):
        assert_conforms("bars", BARS.with_columns(delta=pl.lit(np.nan)))
