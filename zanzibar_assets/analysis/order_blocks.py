"""Order blocks: the last opposite bar before the leg that broke structure; mitigation and breakers.

Bullish, for a break at t of the swing s: m is the first bar of the lowest low after s and before t;
going back from m to s, both included, the block is the last bar that closed below its open, or m
itself (``fallback``) when there is none. The zone is that bar's range; the row refers to the break.
``ob_mitigated`` is the first later bar that trades into the zone, ``breaker`` the first that closes
beyond it: from then on the zone works the other way.
"""

from __future__ import annotations

from zanzibar_assets.analysis.breaks import BreakParams, structure
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.swings import SwingParams

KINDS = ("ob", "ob_mitigated", "breaker")


def order_blocks(bars: BarSeries, swing: SwingParams) -> list[Row]:
    """All order blocks of close-mode breaks, with mitigation and breakers."""
    return [row for row in structure(bars, BreakParams(swing)) if row.kind in KINDS]
