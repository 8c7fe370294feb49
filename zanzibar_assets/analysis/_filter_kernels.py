"""Compiled recursions over one series: hidden Markov filter, CUSUM, Bayesian change points (imports numba).

Each loop changes the state arrays that it is given, so that the next chunk goes on where the last one
ended: a series in any chunks gives the same bits.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from zanzibar_assets.analysis._records import Bools, Floats, Ints

COUNT, MEAN, SQUARES, RISE, FALL, RISE_MEAN, FALL_MEAN = range(7)
SEEN, RISE_BARS, FALL_BARS = range(3)


@njit(cache=True, nogil=True)
def forward(prior: Floats, transition: Floats, log_density: Floats, found: Floats) -> None:
    """Rows of p(state | observations so far); ``prior`` is p(state | those before) and moves on.

    ``log_density`` is shape (rows, states); a row that begins with NaN saw nothing and keeps its prior.
    """
    states = len(prior)
    for t in range(len(log_density)):
        if math.isnan(log_density[t, 0]):
            for k in range(states):
                found[t, k] = prior[k]
        else:
            top = log_density[t].max()
            total = 0.0
            for k in range(states):
                found[t, k] = prior[k] * math.exp(log_density[t, k] - top)
                total += found[t, k]
            for k in range(states):
                found[t, k] /= total
        for k in range(states):
            prior[k] = 0.0
            for j in range(states):
                prior[k] += found[t, j] * transition[j, k]


@njit(cache=True, nogil=True)
def cusum(
    values: Floats, sums: Floats, counts: Ints, baseline: int, slack: float, limit: float, found: Floats
) -> int:
    """Alarms as rows (side, row of the alarm, rows since the change, statistic, before, after).

    ``sums`` is indexed COUNT..FALL_MEAN, ``counts`` SEEN..FALL_BARS (SEEN: rows of the whole series).
    Gives the number of alarms.
    """
    alarms = 0
    for value in values:
        row = counts[SEEN]
        counts[SEEN] += 1
        if sums[COUNT] >= baseline and sums[SQUARES] > 0.0:
            score = (value - sums[MEAN]) / math.sqrt(sums[SQUARES] / (sums[COUNT] - 1.0))
            _accumulate(sums, counts, RISE, score - slack, value)
            _accumulate(sums, counts, FALL, -score - slack, value)
            side = 1 if sums[RISE] >= sums[FALL] else -1
            which = RISE if side > 0 else FALL
            if sums[which] > limit:
                bars = counts[RISE_BARS if side > 0 else FALL_BARS]
                mean = sums[RISE_MEAN if side > 0 else FALL_MEAN]
                found[alarms, 0], found[alarms, 1], found[alarms, 2] = side, row, bars
                found[alarms, 3], found[alarms, 4], found[alarms, 5] = sums[which], sums[MEAN], mean
                alarms += 1
                sums[:] = 0.0
                counts[RISE_BARS] = counts[FALL_BARS] = 0
        sums[COUNT] += 1.0
        distance = value - sums[MEAN]
        sums[MEAN] += distance / sums[COUNT]
        sums[SQUARES] += distance * (value - sums[MEAN])
    return alarms


@njit(cache=True, nogil=True)
def _accumulate(sums: Floats, counts: Ints, which: int, gain: float, value: float) -> None:
    """One side's step: the mean of the values since it left zero is kept beside it."""
    bars = RISE_BARS if which == RISE else FALL_BARS
    mean = RISE_MEAN if which == RISE else FALL_MEAN
    sums[which] = max(0.0, sums[which] + gain)
    if sums[which] == 0.0:
        counts[bars] = 0
        sums[mean] = 0.0
    else:
        counts[bars] += 1
        sums[mean] += (value - sums[mean]) / counts[bars]


# Fields of a run length's posterior: weight, and the normal-inverse-gamma's mean and scale.
WEIGHT, CENTRE, SCALE = range(3)


@njit(cache=True, nogil=True)
def extend_runs(runs: Floats, spare: Floats, x: float, hazard: float, table: Floats) -> None:
    """One step of Adams and MacKay: every run grows by a bar or ends, the longest ones stay together.

    ``runs`` is shape (3, lengths + 1) by run length; ``table`` holds per run length kappa, alpha and the
    logarithm of the predictive density's constant (they depend on the length alone).
    """
    longest = runs.shape[1] - 1
    ended = total = 0.0
    for r in range(longest + 1):
        spare[WEIGHT, r] = 0.0
    for r in range(longest, -1, -1):
        weight = runs[WEIGHT, r]
        if weight <= 0.0:
            continue
        kappa, alpha = table[0, r], table[1, r]
        away = x - runs[CENTRE, r]
        spread = runs[SCALE, r] * (kappa + 1.0) / kappa
        density = math.exp(
            table[2, r] - 0.5 * math.log(spread) - (alpha + 0.5) * math.log1p(away * away / (2.0 * spread))
        )
        grown = weight * density
        ended += grown * hazard
        to = min(r + 1, longest)
        grown *= 1.0 - hazard
        scale = runs[SCALE, r] + 0.5 * kappa * away * away / (kappa + 1.0)
        if r == longest:  # at the cap the count stands still: the scale per observation is what is kept
            scale *= alpha / (alpha + 0.5)
        if to == longest and spare[WEIGHT, to] > 0.0:
            if grown > spare[WEIGHT, to]:
                spare[CENTRE, to] = runs[CENTRE, r] + away / (kappa + 1.0)
                spare[SCALE, to] = scale
            spare[WEIGHT, to] += grown
        else:
            spare[WEIGHT, to] = grown
            spare[CENTRE, to] = runs[CENTRE, r] + away / (kappa + 1.0)
            spare[SCALE, to] = scale
    spare[WEIGHT, 0], spare[CENTRE, 0], spare[SCALE, 0] = ended, 0.0, 1.0
    for r in range(longest + 1):
        total += spare[WEIGHT, r]
    for r in range(longest + 1):
        live = spare[WEIGHT, r] > 0.0  # elsewhere the spare holds whatever the memory held
        runs[WEIGHT, r] = spare[WEIGHT, r] / total
        runs[CENTRE, r] = spare[CENTRE, r] if live else 0.0
        runs[SCALE, r] = spare[SCALE, r] if live else 1.0


B_SEEN, B_COUNT, B_AGE = range(3)
B_MEAN, B_SQUARES = range(2)


@njit(cache=True, nogil=True)
def bocpd(
    values: Floats,
    runs: Floats,
    sums: Floats,
    counts: Ints,
    table: Floats,
    baseline: int,
    hazard: float,
    least: int,
    level: float,
    found: Floats,
) -> int:
    """Alarms as rows (side, row of the alarm, rows since the change, probability, before, after).

    The first ``baseline`` values give origin and unit of the prior. An alarm: with probability above
    ``level`` the run is at least ``least`` bars old and began at least ``least`` bars after the last one.
    """
    alarms = 0
    longest = runs.shape[1] - 1
    spare = np.empty_like(runs)
    for value in values:
        row = counts[B_SEEN]
        counts[B_SEEN] += 1
        if counts[B_COUNT] < baseline or sums[B_SQUARES] <= 0.0:
            counts[B_COUNT] += 1
            distance = value - sums[B_MEAN]
            sums[B_MEAN] += distance / counts[B_COUNT]
            sums[B_SQUARES] += distance * (value - sums[B_MEAN])
            continue
        unit = math.sqrt(sums[B_SQUARES] / (counts[B_COUNT] - 1.0))
        extend_runs(runs, spare, (value - sums[B_MEAN]) / unit, hazard, table)
        counts[B_AGE] += 1
        last = min(counts[B_AGE], longest) - (least if counts[B_AGE] <= longest else 1)
        mass, best = 0.0, least
        for r in range(least, last + 1):
            mass += runs[WEIGHT, r]
            if runs[WEIGHT, r] > runs[WEIGHT, best]:
                best = r
        if last < least or mass <= level:
            continue
        old = min(counts[B_AGE], longest)
        after, before = runs[CENTRE, best], runs[CENTRE, old]
        found[alarms, 0], found[alarms, 1], found[alarms, 2] = 1.0 if after > before else -1.0, row, best
        found[alarms, 3] = mass
        found[alarms, 4], found[alarms, 5] = sums[B_MEAN] + unit * before, sums[B_MEAN] + unit * after
        alarms += 1
        # Go on from the change: older runs are over, the run that began there is the oldest one.
        kept = 0.0
        for r in range(best + 1, longest + 1):
            runs[WEIGHT, r] = 0.0
        for r in range(best + 1):
            kept += runs[WEIGHT, r]
        for r in range(best + 1):
            runs[WEIGHT, r] /= kept
        counts[B_AGE] = best
    return alarms


@njit(cache=True, nogil=True)
def weighted_products(a: Floats, b: Floats, usable: Bools, keep: float, sums: Floats, found: Floats) -> None:
    """Exponentially weighted sums of a * a, b * b and a * b over the usable rows, shape (rows, 3)."""
    for t in range(len(a)):
        if usable[t]:
            sums[0] = keep * sums[0] + a[t] * a[t]
            sums[1] = keep * sums[1] + b[t] * b[t]
            sums[2] = keep * sums[2] + a[t] * b[t]
        found[t, 0], found[t, 1], found[t, 2] = sums[0], sums[1], sums[2]
