"""Hayashi-Yoshida covariance of two series that trade at different times, as of any time.

The estimator (Hayashi, Yoshida 2005, Bernoulli 11) adds r_a * r_b over all pairs of returns whose time
intervals overlap; no grid, no previous-tick filling. A pair counts from the time at which both
returns are known. Shifting one series by a lag gives the contrast of Hoffmann, Rosenbaum and Yoshida
(2013, Bernoulli 19): it is largest in size at the lag by which one series leads the other.

Noise: where the noise of the two prices (bounce between bid and ask) is independent, the covariance
of ticks stays unbiased, but a sum of squared tick returns does not, and would press every correlation
towards 0. So the variances here are realised over a minute, averaged over twelve offsets (Zhang,
Mykland, Ait-Sahalia 2005, the subsampled estimator): noise of a trade counts once a minute. What is
left of it is a small bias towards 0; noise that both prices share is not taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.vocabulary import US_PER_SECOND

SPAN_US = 60 * US_PER_SECOND
OFFSET_US = 5 * US_PER_SECOND
OFFSETS = SPAN_US // OFFSET_US


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
        last = np.append(np.diff(known_us) > 0, True)[: len(known_us)]
        stamps, prices = known_us[last], log_price[last]
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
    """Realised variance over a minute, averaged over twelve offsets, of what is known at each time."""
    from zanzibar_assets.analysis._overlap_kernels import sampled

    if not len(known_us):
        return np.zeros(len(at_us))
    first = int(known_us[0]) // SPAN_US * SPAN_US
    count = max(0, (int(at_us[-1]) - first) // OFFSET_US + 1) if len(at_us) else 0
    price = np.empty(count)
    sampled(known_us, log_price, _whole(first), _whole(OFFSET_US), price)
    squares = np.zeros(count)
    moves = price[OFFSETS:] - price[:-OFFSETS] if count > OFFSETS else np.empty(0)
    squares[count - len(moves) :] = np.nan_to_num(moves, nan=0.0) ** 2
    total = np.concatenate(([0.0], np.cumsum(squares)))
    upto = np.clip((np.asarray(at_us) - first) // OFFSET_US + 1, 0, count)
    found: Floats = total[upto] / OFFSETS
    return found


def _sides(returns: Returns) -> tuple[Ints, Ints, Floats, Floats]:
    value = np.ascontiguousarray(returns.value, dtype=np.float64)
    return returns.start_us, returns.end_us, value, np.concatenate(([0.0], np.cumsum(value)))


def _whole(value: int) -> int:
    """A number of one compiled type, so that a loop is compiled once."""
    return cast(int, np.int64(value))
