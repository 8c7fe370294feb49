"""Was the value at risk exceeded as often as it said, and independently from day to day?

Kupiec (1995) likelihood ratio of the proportion of failures and Christoffersen (1998) of their
independence; both are chi-squared with one degree of freedom when the forecast is right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from zanzibar_assets.errors import ModelError


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """Test statistic and its p-value."""

    statistic: float
    p_value: float


def proportion_of_failures(observations: int, failures: int, share: float) -> LikelihoodRatio:
    """Kupiec's test of ``failures`` out of ``observations`` where ``share`` of them were expected."""
    if not 0 <= failures <= observations or observations < 1 or not 0.0 < share < 1.0:
        raise ModelError(
            "failures cannot be tested",
            expected="0 <= failures <= observations, 0 < share < 1",
            got=f"{failures} of {observations}, {share}",
        )
    seen = _log_likelihood(observations - failures, failures, failures / observations)
    return _ratio(seen - _log_likelihood(observations - failures, failures, share))


def independence_of_failures(n00: int, n10: int, n01: int, n11: int) -> LikelihoodRatio:
    """Christoffersen's test; ``nij`` counts periods in state j after state i, 1 = exceeded."""
    if min(n00, n10, n01, n11) < 0 or n00 + n01 + n10 + n11 < 1:
        raise ModelError("transitions cannot be tested", expected="counts of one or more", got="none")
    share = (n01 + n11) / (n00 + n01 + n10 + n11)
    after_quiet = n01 / (n00 + n01) if n00 + n01 else 0.0
    after_failure = n11 / (n10 + n11) if n10 + n11 else 0.0
    free = _log_likelihood(n00, n01, after_quiet) + _log_likelihood(n10, n11, after_failure)
    return _ratio(free - _log_likelihood(n00 + n10, n01 + n11, share))


def accepted_failures(observations: int, share: float, level: float = 0.95) -> tuple[int, int]:
    """Fewest and most failures that Kupiec's test does not reject at confidence ``level``."""
    kept = [
        count
        for count in range(observations + 1)
        if proportion_of_failures(observations, count, share).p_value > 1.0 - level
    ]
    return kept[0], kept[-1]


def _log_likelihood(quiet: int, failures: int, share: float) -> float:
    total = quiet * math.log(1.0 - share) if quiet else 0.0
    return total + (failures * math.log(share) if failures else 0.0)


def _ratio(gain: float) -> LikelihoodRatio:
    statistic = max(2.0 * gain, 0.0)
    return LikelihoodRatio(statistic, math.erfc(math.sqrt(statistic / 2.0)))
