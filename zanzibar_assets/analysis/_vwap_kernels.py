"""Compiled weighted Welford passes (imports numba: import it where it is used)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def moments_of(price: Floats, size: Floats, segment: Ints, out: Floats) -> None:
    """``out[k] = (weight, mean, sum of squared deviations)`` of the trades of segment ``k``.

    ``out`` holds zeros to begin with, ``segment`` numbers ascend, sizes are above zero. Squares of prices
    are never summed.
    """
    for i in range(len(price)):
        held = out[segment[i]]
        if held[0] == 0.0:
            held[1] = price[i]
        held[0] += size[i]
        distance = price[i] - held[1]
        held[1] += distance * size[i] / held[0]
        held[2] += size[i] * distance * (price[i] - held[1])


@njit(cache=True, nogil=True)
def joined_moments(segments: Floats, first: int, ends: Ints, moments: Floats, out: Floats) -> None:
    """``out[k]``: ``moments`` joined with segments ``first`` .. ``ends[k]`` - 1, one after the other.

    ``moments`` (weight, mean, squares) go on to the next call; ``ends`` ascend.
    """
    row = first
    for k in range(len(ends)):
        while row < ends[k]:
            weight, mean, squares = segments[row]
            joined = moments[0] + weight
            distance = mean - moments[1]
            if moments[0] == 0.0:
                moments[1], moments[2] = mean, squares
            else:
                moments[1] += distance * weight / joined
                moments[2] += squares + distance * distance * moments[0] * weight / joined
            moments[0] = joined
            row += 1
        out[k, 0], out[k, 1], out[k, 2] = moments[0], moments[1], moments[2]
