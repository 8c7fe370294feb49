"""Order blocks: the last opposite bar before the leg that broke structure; mitigation and breakers."""

from __future__ import annotations

from zanzibar_assets.analysis.breaks import BreakEngine, BreakParams
from zanzibar_assets.analysis.engine import BarSeries, Row, ordered
from zanzibar_assets.analysis.swings import SwingEngine, SwingParams
from zanzibar_assets.analysis.zones import NEAR_EDGE, ZoneBook


def order_block(bars: BarSeries, broken: Row) -> Row:
    """Order block of a break (``broken.ref`` is the swing it broke).

    Bullish: m is the first bar of the lowest low after the swing and before the break; going back
    from m to the swing bar, both included, the block is the last bar that closed below its open, or
    m itself (``fallback``) when there is none. The zone is that bar's range.
    """
    swing = broken.ref
    assert swing is not None, "a break always refers to its swing"
    side, t = broken.dir, broken.known_idx
    extreme = bars.low if side > 0 else bars.high
    origin = min(range(swing.event_idx + 1, t), key=lambda j: (side * extreme[j], j))
    opposite = (
        j for j in range(origin, swing.event_idx - 1, -1) if side * bars.close[j] < side * bars.open[j]
    )
    k = next(opposite, None)
    block = origin if k is None else k
    zone = bars.low[block], bars.high[block]
    return Row("ob", side, block, t, lo=zone[0], hi=zone[1], ref=broken, attrs={"fallback": k is None})


class OrderBlockEngine:
    """Live order blocks; each is mitigated at most once and turns into a breaker at most once."""

    def __init__(self) -> None:
        self.books = {side: ZoneBook(side, (NEAR_EDGE,)) for side in (1, -1)}

    def step(self, bars: BarSeries, t: int, broken: list[Row]) -> list[Row]:
        """Life of the blocks known before bar ``t``, then the blocks of the breaks on bar ``t``."""
        found: list[Row] = []
        for side, book in self.books.items():
            reached, ended = book.step(bars.high[t], bars.low[t], bars.close[t])
            found += [Row("ob_mitigated", side, t, t, lo=ob.lo, hi=ob.hi, ref=ob) for _, ob in reached]
            found += [Row("breaker", -side, t, t, lo=ob.lo, hi=ob.hi, ref=ob) for ob in ended]
        for row in broken:
            block = order_block(bars, row)
            self.books[block.dir].add(block)
            found.append(block)
        return ordered(found)


def order_blocks(bars: BarSeries, swing: SwingParams) -> list[Row]:
    """All order blocks of close-mode breaks, with mitigation and breakers."""
    swing_engine, break_engine = SwingEngine(swing), BreakEngine(BreakParams(swing))
    engine = OrderBlockEngine()
    found: list[Row] = []
    for t in range(len(bars)):
        found += engine.step(bars, t, break_engine.step(bars, t))
        break_engine.ingest(swing_engine.step(bars, t))
    return found
