import numpy as np
import polars as pl

from zanzibar_assets.analysis.signing import confusion, lee_ready, tick_rule
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.builders.market import SECOND, book, ticks, window

OPEN = window().open_us


def slow_tick_rule(prices):
    signs, last = [], 0
    for k, price in enumerate(prices):
        if k and price != prices[k - 1]:
            last = 1 if price > prices[k - 1] else -1
        signs.append(last)
    return signs


def test_tick_rule_keeps_the_last_sign_on_a_zero_tick():
    assert tick_rule(np.array([5.0, 5, 6, 6, 4, 4, 4, 5])).tolist() == [0, 0, 1, 1, -1, -1, -1, 1]
    assert tick_rule(np.empty(0)).tolist() == []
    for seed in range(1_000):
        prices = np.random.default_rng(seed).integers(0, 3, 30).astype(float)
        assert tick_rule(prices).tolist() == slow_tick_rule(prices.tolist())


def test_lee_ready_goes_by_the_mid_and_by_the_tick_rule_at_it():
    price, mid = np.array([10.0, 11, 10, 10, 12]), np.array([np.nan, 10.5, 10, 10.5, 12])
    assert lee_ready(price, mid).tolist() == [0, 1, -1, -1, 1]


def test_confusion_counts_flagged_trades_against_quotes_strictly_before():
    # the book moves at the very stamp of the second trade: only the one before it counts
    at = OPEN + np.arange(4) * SECOND
    dom = book([at[0] - 1, at[1]], [[100], [104]], [[1], [1]], [[102], [106]], [[1], [1]])
    frame = ticks(at, [102, 102, 104, 104], [1] * 4, [1, 1, 1, -1])
    flags = pl.Series(["flag", "flag", "flag", "quote"])
    got = confusion(frame.with_columns(sign_source=flags), dom)
    assert got["flagged_trades"] == 3
    # bought at 102 twice above the mid 101; at 104 below the mid 105: taken for a sale
    assert got["lee_ready"]["1"] == {"-1": 1, "0": 0, "1": 2}
    assert got["lee_ready_accuracy"] == 2 / 3
    assert got["tick_rule"]["1"] == {"-1": 0, "0": 2, "1": 1}


def test_without_flags_there_is_no_accuracy():
    got = confusion(empty("clean_ticks"), empty("clean_dom"))
    assert (got["flagged_trades"], got["lee_ready_accuracy"]) == (0, None)
