"""Compiled loops of the footprint (imports numba: import it where it is used)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def widest_bar(bar: Ints, price: Ints) -> int:
    """Most ticks that one bar spans; ``bar`` ascending."""
    widest, first = 0, 0
    low = high = price[0] if len(price) else 0
    for i in range(len(bar)):
        if bar[i] != bar[first]:
            first, low, high = i, price[i], price[i]
        low, high = min(low, price[i]), max(high, price[i])
        widest = max(widest, high - low + 1)
    return int(widest)


@njit(cache=True, nogil=True)
def cells(
    bar: Ints, price: Ints, sold: Floats, bought: Floats, rows: Floats, hits: Ints,
    cell_bar: Ints, cell_price: Ints, cell_sold: Floats, cell_bought: Floats,
) -> int:  # fmt: skip
    """Sum trades per (bar, price), ordered by both; gives the number of cells.

    ``rows`` (2, widest bar) and ``hits`` (widest bar) are zeros to work in; the ``cell_*`` arrays have
    room for every trade. Sums run in row order.
    """
    count, start = 0, 0
    while start < len(bar):
        end, low, high = start, price[start], price[start]
        while end < len(bar) and bar[end] == bar[start]:
            low, high = min(low, price[end]), max(high, price[end])
            end += 1
        for i in range(start, end):
            row = price[i] - low
            rows[0, row] += sold[i]
            rows[1, row] += bought[i]
            hits[row] += 1
        for row in range(high - low + 1):
            if hits[row]:
                cell_bar[count], cell_price[count] = bar[start], low + row
                cell_sold[count], cell_bought[count] = rows[0, row], rows[1, row]
                rows[0, row] = rows[1, row] = 0.0
                hits[row] = 0
                count += 1
        start = end
    return count


@njit(cache=True, nogil=True)
def delta_path(bar: Ints, signed: Floats, lowest: Floats, highest: Floats) -> None:
    """Least and greatest running signed volume within each bar, after each of its trades."""
    total, current = 0.0, -1
    for i in range(len(bar)):
        if bar[i] != current:
            current, total = bar[i], signed[i]
            lowest[current] = highest[current] = total
        else:
            total += signed[i]
            lowest[current] = min(lowest[current], total)
            highest[current] = max(highest[current], total)
