"""Hyper-parameter search: a seeded tree-structured Parzen estimator (optuna) asks, training answers.

Asking and telling are separate, so that the trial registry stands between them: a proposal is
registered before it is fitted, and one that fails or is never finished stays a trial.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.estimators import ALGORITHMS, ELASTIC_NET, LIGHTGBM, LOGISTIC, RIDGE, Candidate

if TYPE_CHECKING:
    from optuna.trial import Trial as Proposal

STARTUP_TRIALS = 5
"""Proposals drawn at random before the estimator has something to learn from."""


def search(trials: int, seed: int, evaluate: Callable[[Candidate], float]) -> int:
    """Evaluate ``trials`` proposed candidates one after another; returns how many failed.

    ``evaluate`` gives the score to raise and raises ModelError for a candidate that cannot be fitted,
    which is told to the sampler as failed. The same seed and scores give the same proposals.
    """
    if trials == 0:
        return 0
    import optuna

    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    failed = 0
    try:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for _ in range(trials):
            proposal = study.ask()
            try:
                study.tell(proposal, evaluate(propose(proposal)))
            except ModelError:
                study.tell(proposal, state=optuna.trial.TrialState.FAIL)
                failed += 1
    finally:
        optuna.logging.set_verbosity(before)
    return failed


def propose(proposal: Proposal) -> Candidate:
    """The candidate that a proposal of the sampler stands for: the search space is this function."""
    algorithm = proposal.suggest_categorical("algorithm", ALGORITHMS)
    if algorithm == LIGHTGBM:
        return Candidate(
            LIGHTGBM,
            {
                "num_trees": proposal.suggest_int("num_trees", 20, 120, step=20),
                "num_leaves": proposal.suggest_int("num_leaves", 3, 31, log=True),
                "learning_rate": proposal.suggest_float("learning_rate", 0.01, 0.1, log=True),
                "min_data_in_leaf": proposal.suggest_int("min_data_in_leaf", 50, 500, log=True),
                "lambda_l2": proposal.suggest_float("lambda_l2", 0.1, 50.0, log=True),
                "feature_fraction": proposal.suggest_float("feature_fraction", 0.3, 1.0),
            },
        )
    if algorithm == LOGISTIC:
        return Candidate(LOGISTIC, {"C": proposal.suggest_float("C", 1e-4, 1.0, log=True)})
    if algorithm == ELASTIC_NET:
        return Candidate(
            ELASTIC_NET,
            {
                "alpha": proposal.suggest_float("elastic_net_alpha", 1e-4, 0.05, log=True),
                "l1_ratio": proposal.suggest_float("l1_ratio", 0.1, 0.9),
            },
        )
    return Candidate(RIDGE, {"alpha": proposal.suggest_float("ridge_alpha", 1e-3, 10.0, log=True)})
