"""Compiled passes over the returns of two series that trade at different times (imports numba)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def overlap_sums(
    start_a: Ints,
    end_a: Ints,
    value_a: Floats,
    start_b: Ints,
    end_b: Ints,
    total_b: Floats,
    lag: int,
    own_first: int,
    at: Ints,
    found: Floats,
) -> None:
    """Add to ``found[g]`` the products that become known in (at[g - 1], at[g]] with an end of ``a``.

    A return of ``a`` meets those of ``b`` whose intervals, moved back by ``lag``, overlap its own and
    whose true ends are earlier (or as early, when ``own_first`` is 0). ``total_b`` are running sums of
    the returns with a leading 0. Every pointer only goes forward: linear in the rows of both.
    """
    low = high = known = g = 0
    rows = len(start_b)
    for i in range(len(start_a)):
        while g < len(at) and at[g] < end_a[i]:
            g += 1
        if g == len(at):
            return
        while low < rows and end_b[low] - lag <= start_a[i]:
            low += 1
        while high < rows and start_b[high] - lag < end_a[i]:
            high += 1
        while known < rows and end_b[known] <= end_a[i] - own_first:
            known += 1
        last = min(high, known)
        if last > low:
            found[g] += value_a[i] * (total_b[last] - total_b[low])
