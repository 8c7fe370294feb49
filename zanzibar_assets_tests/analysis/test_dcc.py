import json

import numpy as np
import pytest

from zanzibar_assets.analysis.correlations import EwmaCorrelation
from zanzibar_assets.analysis.dcc import (
    DccFilter,
    DccModel,
    Standardiser,
    eligible,
    fit_dcc,
    log_likelihood,
    target,
)
from zanzibar_assets_tests.reference import correlation as slow

CORRELATION = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.1], [-0.3, 0.1, 1.0]])
A, B = 0.04, 0.93


def holed(e, share=0.3, seed=1):
    """The same with values missing at random."""
    return np.where(np.random.default_rng(seed).random(e.shape) < share, np.nan, e)


def chunks(values, seed):
    """The rows in random pieces, empty ones too."""
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(values) + 1, 6))
    return np.split(values, cuts)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_filter_and_likelihood_equal_the_written_out_ones(share):
    e = holed(slow.simulated(300, A, B, CORRELATION, 2)[0], share)
    model = DccModel(A, B, CORRELATION, 0.0)
    total, found = slow.dcc(e, CORRELATION, A, B)
    assert DccFilter(model).feed(e) == pytest.approx(found, rel=1e-9, abs=1e-12)
    assert log_likelihood(e, CORRELATION, A, B) == pytest.approx(total, rel=1e-10)


def test_standardised_returns_equal_the_written_out_ones():
    returns = holed(np.random.default_rng(3).normal(size=(200, 2)) * [1e-4, 3.0], 0.2)
    returns[:40, 1] = 0.0  # a price that stands still has no unit
    got = Standardiser(2, 20.0).feed(returns)
    for k in range(2):
        expected = slow.standardised(returns[:, k], 0.5 ** (1 / 20), 12)
        assert np.array_equal(np.isnan(got[:, k]), np.isnan(expected))
        assert got[:, k] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_the_fit_finds_planted_parameters_and_the_filter_the_true_correlation():
    e, true = slow.simulated(6_000, A, B, CORRELATION, 4)
    model = fit_dcc(e)
    assert model.a == pytest.approx(A, abs=0.015)
    assert model.a + model.b == pytest.approx(A + B, abs=0.02)
    found = DccFilter(model).feed(e)
    assert np.abs(found[:-1] - true[1:]).mean() < 0.03


def test_the_fit_is_the_same_to_the_bit_and_no_grid_point_beats_it():
    e = holed(slow.simulated(1_500, A, B, CORRELATION, 5)[0])
    one, two = fit_dcc(e), fit_dcc(e)
    assert (one.a, one.b) == (two.a, two.b)
    assert one.qbar.tobytes() == two.qbar.tobytes()
    for a in np.linspace(0.002, 0.2, 12):
        for memory in np.linspace(0.6, 0.999, 12):
            if memory > a:
                assert log_likelihood(e, one.qbar, a, memory - a) <= one.log_likelihood + 0.05


@pytest.mark.parametrize("seed", range(4))
def test_every_matrix_is_positive_semi_definite(seed):
    """Also where pairs were seen at different times and disagree, and with absurd returns."""
    rng = np.random.default_rng(seed)
    e = holed(rng.standard_t(2, (600, 5)) @ rng.normal(size=(5, 5)), 0.6, seed)
    e[::97] *= 1e3
    model = DccModel(0.2, 0.75, target(e), 0.0)
    found = DccFilter(model).feed(e)
    assert np.linalg.eigvalsh(model.qbar).min() > 0.0
    assert np.linalg.eigvalsh(found).min() > -1e-9
    assert np.abs(found).max() <= 1.0 + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_any_chunks_and_a_stored_state_give_the_bits_of_the_whole(seed):
    e = holed(slow.simulated(300, A, B, CORRELATION, 6)[0])
    usable = np.isfinite(e[:, 0]) & np.isfinite(e[:, 1])
    model = DccModel(A, B, CORRELATION, 0.0)
    runs = {
        "dcc": (lambda: DccFilter(model), lambda f, rows: f.feed(e[rows])),
        "standardised": (lambda: Standardiser(3, 30.0), lambda f, rows: f.feed(e[rows])),
        "ewma": (
            lambda: EwmaCorrelation(30.0),
            lambda f, rows: f.feed(e[rows, 0], e[rows, 1], usable[rows]),
        ),
    }
    for make, feed in runs.values():
        whole, parts, saved = feed(make(), np.arange(300)), [], make().state()
        for rows in chunks(np.arange(300), seed):
            part = make()
            part.resume(json.loads(json.dumps(saved, allow_nan=False)))
            parts.append(feed(part, rows))
            saved = part.state()
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_series_that_share_too_few_rows_are_left_out():
    e = np.full((600, 3), np.nan)
    e[:400, 0] = e[:600, 1] = 1.0
    e[360:, 2] = 1.0  # 240 rows of its own, 40 with the first
    assert eligible(e) == [0, 1]
    e[300:, 2] = 1.0  # 300 rows, 100 with the first
    assert eligible(e) == [0, 1]
    e[100:, 2] = 1.0
    assert eligible(e) == [0, 1, 2]
