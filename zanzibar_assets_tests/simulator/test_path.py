"""The latent price: equal to the plain walk, of the named scale, a martingale without strength."""

import itertools

import numpy as np
import pytest

from zanzibar_assets.calendars import sessions_between
from zanzibar_assets.simulator._path_kernel import Terrain, walk
from zanzibar_assets.simulator.options import SHAPES, SimulatorOptions
from zanzibar_assets.simulator.path import chain
from zanzibar_assets_tests.reference import simulated_walk


@pytest.fixture(scope="module")
def year(known):
    sessions = sessions_between(known["SIM_ES"], "2025-01-06", "2025-07-31")
    return {
        name: list(chain(known[name], sessions, 5, SimulatorOptions(roll_basis_bps=0.0)))
        for name in ("SIM_ES", "SIM_NQ")
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_compiled_walk_equals_the_plain_one(seed):
    rng = np.random.default_rng(seed)
    n = 9_000
    sigmas = np.full(n, 0.01 / np.sqrt(n))
    sigmas[4_000:4_200] = 0.0
    segment = np.repeat([0, 1, 2], n // 3)
    kind = np.array([1, 0, -1])
    segment_sigma = np.sqrt(np.bincount(segment, weights=sigmas**2))
    draws = rng.random(n) / (50.0 if seed else 1.0)
    terrain = Terrain(rng.standard_normal(n), sigmas, np.ones(n, bool), draws, segment, kind, segment_sigma)
    prior = np.array([8.501, 8.4985])
    path, runs = walk(8.5, terrain, 0.3, 0.647, prior, 0.01)
    plain, plain_runs = simulated_walk.walk(
        8.5, terrain.shocks, sigmas, terrain.in_main_hours, draws, segment, kind, segment_sigma, 0.3, 0.647,
        prior, 0.01,
    )  # fmt: skip
    np.testing.assert_allclose(path, plain, rtol=0, atol=1e-12)
    np.testing.assert_allclose(runs, np.array(plain_runs).reshape(-1, 6), rtol=0, atol=1e-12)
    assert len(runs) > 0 or seed == 0


def test_a_session_does_not_depend_on_later_ones(known):
    sessions = sessions_between(known["SIM_BTC"], "2025-01-06", "2025-01-12")
    short = list(chain(known["SIM_BTC"], sessions[:2], 9, SimulatorOptions()))
    long = list(itertools.islice(chain(known["SIM_BTC"], sessions, 9, SimulatorOptions()), 2))
    for one, other in zip(short, long, strict=True):
        assert np.array_equal(one.log_price, other.log_price)


@pytest.mark.parametrize("name", ["SIM_ES", "SIM_NQ"])
def test_the_daily_sigma_is_the_one_named(year, name):
    returns = np.diff([path.log_price[-1] for path in year[name]])
    assert 0.75 < returns.std() / SHAPES[name].daily_sigma < 1.25


def test_instruments_share_a_factor(year):
    both = [np.diff([path.log_price[-1] for path in year[name]]) for name in ("SIM_ES", "SIM_NQ")]
    assert 0.5 < np.corrcoef(both)[0, 1] < 0.95


def test_volatility_clusters(year):
    sigmas = np.log([path.day_sigma for path in year["SIM_ES"]])
    assert np.corrcoef(sigmas[1:], sigmas[:-1])[0, 1] > 0.6


def test_sessions_open_with_gaps(year):
    gaps = np.array([b.open_log - a.log_price[-1] for a, b in itertools.pairwise(year["SIM_ES"])])
    assert 0.0005 < gaps.std() < 0.005


def test_news_days_are_louder_at_the_release(year):
    news = [path for path in year["SIM_ES"] if path.clock.news is not None]
    assert 0.1 < len(news) / len(year["SIM_ES"]) < 0.3
    loud = []
    for path in news:
        at = (path.clock.news.at_us - path.clock.window.open_us) // 1_000_000
        moves = np.diff(path.log_price) ** 2
        loud.append(moves[at : at + 900].sum() / moves[at - 900 : at].sum())
    assert np.median(loud) > 2.0


def test_every_regime_and_stop_runs_occur(year):
    names = {regime.name for path in year["SIM_ES"] for regime in path.regimes}
    assert names == {"range", "trend_up", "trend_down"}
    share = np.mean([bool(path.stop_runs) for path in year["SIM_ES"]])
    assert 0.4 < share < 1.0


def test_a_stop_run_passes_an_extreme_that_stood_before_it(year):
    previous = None
    for path in year["SIM_ES"]:
        opened = path.clock.window.open_us
        for run in path.stop_runs:
            begins, through = (int(t - opened) // 1_000_000 for t in (run.begins_us, run.through_us))
            assert (path.log_price[through] - np.log(run.level)) * run.direction > 0
            assert (path.log_price[begins - 1] - np.log(run.level)) * run.direction < 0
            seen = [path.open_log, path.log_price[:begins].max(), path.log_price[:begins].min()]
            if previous is not None:
                seen += [previous.log_price.max(), previous.log_price.min()]
            lagged = np.append(path.log_price[: begins - 899], path.open_log)
            seen += [lagged.max(), lagged.min()]
            assert min(abs(np.log(run.level) - level) for level in seen) < 1e-9
        previous = path


def _reversal_share(known, strength):
    sessions = sessions_between(known["SIM_ES"], "2025-01-06", "2025-06-30")
    options = SimulatorOptions(signal_strength=strength, roll_basis_bps=0.0)
    runs = [run for path in chain(known["SIM_ES"], sessions, 21, options) for run in path.stop_runs]
    decided = [run.outcome == "reversed" for run in runs if run.outcome != "unresolved"]
    return np.mean(decided), len(decided)


@pytest.mark.parametrize(("strength", "expected"), [(0.0, 0.5), (0.6, 0.794)])
def test_stop_runs_reverse_as_often_as_the_strength_says(known, strength, expected):
    share, count = _reversal_share(known, strength)
    assert count > 120
    assert abs(share - expected) < 3.5 * np.sqrt(expected * (1 - expected) / count)


def test_without_strength_nothing_predicts_the_next_return(known):
    sessions = sessions_between(known["SIM_ES"], "2025-01-06", "2025-06-30")
    blocks = []
    for path in chain(known["SIM_ES"], sessions, 4, SimulatorOptions(signal_strength=0.0)):
        trading = path.clock.variance > 0
        increments = np.diff(path.log_price[trading], prepend=path.open_log)
        blocks.append(increments[: len(increments) // 600 * 600].reshape(-1, 600).sum(axis=1))
    scaled = [block / block.std() for block in blocks]
    pairs = np.concatenate([np.stack([b[:-1], b[1:]]) for b in scaled], axis=1)
    assert abs(np.corrcoef(pairs)[0, 1]) < 3.5 / np.sqrt(pairs.shape[1])
