"""Detectors written out: all run lengths kept, the CUSUM recomputed from the last alarm at every row."""

import numpy as np


def run_lengths(values, baseline, mean_run):
    """Posterior of the run length after the last value (Adams and MacKay 2007), nothing truncated.

    Normal-inverse-gamma prior: mean 0, kappa 0.1, alpha 1, beta 1, in deviations of the baseline.
    """
    from scipy import stats

    first = np.asarray(values[:baseline])
    scores = (np.asarray(values[baseline:]) - first.mean()) / first.std(ddof=1)
    weights, runs = np.array([1.0]), [(0.0, 0.1, 1.0, 1.0)]
    for x in scores:
        density = np.array(
            [stats.t.pdf(x, 2 * a, loc=m, scale=np.sqrt(b * (k + 1) / (a * k))) for m, k, a, b in runs]
        )
        grown = weights * density
        weights = np.concatenate(([grown.sum() / mean_run], grown * (1 - 1 / mean_run)))
        weights /= weights.sum()
        longer = [
            ((k * m + x) / (k + 1), k + 1, a + 0.5, b + k * (x - m) ** 2 / (2 * (k + 1)))
            for m, k, a, b in runs
        ]
        runs = [(0.0, 0.1, 1.0, 1.0), *longer]
    return weights


def cusum(values, baseline, slack, limit):
    """[(side, first row after the change, row of the alarm)]."""
    found, start = [], 0
    for t in range(len(values)):
        for side in (1, -1):
            total, since = 0.0, None
            for i in range(start + baseline, t + 1):
                past = np.asarray(values[start:i])
                if past.std() == 0.0:
                    continue
                total += side * (values[i] - past.mean()) / past.std(ddof=1) - slack
                since = i if since is None else since
                if total <= 0.0:
                    total, since = 0.0, None
            if total > limit:
                found.append((side, since, t))
                start = t
                break
    return found
