"""Integrated order flow and microprice: fitted on the past only, right on books whose truth is known."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.book import load_book
from zanzibar_assets.analysis.book_features import BookAtClose
from zanzibar_assets.analysis.book_models import build_book_models, fit_loading, load_models
from zanzibar_assets.analysis.book_statistics import (
    BUCKETS,
    SPREADS,
    STATES,
    added,
    build_book_statistics,
    session_statistics,
)
from zanzibar_assets.analysis.microprice import fit_edges, microprice_features
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms
from zanzibar_assets_tests.builders.market import bars_of, book, random_book, random_ticks, window
from zanzibar_assets_tests.builders.orderflow import mirrored_book

MIRROR = np.arange(STATES).reshape(SPREADS, BUCKETS)[:, ::-1].ravel()


def day(number, updates=6_000):
    within = window(number, hours=6)
    found = build_book_statistics(
        random_book(200 + number, updates, within), bars_of(random_ticks(300 + number, 2_000, within), within)
    )
    return found.with_columns(session=pl.lit(within.session))


def test_tables_conform_and_name_the_fit():
    past = pl.concat([day(0), day(1)])
    assert_conforms("book_statistics", past.drop("session"))
    got = build_book_models(past, window(2, hours=6))
    assert_conforms("book_models", got)
    assert got["sessions"].unique().to_list() == [2]
    assert (got["fitted_from"][0], got["fitted_through"][0]) == (window(0).session, window(1).session)
    assert got["known_at"].dt.timestamp("us").unique().to_list() == [window(2).starts_us]
    assert got["event_ts"].max() < got["known_at"].min()
    models = load_models(got)
    assert models.reason is None
    assert np.abs(models.loading).sum() == pytest.approx(1.0)


def test_without_enough_history_there_is_no_fit_but_a_reason():
    for past in (day(0).clear(), day(0, updates=40)):
        got = build_book_models(past, window(1, hours=6))
        assert_conforms("book_models", got)
        assert got["value"].null_count() == got.height == 2
        assert "earlier sessions" in load_models(got).reason
    assert load_models(empty("book_models")).edges is None


def test_sums_of_sessions_are_the_fit_of_both_together():
    both = added(pl.concat([day(0), day(1)]))
    apart = [added(day(number)) for number in (0, 1)]
    for name, values in both.items():
        assert values == pytest.approx(apart[0][name] + apart[1][name]), name


def test_the_loading_is_the_first_component_of_planted_flow():
    rng = np.random.default_rng(1)
    truth = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    flow = np.outer(truth, rng.normal(size=20_000)) + 0.01 * rng.normal(size=(5, 20_000)) + 3.0
    fit = fit_loading(flow @ flow.T, flow.sum(axis=1), flow.shape[1])
    assert fit.values == pytest.approx(truth, abs=2e-3)
    assert fit_loading(np.zeros((5, 5)), np.zeros(5), 500).reason is not None


def slow_counts(quotes):
    """Transitions one by one, states from fractions of the queue."""
    stay, move, jump = np.zeros((STATES, STATES)), np.zeros((STATES, STATES)), np.zeros(STATES)

    def state(bid, qb, ask, qa):
        share = qb / (qb + qa)
        bucket = (
            min(int(share * BUCKETS), BUCKETS - 1)
            if share < 0.5
            else BUCKETS - 1 - min(int((1 - share) * BUCKETS), BUCKETS // 2)
        )
        return (min(ask - bid, SPREADS) - 1) * BUCKETS + bucket

    for old, new in pairwise(quotes):
        if old == new:
            continue
        x, y, moved = state(*old), state(*new), (new[0] + new[2] - old[0] - old[2]) / 2
        if moved:
            move[x, y] += 1
            jump[x] += moved
        else:
            stay[x, y] += 1
    return stay, move, jump


@pytest.mark.parametrize("seed", range(20))
def test_transitions_equal_the_slow_count_and_mirror(seed):
    rng = np.random.default_rng(seed)
    n = 150
    bid = 100 + np.cumsum(rng.integers(-1, 2, n))
    sizes = rng.choice([1, 2, 3, 4, 8, 16, 32], (2, n))
    quotes = list(
        zip(
            bid.tolist(),
            sizes[0].tolist(),
            (bid + rng.integers(1, 7, n)).tolist(),
            sizes[1].tolist(),
            strict=True,
        )
    )
    frame = book(window().open_us + np.arange(n), *([[row[i]] for row in quotes] for i in range(4)))
    nothing = np.empty(0, np.int64)
    got = session_statistics(load_book(frame), nothing, nothing)
    for name, expected in zip(("stay", "move", "jump"), slow_counts(quotes), strict=True):
        assert np.array_equal(got[name].reshape(expected.shape), expected), name
    back = session_statistics(load_book(mirrored_book(frame, 500)), nothing, nothing)
    assert np.array_equal(got["move"], back["move"][np.ix_(MIRROR, MIRROR)])
    assert np.array_equal(got["jump"], -back["jump"][MIRROR])


def symmetric_market(rng):
    """Chances of (stay, up half a tick, down half a tick) x next state by state, a mirrored market's alike.

    The mid tends to rise where bids outweigh asks.
    """
    weight = rng.random((3, STATES, STATES)) ** 4
    lean = np.tile(np.linspace(-1, 1, BUCKETS), SPREADS)
    for sign, kind in ((1, 1), (-1, 2)):
        weight[kind] *= 0.2 * np.exp(2.0 * sign * lean)[:, None]
    back = weight[:, MIRROR][:, :, MIRROR]
    both = (weight + back[[0, 2, 1]]).transpose(1, 0, 2).reshape(STATES, 3 * STATES)
    return both / both.sum(axis=1, keepdims=True)


def walk(rng, chances, count):
    """States and mids of a path."""
    reach, draws = np.cumsum(chances, axis=1), rng.random(count)
    states, moves = np.zeros(count, np.int64), np.zeros(count)
    for k in range(1, count):
        found = min(int(np.searchsorted(reach[states[k - 1]], draws[k])), 3 * STATES - 1)
        kind, states[k] = divmod(found, STATES)
        moves[k] = (0.0, 0.5, -0.5)[kind]
    return states, np.cumsum(moves)


def test_microprice_is_a_martingale_out_of_sample_and_the_mid_is_not():
    """Fitted on one path; on another the mid after 8 moves lies, on average, at the price of each state."""
    rng = np.random.default_rng(7)
    chances = symmetric_market(rng)
    states, mid = walk(rng, chances, 200_000)
    stay, move, jump = np.zeros((STATES, STATES)), np.zeros((STATES, STATES)), np.zeros(STATES)
    change = np.diff(mid)
    still = change == 0
    np.add.at(stay, (states[:-1][still], states[1:][still]), 1)
    np.add.at(move, (states[:-1][~still], states[1:][~still]), 1)
    np.add.at(jump, states[:-1], change)
    edges = fit_edges(stay, move, jump)
    assert edges == pytest.approx(-edges[MIRROR])
    states, mid = walk(rng, chances, 200_000)
    moves = np.flatnonzero(np.diff(mid) != 0) + 1
    after = np.searchsorted(moves, np.arange(len(mid)), side="right") + 7
    rows = np.flatnonzero(after < len(moves))[::20]  # thinned: neighbouring rows share their future
    future = mid[moves[after[rows]]] - mid[rows]

    def misses(forecast):
        """Sum of squared standard scores of the mean error by state; about the number of states if right."""
        score = 0.0
        for x in range(STATES):
            error = (future - forecast)[states[rows] == x]
            score += error.mean() ** 2 / (error.var() / len(error))
        return score / STATES

    assert misses(edges[states[rows]]) < 1.8
    assert misses(0.0 * future) > 5.0


def test_microprice_needs_a_fit_a_book_and_a_known_state():
    quotes = np.array([(100, 3, 101, 3), (np.nan, 3, 102, 1), (100, 1, 120, 9)], dtype=float)
    at = BookAtClose(*quotes.T, np.zeros(3), np.zeros(3))
    assert np.isnan(microprice_features(at, None, 0.25)["microprice"]).all()
    edges = np.zeros(STATES)
    edges[(SPREADS - 1) * BUCKETS :] = np.nan
    got = microprice_features(at, edges, 0.25)
    assert got["microprice"][0] == 100.5 * 0.25
    assert np.isnan(got["microprice"][1:]).all()


def test_empty_in_typed_empty_out():
    bars = bars_of(random_ticks(1, 50, window()), window())
    assert_frame_equal(build_book_statistics(empty("clean_dom"), bars), empty("book_statistics"))
