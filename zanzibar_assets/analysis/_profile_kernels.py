"""Compiled loops of the developing volume profile (imports numba: import it where it is used)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True)
def _next(volume: Floats, first: int, step: int, stop: int, rows: int) -> float:
    """Volume of the next ``rows`` rows from ``first`` in direction ``step``, up to row ``stop``."""
    total = 0.0
    for k in range(min(rows, abs(stop - first) + 1)):
        total += volume[first + k * step]
    return total


@njit(cache=True)
def _poc_row(volume: Floats, low: int, high: int) -> int:
    """Row of the largest volume; ties: nearest the centre of low..high, then lower."""
    best = low
    for row in range(low + 1, high + 1):
        if volume[row] > volume[best] or (
            volume[row] == volume[best] and abs(2 * row - low - high) < abs(2 * best - low - high)
        ):
            best = row
    return best


@njit(cache=True)
def _value_area(
    volume: Floats, low: int, high: int, poc: int, total: float, pct: float, rows: int
) -> tuple[int, int]:
    """Rows of the value area: the larger of the next ``rows`` above and below first, ties up."""
    bottom, top, held = poc, poc, volume[poc]
    while held * 100.0 < pct * total and (bottom > low or top < high):
        above = _next(volume, top + 1, 1, high, rows) if top < high else -1.0
        below = _next(volume, bottom - 1, -1, low, rows) if bottom > low else -1.0
        if above >= below:
            held += above
            top = min(top + rows, high)
        else:
            held += below
            bottom = max(bottom - rows, low)
    return bottom, top


@njit(cache=True)
def developing(
    rows: Ints, size: Floats, ends: Ints, volume: Floats, pct: float, area_rows: int, seen: Ints,
    total: Floats, out: Ints,
) -> None:  # fmt: skip
    """Fill ``out[k] = (poc, vah, val)`` rows of the profile as of the first ``ends[k]`` of these trades.

    ``rows`` price rows from 0, ``size`` lots > 0, ``ends`` ascending, ``area_rows`` the prices that the
    value area grows by. ``volume`` by row, ``seen`` (trades so far, lowest row, highest row, poc, vah,
    val) and ``total`` (volume) hold the trades before and go on to the next call. Rows of ``out``
    without a trade stay as they are.
    """
    done = 0
    for k in range(len(ends)):
        for i in range(done, ends[k]):
            volume[rows[i]] += size[i]
            total[0] += size[i]
            seen[1] = min(seen[1], rows[i]) if seen[0] else rows[i]
            seen[2] = max(seen[2], rows[i]) if seen[0] else rows[i]
            seen[0] += 1
        if seen[0] == 0:
            continue
        if ends[k] > done:
            poc = _poc_row(volume, seen[1], seen[2])
            bottom, top = _value_area(volume, seen[1], seen[2], poc, total[0], pct, area_rows)
            seen[3], seen[4], seen[5] = poc, top, bottom
            done = ends[k]
        out[k] = seen[3:]
