"""Compiled walk of entries along a path of records (imports numba: import it where it is used)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def first_touches(
    start: Ints, deadline: Ints, upper: Ints, lower: Ints, side: Ints,
    ends: Ints, opens: Ints, highs: Ints, lows: Ints, closes: Ints,
    code: Ints, record: Ints, ticks: Ints,
) -> None:  # fmt: skip
    """Fill ``code`` (-1 lower, 1 upper, 0 none), the last ``record`` seen and the exit ``ticks``.

    An entry sees the records from ``start`` whose ``ends`` is at or before its ``deadline``. Within a
    record a favourable opening counts first, then the adverse extreme, then the favourable one.
    """
    for e in range(len(start)):
        up, down, long = upper[e], lower[e], side[e] > 0
        i = start[e]
        while i < len(ends) and ends[i] <= deadline[e]:
            record[e], ticks[e] = i, closes[i]
            gap = opens[i] >= up if long else opens[i] <= down
            below, above = lows[i] <= down, highs[i] >= up
            if gap:
                code[e], ticks[e] = (1 if long else -1), opens[i]
            elif below and (long or not above):
                code[e], ticks[e] = -1, min(down, opens[i])
            elif above:
                code[e], ticks[e] = 1, max(up, opens[i])
            if code[e] != 0:
                break
            i += 1
