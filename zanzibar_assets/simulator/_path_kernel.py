"""Compiled walk of the latent price (imported lazily: it costs numba)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

IDLE, PUSH, AFTERMATH = 0.0, 1.0, 2.0
LAG = 900  # an obvious extreme has stood for a quarter of an hour
NEAR, FAR = 0.06, 0.35  # distance of a run's target in day sigmas
BEYOND = 0.03  # how far past the extreme the stops lie, in day sigmas
AFTER = 0.22  # size of the move that follows, in day sigmas
PUSH_SIGMA, AFTER_SIGMA = 2.5, 1.6
PUSH_LIMIT, AFTER_LIMIT = 2_700, 7_200  # seconds
HAZARD = 1.0 / 5_000.0  # chance a second that a run begins, where one can
MAX_RUNS = 3

# Slots of the run's state: phase, second it began, direction, target, floor, anchor, runs found.
PHASE, SINCE, DIRECTION, TARGET, FLOOR, ANCHOR, FOUND = range(7)


class Terrain(NamedTuple):
    """Inputs of one session's walk, one value a second, and its regimes, one value a segment."""

    shocks: Floats
    sigmas: Floats
    in_main_hours: Flags
    draws: Floats
    segment: Ints
    kind: Ints
    segment_sigma: Floats


@njit(cache=True)
def nearest_target(x: float, levels: Floats, day_sigma: float) -> int:
    """Index of the nearest level within reach of a run, or -1."""
    best, found = FAR * day_sigma, -1
    for k in range(len(levels)):
        distance = abs(levels[k] - x)
        if NEAR * day_sigma < distance < best:
            best, found = distance, k
    return found


@njit(cache=True)
def begin_push(run: Floats, runs: Floats, i: int, x: float, levels: Floats, day_sigma: float) -> None:
    """Start a run toward the nearest obvious extreme, when one is in reach."""
    chosen = nearest_target(x, levels, day_sigma)
    if chosen < 0:
        return
    direction = 1.0 if levels[chosen] > x else -1.0
    target = levels[chosen] + direction * BEYOND * day_sigma
    run[PHASE], run[SINCE], run[DIRECTION] = PUSH, i, direction
    run[TARGET], run[FLOOR] = target, x - 2.0 * (target - x)
    runs[int(run[FOUND]), 4] = levels[chosen]


@njit(cache=True)
def after_push(run: Floats, runs: Floats, i: int, x: float) -> None:
    """Has the push passed the extreme, fallen back twice as far, or run out of time?"""
    if (x - run[TARGET]) * run[DIRECTION] >= 0.0:
        row = int(run[FOUND])
        runs[row, 0], runs[row, 1], runs[row, 3] = run[SINCE], i, run[DIRECTION]
        run[ANCHOR], run[PHASE], run[SINCE] = x, AFTERMATH, i
    elif (x - run[FLOOR]) * run[DIRECTION] <= 0.0 or i - run[SINCE] > PUSH_LIMIT:
        run[PHASE] = IDLE


@njit(cache=True)
def after_run(run: Floats, runs: Floats, i: int, x: float, day_sigma: float, last: bool) -> None:
    """Has the aftermath reached either barrier, or run out of time?"""
    moved = (x - run[ANCHOR]) * run[DIRECTION]
    decided = abs(moved) >= AFTER * day_sigma
    if decided or last or i - run[SINCE] > AFTER_LIMIT:
        row = int(run[FOUND])
        runs[row, 2] = i
        runs[row, 5] = 0.0 if not decided else (-1.0 if moved > 0 else 1.0)
        run[FOUND] += 1.0
        run[PHASE] = IDLE


@njit(cache=True)
def regime_drift(terrain: Terrain, i: int, displaced: float, strength: float) -> float:
    """Drift of second i: a trend runs on, a range pulls back to where it began."""
    k = terrain.segment[i]
    sigma = float(terrain.sigmas[i])
    share = sigma / float(terrain.segment_sigma[k])
    if terrain.kind[k] == 0:
        return -2.0 * strength * displaced * share * share
    return 2.0 * strength * float(terrain.kind[k]) * sigma * share


@njit(cache=True)
def step(terrain: Terrain, run: Floats, i: int, displaced: float, strength: float, tilt: float) -> float:
    """Increment of second i: shock and drift of the phase the walk is in."""
    sigma, shock = float(terrain.sigmas[i]), float(terrain.shocks[i])
    if run[PHASE] == IDLE:
        return regime_drift(terrain, i, displaced, strength) + sigma * shock
    if run[PHASE] == PUSH:
        return PUSH_SIGMA * sigma * shock
    sigma *= AFTER_SIGMA
    return -float(run[DIRECTION]) * tilt * sigma * sigma + sigma * shock


@njit(cache=True)
def advance_run(run: Floats, runs: Floats, i: int, x: float, day_sigma: float, last: bool) -> None:
    """End the phase of a run when its price or its time is reached."""
    if run[PHASE] == PUSH:
        after_push(run, runs, i, x)
    if run[PHASE] == AFTERMATH and i > run[SINCE]:
        after_run(run, runs, i, x, day_sigma, last)


@njit(cache=True)
def walk(start: float, terrain: Terrain, strength: float, reverse_p: float, prior: Floats, day_sigma: float) -> tuple[Floats, Floats]:  # fmt: skip  # noqa: E501
    """Latent log price at the end of each second, and the stop runs met on the way.

    A run begins near an obvious extreme (of the session so far or ``prior``, the one before) and
    only raises the volatility until the price has passed the extreme or fallen back twice as far:
    without ``strength`` the walk stays a martingale. The drift of the aftermath makes it reverse
    first with probability ``reverse_p`` (in continuous time: symmetric barriers at m and drift mu
    give ``P = 1 / (1 + exp(-2 mu m / sigma**2))``). Rows of the runs: second it began, went
    through, ended, direction, level, outcome (+1 reversed, -1 went on, 0 neither in time).
    """
    n = len(terrain.shocks)
    path = np.empty(n)
    runs = np.zeros((MAX_RUNS, 6))
    run = np.zeros(7)
    levels = np.array([start, start, prior[0], prior[1]])
    tilt = np.log(reverse_p / (1.0 - reverse_p)) / (2.0 * AFTER * day_sigma)
    x = segment_start = start
    for i in range(n):
        if i >= LAG:
            levels[0], levels[1] = max(levels[0], path[i - LAG]), min(levels[1], path[i - LAG])
        if i > 0 and terrain.segment[i] != terrain.segment[i - 1]:
            segment_start = x
        if terrain.sigmas[i] > 0.0:
            calm = run[PHASE] == IDLE and terrain.in_main_hours[i] and run[FOUND] < MAX_RUNS
            if calm and terrain.draws[i] < HAZARD:
                begin_push(run, runs, i, x, levels, day_sigma)
            x += step(terrain, run, i, x - segment_start, strength, tilt)
            advance_run(run, runs, i, x, day_sigma, i == n - 1)
        path[i] = x
    if run[PHASE] == AFTERMATH:
        after_run(run, runs, n - 1, x, day_sigma, True)
    return path, runs[: int(run[FOUND])]
