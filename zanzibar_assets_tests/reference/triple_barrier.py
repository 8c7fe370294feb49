"""Slow, obvious triple barrier on records: one entry at a time, one record at a time."""

from __future__ import annotations


def first_barrier(path, entry_us, deadline, upper, lower, side, now_us):
    """(barrier, record, exit ticks) of one entry; barrier is upper, lower, time or pending.

    ``path`` is a list of (starts_us, ends_us, open, high, low, close), a trade having one price four
    times; record -1: none was seen.
    """
    last, price = -1, 0
    for i, (starts, ends, opened, high, low, close) in enumerate(path):
        if starts < entry_us:
            continue
        if ends > deadline:
            break
        last, price = i, close
        for barrier, level in first_inside(opened, high, low, upper, lower, side):
            return barrier, i, level
    return ("time" if deadline <= now_us else "pending"), last, price


def first_inside(opened, high, low, upper, lower, side):
    """Barriers that one record meets, in the order they count: good opening, adverse, favourable."""
    up = [("upper", max(upper, opened))] if high >= upper else []
    down = [("lower", min(lower, opened))] if low <= lower else []
    if side > 0 and opened >= upper:
        return up
    if side < 0 and opened <= lower:
        return down
    return down + up if side > 0 else up + down


def uniqueness(starts, ends):
    """Average of 1 / (labels alive on the bar) over each label's bars."""
    means = []
    for start, end in zip(starts, ends, strict=True):
        shares = []
        for bar in range(start, end + 1):
            alive = sum(s <= bar <= e for s, e in zip(starts, ends, strict=True))
            shares.append(1.0 / alive)
        means.append(sum(shares) / len(shares))
    return means
