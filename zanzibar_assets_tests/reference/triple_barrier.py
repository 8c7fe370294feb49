"""Slow, obvious triple barrier: one entry at a time, one bar at a time."""

from __future__ import annotations


def first_barrier(path, entry, deadline, upper, lower, all_known):
    """(barrier, exit bar, exit ticks) of one entry; barrier is upper, lower, time or pending."""
    last = entry
    for bar in range(entry + 1, len(path.closes)):
        if path.known_us[bar] > deadline:
            break
        last = bar
        if path.opens[bar] >= upper:
            return "upper", bar, int(path.opens[bar])
        if path.lows[bar] <= lower:
            return "lower", bar, int(min(lower, path.opens[bar]))
        if path.highs[bar] >= upper:
            return "upper", bar, int(upper)
    resolved = any(stamp >= deadline for stamp in all_known)
    return ("time" if resolved else "pending"), last, int(path.closes[last])


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
