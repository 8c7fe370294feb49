"""Three-state Gaussian hidden Markov model: fitted on the past, published as filtered probabilities.

hmmlearn fits (Baum-Welch); its ``predict`` and ``predict_proba`` are never used, for they look at
the whole series. The forward recursion here uses rows up to the current one only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zanzibar_assets.analysis._records import Floats

if TYPE_CHECKING:
    from hmmlearn.hmm import GaussianHMM

STATES = 3
MAX_ITERATIONS = 200
GAIN_PER_ROW = 1e-5
"""Baum-Welch stops when an iteration gains less log-likelihood than this per row."""
STAY = 0.95
_MIN_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True)
class Hmm:
    """Fitted model; states ordered by mean, so that a refit cannot swap their labels.

    ``initial`` is the stationary distribution: the state in which a session begins is not known.
    """

    initial: Floats
    transition: Floats
    mean: Floats
    variance: Floats


def fit_hmm(values: Floats, lengths: list[int], seed: int, max_iterations: int = MAX_ITERATIONS) -> Hmm | str:
    """Model of ``values`` (sessions of the given lengths after another), or why there is none.

    Starts from the terciles of the values, so the seed has no say in where the fit ends; it is set
    all the same. One thread, so that sums have one order and the result is the same to the bit.
    """
    if not float(values.var()) > 0.0:
        return "the history does not vary"
    model = _started(values, seed, max_iterations, "scaling")
    try:
        _baum_welch(model, values, lengths)
    except ValueError as error:
        if "underflow" not in str(error):
            raise
        # A value far from every state: logarithms cannot underflow and fit the same, four times slower.
        model = _started(values, seed, max_iterations, "log")
        _baum_welch(model, values, lengths)
    if not _settled(list(model.monitor_.history), model.tol):
        return f"the hidden Markov model did not converge in {max_iterations} iterations"
    return _ordered(model.transmat_, model.means_[:, 0], model.covars_[:, 0, 0])


def _started(values: Floats, seed: int, max_iterations: int, implementation: str) -> GaussianHMM:
    """The model before its fit: states at the terciles, each kept with probability ``STAY``."""
    from hmmlearn.hmm import GaussianHMM

    model = GaussianHMM(
        n_components=STATES,
        covariance_type="diag",
        n_iter=max_iterations,
        tol=GAIN_PER_ROW * len(values),
        random_state=seed,
        init_params="",
        params="tmc",
        implementation=implementation,
    )
    model.startprob_ = np.full(STATES, 1.0 / STATES)
    model.transmat_ = np.full((STATES, STATES), (1.0 - STAY) / (STATES - 1))
    np.fill_diagonal(model.transmat_, STAY)
    model.means_ = np.quantile(values, [1 / 6, 3 / 6, 5 / 6]).reshape(-1, 1)
    model.covars_ = np.full((STATES, 1), float(values.var()) / STATES)
    return model


def _baum_welch(model: GaussianHMM, values: Floats, lengths: list[int]) -> None:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1), _quiet_monitor():
        model.fit(values.reshape(-1, 1), lengths)


def _settled(log_likelihoods: list[float], tolerance: float) -> bool:
    """True when the last iteration gained (or by rounding lost) less than the tolerance.

    hmmlearn's own ``converged`` is also true when it merely ran out of iterations.
    """
    return len(log_likelihoods) > 1 and abs(log_likelihoods[-1] - log_likelihoods[-2]) < tolerance


class _quiet_monitor:  # noqa: N801 - reads as the statement it is
    """Keep hmmlearn's monitor from logging: convergence is judged here and told in the result."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("hmmlearn.base")
        self._level = self._logger.level
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)


def _ordered(transition: Floats, mean: Floats, variance: Floats) -> Hmm | str:
    if not (np.isfinite(transition).all() and np.isfinite(mean).all() and (variance > 0).all()):
        return "the hidden Markov model degenerated"
    order = np.argsort(mean, kind="stable")
    transition = transition[np.ix_(order, order)]
    initial = stationary(transition)
    if initial.min() < _MIN_WEIGHT:
        return "a state of the hidden Markov model is never visited"
    return Hmm(initial, transition, mean[order], variance[order])


def stationary(transition: Floats) -> Floats:
    """Stationary distribution of a transition matrix whose rows sum to 1."""
    size = len(transition)
    system = np.vstack((transition.T - np.eye(size), np.ones(size)))
    solved, *_ = np.linalg.lstsq(system, np.concatenate((np.zeros(size), [1.0])))
    weights = np.maximum(solved, 0.0)
    normed: Floats = weights / weights.sum()
    return normed


class HmmFilter:
    """Forward filter of a fitted model, chunk by chunk; NaN is a row without an observation.

    a_t is proportional to density(x_t) * (a_t-1 A); densities are taken relative to the likeliest
    state's, so no row can underflow. A row without an observation only takes the step of A.
    """

    def __init__(self, model: Hmm) -> None:
        self.model = model
        self._prior = model.initial.copy()

    def feed(self, values: Floats) -> Floats:
        """p(state | values up to the row), shape (rows, states), of the next rows."""
        from zanzibar_assets.analysis._filter_kernels import forward

        model = self.model
        distance = (values[:, None] - model.mean) ** 2 / model.variance
        log_density = -0.5 * (distance + np.log(2.0 * np.pi * model.variance))
        found = np.empty((len(values), len(model.mean)))
        forward(self._prior, np.ascontiguousarray(model.transition), log_density, found)
        return found

    def state(self) -> dict[str, list[float]]:
        """JSON-able state: p(next state | values so far)."""
        return {"prior": self._prior.tolist()}

    def resume(self, state: Mapping[str, list[float]]) -> None:
        """Go on from a state."""
        self._prior = np.array(state["prior"], dtype=np.float64)


def filtered(model: Hmm, values: Floats) -> Floats:
    """Forward-filtered probabilities p(state at t | values up to t), shape (rows, states)."""
    return HmmFilter(model).feed(values)
