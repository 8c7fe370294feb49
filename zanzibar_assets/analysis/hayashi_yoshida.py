"""Hayashi-Yoshida covariance of two series that trade at different times, as of any time.

The estimator (Hayashi, Yoshida 2005, Bernoulli 11) adds r_a * r_b over all pairs of returns whose time
intervals overlap; no grid, no previous-tick filling. A pair counts from the time at which both
returns are known. Shifting one series by a lag gives the contrast of Hoffmann, Rosenbaum and Yoshida
(2013, Bernoulli 19): it is largest in size at the lag by which one series leads the other.

Noise: where the noise of the two prices (bounce between bid and ask) is independent, the covariance
of ticks stays unbiased, but a sum of squared tick returns does not, and would press every correlation
towards 0. So the variances here are Zhou's (1996, J. Business & Economic Statistics 14), of the same
ticks: the sum of squares plus twice the sum of the products of neighbours, which takes out noise that
is independent from trade to trade. The price is a larger error of estimation, about 2 over the root
of the number of trades; noise that both prices share is not taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints


@dataclass(frozen=True, slots=True)
class Returns:
    """Log returns of one series over (start, end], in time order, no interval empty."""

    start_us: Ints
    end_us: Ints
    value: Floats

    @classmethod
    def of(cls, known_us: Ints, log_price: Floats) -> Returns:
        """Returns of prices by the time they were known; of prices known at once the last one counts.

        Returns of zero are left out: they add nothing to any sum.
        """
        stamps, prices = last_prices(known_us, log_price)
        step = np.diff(prices)
        moved = step != 0.0
        return cls(stamps[:-1][moved], stamps[1:][moved], step[moved])


def covariance_as_of(a: Returns, b: Returns, at_us: Ints, lag_us: int = 0) -> Floats:
    """Covariance of ``a`` now with ``b`` ``lag_us`` later, of what is known at each (ascending) time.

    Intervals of ``b`` are moved back by the lag for the overlap; what is known is judged by the true
    times. Linear in the number of returns.
    """
    from zanzibar_assets.analysis._overlap_kernels import overlap_sums

    at = np.ascontiguousarray(at_us, dtype=np.int64)
    of_a, of_b = np.zeros(len(at)), np.zeros(len(at))
    side_a, side_b = _sides(a), _sides(b)
    overlap_sums(*side_a[:3], *side_b[:2], side_b[3], _whole(lag_us), _whole(0), at, of_a)
    overlap_sums(*side_b[:3], *side_a[:2], side_a[3], _whole(-lag_us), _whole(1), at, of_b)
    found: Floats = np.cumsum(of_a) + np.cumsum(of_b)
    return found


def variance_as_of(known_us: Ints, log_price: Floats, at_us: Ints) -> Floats:
    """Zhou's noise-corrected variance of the prices known at each time; it may be negative."""
    stamps, prices = last_prices(known_us, log_price)
    step = np.diff(prices)
    added = step**2
    added[1:] += 2.0 * step[1:] * step[:-1]
    total = np.concatenate(([0.0], np.cumsum(added)))
    found: Floats = total[np.searchsorted(stamps[1:], at_us, side="right")]
    return found


def last_prices(known_us: Ints, log_price: Floats) -> tuple[Ints, Floats]:
    """Times at which a price became known, each once, and the last price of each."""
    last = np.append(np.diff(known_us) > 0, True)[: len(known_us)]
    return known_us[last], log_price[last]


def _sides(returns: Returns) -> tuple[Ints, Ints, Floats, Floats]:
    value = np.ascontiguousarray(returns.value, dtype=np.float64)
    return returns.start_us, returns.end_us, value, np.concatenate(([0.0], np.cumsum(value)))


def _whole(value: int) -> int:
    """A number of one compiled type, so that a loop is compiled once."""
    return cast(int, np.int64(value))
