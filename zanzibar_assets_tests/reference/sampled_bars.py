"""Slow, obvious sampled bars: one trade at a time into one growing list."""

from __future__ import annotations

MEASURES = {
    "tick": lambda t: t["trades"],
    "volume": lambda t: t["size"],
    "dollar": lambda t: t["dollars"],
    "volume_imbalance": lambda t: t["bought"] - t["sold"],
}


def sampled(trades, scheme, threshold):
    """Closed bars and the trades that are left in the open one.

    ``trades``: dicts of open, high, low, close, size, sold, bought, trades, dollars, at, known.
    """
    bars, growing, total = [], [], 0.0
    for trade in trades:
        growing.append(trade)
        total += MEASURES[scheme](trade)
        if abs(total) >= threshold:
            bars.append(finished(growing))
            growing, total = [], 0.0
    return bars, growing


def finished(trades):
    return {
        "first": trades[0]["at"],
        "known": trades[-1]["known"],
        "open": trades[0]["open"],
        "high": max(trade["high"] for trade in trades),
        "low": min(trade["low"] for trade in trades),
        "close": trades[-1]["close"],
        **{name: sum(trade[name] for trade in trades) for name in ("size", "sold", "bought", "trades")},
    }
