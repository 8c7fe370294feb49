"""Compiled loops of a profile's nodes (imports numba: import it where it is used)."""

from __future__ import annotations

from numba import njit

from zanzibar_assets.analysis._records import Floats, Ints


@njit(cache=True, nogil=True)
def _smooth_at(volume: Floats, row: int, low: int, high: int, reach: int) -> float:
    """Volume of a row smoothed by a triangle of weights; nothing lies outside ``low`` .. ``high``.

    The rows at one distance are added to each other first, so a mirrored profile gives the same bits.
    """
    total = (reach + 1) * volume[row]
    for away in range(1, reach + 1):
        below = volume[row - away] if row - away >= low else 0.0
        above = volume[row + away] if row + away <= high else 0.0
        total += (reach + 1 - away) * (below + above)
    return float(total / ((reach + 1) * (reach + 1)))


@njit(cache=True, nogil=True)
def smooth_rows(volume: Floats, reach: int, out: Floats) -> None:
    """Smooth every row."""
    for row in range(len(volume)):
        out[row] = _smooth_at(volume, row, 0, len(volume) - 1, reach)


@njit(cache=True, nogil=True)
def _first_beyond(
    volume: Floats, low: int, high: int, close: int, reach: int, step: int, none: int
) -> tuple[int, int]:
    """First peak and first valley beyond ``close`` in direction ``step``, ``none`` where there is none.

    Goes from run to run of equal smoothed volume, beginning with the one that holds the close.
    """
    peak, valley = none, none
    row = min(max(close, low), high)
    value = _smooth_at(volume, row, low, high, reach)
    start, before, has_before = row, 0.0, False
    while low <= start - step <= high:
        before = _smooth_at(volume, start - step, low, high, reach)
        if before != value:
            has_before = True
            break
        start -= step
    while peak == none or valley == none:
        after, end = value, row
        while after == value:
            end += step
            if end < low or end > high:
                return peak, valley  # the last run is an end of the range, no node
            after = _smooth_at(volume, end, low, high, reach)
        middle = (start + end - step) // 2
        if has_before and (middle - close) * step > 0:
            if peak == none and before < value and after < value:
                peak = middle
            if valley == none and before > value and after > value:
                valley = middle
        start, row, before, value, has_before = end, end, value, after, True
    return peak, valley


@njit(cache=True, nogil=True)
def nearest_nodes(
    rows: Ints, size: Floats, ends: Ints, close: Ints, volume: Floats, seen: Ints, rule: Ints, out: Ints
) -> None:
    """Fill ``out[k]`` with the rows of the peaks above and below and the valleys above and below a close.

    Of the profile of all trades before and the first ``ends[k]`` of these, ``close[k]`` the row looked
    from. ``volume`` by row and ``seen`` (trades, lowest and highest row) hold the trades before and go
    on to the next call. ``rule``: rows per reach, least and most reach. What is not there stays.
    """
    done = 0
    for k in range(len(ends)):
        for i in range(done, ends[k]):
            volume[rows[i]] += size[i]
            seen[1] = min(seen[1], rows[i]) if seen[0] else rows[i]
            seen[2] = max(seen[2], rows[i]) if seen[0] else rows[i]
            seen[0] += 1
        done = max(done, ends[k])
        if seen[0] == 0:
            continue
        low, high, none = seen[1], seen[2], out[k, 0]
        reach = min(max((high - low + 1) // rule[0], rule[1]), rule[2])
        out[k, 0], out[k, 2] = _first_beyond(volume, low, high, close[k], reach, 1, none)
        out[k, 1], out[k, 3] = _first_beyond(volume, low, high, close[k], reach, -1, none)
