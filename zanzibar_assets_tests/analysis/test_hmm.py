import itertools
import json
import math

import numpy as np
import pytest

from zanzibar_assets.analysis.hmm import Hmm, HmmFilter, filtered, fit_hmm, stationary

MODEL = Hmm(
    initial=np.array([0.5, 0.3, 0.2]),
    transition=np.array([[0.9, 0.08, 0.02], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]]),
    mean=np.array([-2.0, 0.0, 2.0]),
    variance=np.array([0.5, 0.4, 0.6]),
)


def simulate(n, seed, centres=(-14.0, -13.0, -12.0), stay=0.97):
    """A three-state chain and what it emits."""
    rng = np.random.default_rng(seed)
    states = np.zeros(n, dtype=int)
    for t in range(1, n):
        states[t] = states[t - 1] if rng.random() < stay else rng.integers(3)
    return states, np.array(centres)[states] + 0.4 * rng.normal(size=n)


def density(model, state, x):
    z = (x - model.mean[state]) ** 2 / model.variance[state]
    return math.exp(-z / 2) / math.sqrt(2 * math.pi * model.variance[state])


def test_filter_equals_summing_over_every_path():
    values = np.array([-1.5, -0.4, 0.3, 1.8, -2.2])
    got = filtered(MODEL, values)
    for t in range(len(values)):
        weight = np.zeros(3)
        for path in itertools.product(range(3), repeat=t + 1):
            p = MODEL.initial[path[0]] * density(MODEL, path[0], values[0])
            for i in range(1, t + 1):
                p *= MODEL.transition[path[i - 1], path[i]] * density(MODEL, path[i], values[i])
            weight[path[-1]] += p
        assert got[t] == pytest.approx(weight / weight.sum(), rel=1e-9)


def test_filter_of_a_prefix_is_the_same_to_the_bit():
    values = np.random.default_rng(1).normal(size=300)
    whole = filtered(MODEL, values)
    for cut in range(1, 300, 7):
        assert np.array_equal(filtered(MODEL, values[:cut]), whole[:cut])


def test_filter_survives_an_absurd_value():
    got = filtered(MODEL, np.array([0.0, 1e6, -1e6, 0.0]))
    assert np.isfinite(got).all()
    assert got.sum(axis=1) == pytest.approx(np.ones(4))


def test_stationary_distribution_is_unchanged_by_a_step():
    pi = stationary(MODEL.transition)
    assert pi @ MODEL.transition == pytest.approx(pi)
    assert pi.sum() == pytest.approx(1.0)


def test_fit_finds_the_planted_states_in_order():
    _, values = simulate(4_000, 2)
    model = fit_hmm(values, [2_000, 2_000], 7)
    assert isinstance(model, Hmm)
    assert model.mean == pytest.approx([-14, -13, -12], abs=0.1)
    assert model.transition.sum(axis=1) == pytest.approx(np.ones(3))
    fresh, unseen = simulate(2_000, 3)
    assert (filtered(model, unseen).argmax(axis=1) == fresh).mean() > 0.9


def test_fit_is_the_same_to_the_bit_and_does_not_touch_the_global_state():
    _, values = simulate(1_500, 4)
    before = np.random.get_state()[1].copy()
    a, b = fit_hmm(values, [1_500], 7), fit_hmm(values, [1_500], 7)
    assert isinstance(a, Hmm)
    assert isinstance(b, Hmm)
    for name in ("initial", "transition", "mean", "variance"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes()
    assert np.array_equal(before, np.random.get_state()[1])


def test_the_seed_does_not_decide_the_labels():
    _, values = simulate(1_500, 5)
    a, b = fit_hmm(values, [1_500], 1), fit_hmm(values, [1_500], 2)
    assert isinstance(a, Hmm)
    assert isinstance(b, Hmm)
    assert a.mean.tobytes() == b.mean.tobytes()


def test_constant_history_gives_a_reason():
    assert fit_hmm(np.full(500, -13.0), [500], 7) == "the history does not vary"


def test_a_fit_that_runs_out_of_iterations_gives_a_reason():
    _, values = simulate(1_000, 6)
    assert "did not converge in 2 iterations" in str(fit_hmm(values, [1_000], 7, max_iterations=2))


def test_a_value_far_from_every_state_does_not_break_the_fit():
    """Its density underflows; the fit is the one in logarithms."""
    _, values = simulate(1_500, 8)
    values[700] = -400.0
    model = fit_hmm(values, [1_500], 7)
    assert isinstance(model, str) or np.isfinite(model.mean).all()
    values[700] = -17.0
    assert isinstance(fit_hmm(values, [1_500], 7), Hmm)


@pytest.mark.parametrize("seed", range(5))
def test_chunks_and_a_stored_state_give_the_bits_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(300) < 0.1, np.nan, rng.normal(size=300))
    got, saved = [], HmmFilter(MODEL).state()
    for part in np.split(values, np.sort(rng.integers(0, 301, 8))):
        chunk = HmmFilter(MODEL)
        chunk.resume(json.loads(json.dumps(saved, allow_nan=False)))
        got.append(chunk.feed(part))
        saved = chunk.state()
    assert np.concatenate(got).tobytes() == filtered(MODEL, values).tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_states_stand_in_order_whatever_order_they_were_simulated_in(seed):
    centres = np.random.default_rng(seed).permutation([-14.0, -13.0, -12.0])
    states, values = simulate(3_000, 20 + seed, tuple(centres))
    model = fit_hmm(values, [3_000], seed)
    assert isinstance(model, Hmm)
    assert model.mean == pytest.approx([-14, -13, -12], abs=0.15)
    rank = np.argsort(np.argsort(centres))
    assert (filtered(model, values).argmax(axis=1) == rank[states]).mean() > 0.9
