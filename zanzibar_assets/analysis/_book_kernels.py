"""Compiled passes over book updates (imports numba: import it where it is used).

Prices are integers with ``MISSING`` for an absent level; every pass is one loop without temporaries
and releases the GIL. Sizes may be integers or floats; sums run in row order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from zanzibar_assets.analysis._records import Bools, Floats, Ints

MISSING = -(2**31)
"""Price of a level that is not there; no tick price reaches it."""


@njit(cache=True, nogil=True)
def flow_and_sums(
    bid: Any, bid_size: Any, ask: Any, ask_size: Any, starts: Ints, ends: Ints, flow: Any, sums: Any
) -> None:
    """``flow[i]`` of every update of a whole one-level book without gaps, and its sum per window.

    Windows are rows ``starts[k] <= i < ends[k]``, ascending and disjoint. ``flow[0]`` is 0. Integer
    arrays (int32 is fastest) or floats; ``flow`` of the sizes' type.
    """
    b0, b1, q0, q1 = bid[:-1], bid[1:], bid_size[:-1], bid_size[1:]
    a0, a1, r0, r1 = ask[:-1], ask[1:], ask_size[:-1], ask_size[1:]
    out = flow[1:]
    flow[0] = 0
    for i in range(len(out)):
        added = (q1[i] if b1[i] >= b0[i] else 0) - (q0[i] if b1[i] <= b0[i] else 0)
        out[i] = added - (r1[i] if a1[i] <= a0[i] else 0) + (r0[i] if a1[i] >= a0[i] else 0)
    for k in range(len(starts)):
        part = flow[starts[k] : ends[k]]
        sums[k] = 0
        total = sums[k]
        for i in range(len(part)):
            total += part[i]
        sums[k] = total


@njit(cache=True, nogil=True)
def joined_rows(known_us: Ints, sound: Bools, fresh: Bools, gap_us: int) -> Bools:
    """Whether the difference of each update to the one before says anything.

    False on the first row, across a gap, beside an unsound book and on a row that starts the book
    afresh (``fresh``: a snapshot).
    """
    joined = np.zeros(len(known_us), np.bool_)
    for i in range(1, len(known_us)):
        near = known_us[i] - known_us[i - 1] <= gap_us
        joined[i] = near and sound[i] and sound[i - 1] and not fresh[i]
    return joined


@njit(cache=True, nogil=True)
def level_flow(bid: Ints, bid_size: Floats, ask: Ints, ask_size: Floats, joined: Bools, flow: Floats) -> None:
    """Order flow of each update at one level; 0 where rows are not joined, no side without a price."""
    for i in range(1, len(bid)):
        if not joined[i]:
            continue
        total = 0.0
        if bid[i] != MISSING and bid[i - 1] != MISSING:
            if bid[i] >= bid[i - 1]:
                total += bid_size[i]
            if bid[i] <= bid[i - 1]:
                total -= bid_size[i - 1]
        if ask[i] != MISSING and ask[i - 1] != MISSING:
            if ask[i] <= ask[i - 1]:
                total -= ask_size[i]
            if ask[i] >= ask[i - 1]:
                total += ask_size[i - 1]
        flow[i] = total


@njit(cache=True, nogil=True)
def window_sums(
    flow: Floats, bid_size: Floats, ask_size: Floats, sound: Bools, starts: Ints, ends: Ints, out: Floats
) -> None:
    """Per window: sum of flow, of (bid + ask size) / 2 over sound rows, and the number of sound rows."""
    for k in range(len(starts)):
        total, depth, rows = 0.0, 0.0, 0.0
        for i in range(starts[k], ends[k]):
            total += flow[i]
            if sound[i]:
                depth += (bid_size[i] + ask_size[i]) / 2.0
                rows += 1.0
        out[0, k], out[1, k], out[2, k] = total, depth, rows


@njit(cache=True, nogil=True)
def rows_as_of(known_us: Ints, at_us: Ints, strictly: bool, out: Ints) -> None:
    """Last row known at (or strictly before) each ascending time; -1 where none is."""
    row = -1
    for k in range(len(at_us)):
        while row + 1 < len(known_us) and (
            known_us[row + 1] < at_us[k] or (not strictly and known_us[row + 1] == at_us[k])
        ):
            row += 1
        out[k] = row


@njit(cache=True, nogil=True)
def quote_transitions(
    bid: Ints,
    bid_size: Floats,
    ask: Ints,
    ask_size: Floats,
    joined: Bools,
    buckets: int,
    spreads: int,
    stay: Floats,
    move: Floats,
    jump: Floats,
) -> None:
    """Count transitions between book states: ``stay[x, y]`` without and ``move[x, y]`` with a mid move.

    State x = spread class * buckets + imbalance bucket (spread 1, 2, .. ``spreads`` and wider; bucket
    of bid / (bid + ask) size). ``jump[x]`` is the sum of mid moves in ticks. Rows whose book did not
    change, or whose spread is below a tick, do not count.
    """
    for i in range(1, len(bid)):
        if not joined[i]:
            continue
        same_price = bid[i] == bid[i - 1] and ask[i] == ask[i - 1]
        if same_price and bid_size[i] == bid_size[i - 1] and ask_size[i] == ask_size[i - 1]:
            continue
        if ask[i] <= bid[i] or ask[i - 1] <= bid[i - 1]:
            continue
        if bid_size[i] + ask_size[i] <= 0 or bid_size[i - 1] + ask_size[i - 1] <= 0:
            continue
        before = state_of(bid[i - 1], bid_size[i - 1], ask[i - 1], ask_size[i - 1], buckets, spreads)
        after = state_of(bid[i], bid_size[i], ask[i], ask_size[i], buckets, spreads)
        moved = (bid[i] + ask[i] - bid[i - 1] - ask[i - 1]) / 2.0
        if moved == 0.0:
            stay[before, after] += 1.0
        else:
            move[before, after] += 1.0
            jump[before] += moved


@njit(cache=True, nogil=True)
def state_of(bid: int, bid_size: float, ask: int, ask_size: float, buckets: int, spreads: int) -> int:
    """State number of one book; an odd number of buckets makes the mirror image exact."""
    total = bid_size + ask_size
    low = min(int(buckets * min(bid_size, ask_size) / total), buckets // 2)
    bucket = low if bid_size < ask_size else buckets - 1 - low
    return int((min(ask - bid, spreads) - 1) * buckets + bucket)
