"""Cross-validation beside the bare fits that it needs, and the splits beside purgedcv's.

The rows are simulated: noise features with a weak signal, labels that overlap. Ours and the bare fits take
turns, with the same LightGBM parameters, training rows and threads; predictions of the test rows are part
of both, since cross-validation is for nothing else.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.benchmarks.measure import Figure
from zanzibar_assets.benchmarks.peer_process import PeerProcess
from zanzibar_assets.errors import UsageError
from zanzibar_assets.ml.cross_validation import Fold, cpcv_folds, path_count

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FEATURES, GROUPS, TEST_GROUPS = 60, 10, 2
HORIZON, EMBARGO = 30, 30
TREES, LEAVES = 20, 15
ROUNDS, SPLIT_ROUNDS = 2, 5
FULL_ROWS = 200_000
PEER_SCRIPT = Path(__file__).with_name("ml_peer.py")


def measure(
    folder: Path, rows: int, seed: int, peer_python: Path | None, say: Callable[[str], None]
) -> tuple[list[Figure], list[str]]:
    """Figures and notes: CPCV(10,2) over ``rows`` by 60 and its bare fits in CPU seconds, and the splits."""
    x, up, starts, ends = simulated_rows(rows, seed)
    folds = cpcv_folds(starts, ends, GROUPS, TEST_GROUPS, EMBARGO)
    say(f"{len(folds)} folds of {rows} rows by {FEATURES}, {ROUNDS} rounds in turns, {TREES} trees each")
    ours, bare = paired_seconds(
        lambda: cross_validated(x, up, starts, ends, seed), lambda: bare_fits(x, up, folds, seed)
    )
    split = lambda: cpcv_folds(starts, ends, GROUPS, TEST_GROUPS, EMBARGO)  # noqa: E731
    splits = [_seconds(split)[1] for _ in range(SPLIT_ROUNDS)]
    peer, note = _peer(folder, rows, peer_python)
    figures = [
        Figure("cpcv_10_2", ours, "CPU s", "bare LightGBM fits", bare, wanted=1 / 1.1),
        Figure("cpcv_10_2_overhead", ours / bare, "times the bare fits"),
        Figure("splits_10_2", statistics.median(splits), "s", "purgedcv", peer, note),
    ]
    small = [] if rows >= FULL_ROWS else [f"{rows} rows; the figure that is aimed at is of {FULL_ROWS}"]
    return figures, small


def simulated_rows(rows: int, seed: int) -> tuple[Floats, Floats, Ints, Ints]:
    """Features, outcomes, and label spans that overlap by up to thirty rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES))
    up = (0.1 * x[:, 0] + rng.normal(size=rows) > 0).astype(np.float64)
    starts = np.arange(rows, dtype=np.int64)
    return x, up, starts, starts + rng.integers(1, HORIZON + 1, rows)


def cross_validated(x: Floats, up: Floats, starts: Ints, ends: Ints, seed: int) -> Floats:
    """Out-of-sample probabilities on every path, shape ``(paths, rows)``, as training makes them."""
    paths = np.full((path_count(GROUPS, TEST_GROUPS), len(x)), np.nan)
    fit = _fitter(seed)
    for fold in cpcv_folds(starts, ends, GROUPS, TEST_GROUPS, EMBARGO):
        model = fit(x[fold.train], up[fold.train])
        for block, path in zip(fold.tests, fold.paths, strict=True):
            paths[path, block] = model.predict(x[block])
    return paths


def bare_fits(x: Floats, up: Floats, folds: list[Fold], seed: int) -> float:
    """The same fits and predictions by LightGBM alone, folds given; returns the last prediction's mean."""
    import lightgbm

    from zanzibar_assets.ml.estimators import LIGHTGBM, Candidate, tree_parameters

    candidate = Candidate(LIGHTGBM, {"num_trees": TREES, "num_leaves": LEAVES, "learning_rate": 0.1})
    mean = 0.0
    for fold in folds:
        train, test = x[fold.train], x[fold.test]
        parameters = tree_parameters(candidate, train.shape, _settings(seed))
        data = lightgbm.Dataset(train, up[fold.train], params=parameters)
        booster = lightgbm.train(parameters, data, num_boost_round=TREES)
        mean = float(np.mean(booster.predict(test, num_threads=1)))
    return mean


def paired_seconds(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of both, the lesser of the rounds, taken in turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for seconds, run in zip(found, (ours, bare), strict=True):
            seconds.append(_seconds(run)[0])
    return min(found[0]), min(found[1])


def _fitter(seed: int) -> Callable[[Floats, Floats], Any]:
    from zanzibar_assets.ml.estimators import LIGHTGBM, Candidate, fit

    candidate = Candidate(LIGHTGBM, {"num_trees": TREES, "num_leaves": LEAVES, "learning_rate": 0.1})
    names = tuple(f"f{number}" for number in range(FEATURES))
    return lambda x, up: fit(candidate, x, up, np.ones(len(up)), _settings(seed), names)


def _settings(seed: int) -> Any:
    from zanzibar_assets.config import ModelConfig

    return ModelConfig(seed=seed)


def _seconds(run: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - cpu, time.perf_counter() - wall


def _peer(folder: Path, rows: int, python: Path | None) -> tuple[float | None, str | None]:
    if python is None:
        return None, "--peer-python names no interpreter that has purgedcv"
    try:
        with PeerProcess(python, PEER_SCRIPT, [str(rows), str(HORIZON)], folder / "peer.txt") as peer:
            return float(peer.answer()["seconds"]), None
    except UsageError as error:
        return None, str(error)
