"""Compiled weighted Welford pass (imports numba: import it where it is used)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def running_moments(price: Floats, size: Floats, first: int, ends: Ints, out: Floats) -> None:
    """``out[k] = (weight, mean, sum of squared deviations)`` of trades ``first`` .. ``ends[k]`` - 1.

    ``ends`` ascending, sizes above zero. Squares of prices are never summed.
    """
    weight, mean, squares, row = 0.0, 0.0, 0.0, first
    for k in range(len(ends)):
        while row < ends[k]:
            if weight == 0.0:
                mean = price[row]
            weight += size[row]
            distance = price[row] - mean
            mean += distance * size[row] / weight
            squares += size[row] * distance * (price[row] - mean)
            row += 1
        out[k, 0], out[k, 1], out[k, 2] = weight, mean, squares
