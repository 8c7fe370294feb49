"""Compiled pass that closes bars by what was traded (imports numba: import it where it is used)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def close_bars(
    measure: Floats,
    threshold: float,
    ticks: Floats,
    volumes: Floats,
    spans: Ints,
    prices: Floats,
    sums: Floats,
) -> int:
    """Fill one row of ``spans``, ``prices`` and ``sums`` a closed bar; the number of them.

    ``measure`` is what each record adds; a bar closes with the record that brings the sum's size to
    ``threshold`` and owns it whole. ``ticks`` (n, 4): open, high, low, close of each record;
    ``volumes`` (n, k) what is summed. ``spans``: first and last record. A bar that is still open has
    no row.
    """
    count, first, total = 0, 0, 0.0
    for i in range(len(measure)):
        if i == first:
            total = 0.0
            prices[count, 0], prices[count, 1], prices[count, 2] = ticks[i, 0], ticks[i, 1], ticks[i, 2]
            for k in range(volumes.shape[1]):
                sums[count, k] = 0.0
        prices[count, 1] = max(prices[count, 1], ticks[i, 1])
        prices[count, 2] = min(prices[count, 2], ticks[i, 2])
        prices[count, 3] = ticks[i, 3]
        for k in range(volumes.shape[1]):
            sums[count, k] += volumes[i, k]
        total += measure[i]
        if abs(total) >= threshold:
            spans[count, 0], spans[count, 1] = first, i
            count, first = count + 1, i + 1
    return count
