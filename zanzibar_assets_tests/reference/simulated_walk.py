"""The latent price's walk written out plainly: what the compiled walk must equal."""

from __future__ import annotations

import math

NEAR, FAR, BEYOND, AFTER = 0.06, 0.35, 0.03, 0.22
LAG_S, PUSH_LIMIT_S, AFTER_LIMIT_S, MAX_RUNS = 900, 2_700, 7_200, 3


def splitmix64(state: int) -> tuple[int, int]:
    """Next state and output of splitmix64, on Python's own integers."""
    mask = 2**64 - 1
    state = (state + 0x9E3779B97F4A7C15) & mask
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return state, z ^ (z >> 31)


def walk(
    start, shocks, sigmas, main, draws, segment, kind, segment_sigma, strength, reverse_p, prior, day_sigma
):
    """Path and runs ``(began, through, ended, direction, level, outcome)`` second by second."""
    path: list[float] = []
    runs: list[list[float]] = []
    run = None  # the running push or aftermath
    tilt = math.log(reverse_p / (1 - reverse_p)) / (2 * AFTER * day_sigma)
    x = base = start
    for i in range(len(shocks)):
        if i and segment[i] != segment[i - 1]:
            base = x
        if sigmas[i] > 0:
            seen = [start, *path[: max(0, i - LAG_S + 1)]]
            if run is None and main[i] and len(runs) < MAX_RUNS and draws[i] < 1 / 5_000:
                run = _push(i, x, [max(seen), min(seen), *prior], day_sigma)
            k = segment[i]
            share = sigmas[i] / segment_sigma[k]
            pull = -2 * strength * (x - base) * share**2
            calm_drift = pull if kind[k] == 0 else 2 * strength * kind[k] * sigmas[i] * share
            x += _increment(run, sigmas[i], shocks[i], calm_drift, tilt)
            run = _next_phase(run, runs, i, x, day_sigma, i == len(shocks) - 1)
        path.append(x)
    if run is not None and "anchor" in run:
        _end(run, runs, len(shocks) - 1, x, day_sigma)
    return path, runs


def _increment(run, sigma, shock, calm_drift, tilt):
    if run is None:
        return calm_drift + sigma * shock
    if "anchor" not in run:
        return 2.5 * sigma * shock
    return -run["direction"] * tilt * (1.6 * sigma) ** 2 + 1.6 * sigma * shock


def _next_phase(run, runs, i, x, day_sigma, last):
    if run is None:
        return None
    if "anchor" not in run:
        if (x - run["target"]) * run["direction"] >= 0:
            return run | {"anchor": x, "through": i}
        failed = (x - run["floor"]) * run["direction"] <= 0 or i - run["began"] > PUSH_LIMIT_S
        return None if failed else run
    decided = abs(x - run["anchor"]) >= AFTER * day_sigma
    if decided or last or i - run["through"] > AFTER_LIMIT_S:
        return _end(run, runs, i, x, day_sigma)
    return run


def _end(run, runs, i, x, day_sigma):
    moved = (x - run["anchor"]) * run["direction"]
    outcome = 0 if abs(moved) < AFTER * day_sigma else (-1 if moved > 0 else 1)
    runs.append([run["began"], run["through"], i, run["direction"], run["level"], outcome])


def _push(i, x, levels, day_sigma):
    in_reach = [v for v in levels if NEAR * day_sigma < abs(v - x) < FAR * day_sigma]
    if not in_reach:
        return None
    level = min(in_reach, key=lambda v: abs(v - x))
    direction = 1.0 if level > x else -1.0
    target = level + direction * BEYOND * day_sigma
    return {
        "began": i,
        "direction": direction,
        "level": level,
        "target": target,
        "floor": x - 2 * (target - x),
    }
