"""Dynamic conditional correlation written out with matrix inverses, row by row."""

import numpy as np


def dcc(e, qbar, a, b):
    """(log-likelihood up to a constant, correlation after each row); NaN is missing."""
    q, total, found = np.array(qbar), 0.0, []
    for x in np.asarray(e):
        seen, gone = np.flatnonzero(np.isfinite(x)), np.flatnonzero(~np.isfinite(x))
        if len(seen) >= 2:
            r = correlation(q)
            inverse = np.linalg.inv(r[np.ix_(seen, seen)])
            total -= 0.5 * (np.log(np.linalg.det(r[np.ix_(seen, seen)])) + x[seen] @ inverse @ x[seen])
            expected = np.zeros(len(x))
            expected[seen] = x[seen]
            across = r[np.ix_(gone, seen)]
            expected[gone] = across @ inverse @ x[seen]
            product = np.outer(expected, expected)
            product[np.ix_(gone, gone)] += r[np.ix_(gone, gone)] - across @ inverse @ across.T
            q = (1 - a - b) * np.asarray(qbar) + a * product + b * q
        found.append(correlation(q))
    return total, np.array(found)


def correlation(q):
    """Correlation matrix of a covariance matrix."""
    deviation = np.sqrt(np.diag(q))
    return q / np.outer(deviation, deviation)


def standardised(returns, keep, least):
    """Returns of one series over the root of the weighted mean square of those before each."""
    found, past = [], []
    for x in returns:
        if np.isnan(x):
            found.append(np.nan)
            continue
        weight = keep ** np.arange(len(past))[::-1]
        mean = np.sum(weight * np.square(past)) / weight.sum() if past else 0.0
        found.append(x / np.sqrt(mean) if len(past) >= least and mean > 0 else np.nan)
        past.append(x)
    return np.array(found)


def simulated(rows, a, b, correlation_of, seed):
    """Standardised returns of a DCC(1,1), and their true correlation matrices."""
    rng, size = np.random.default_rng(seed), len(correlation_of)
    q, e, true = np.array(correlation_of), np.empty((rows, size)), np.empty((rows, size, size))
    for t in range(rows):
        true[t] = correlation(q)
        e[t] = np.linalg.cholesky(true[t]) @ rng.normal(size=size)
        q = (1 - a - b) * np.asarray(correlation_of) + a * np.outer(e[t], e[t]) + b * q
    return e, true
