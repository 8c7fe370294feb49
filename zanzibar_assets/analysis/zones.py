"""Price zones that wait to be traded into: gaps, order blocks, points of interest.

``ZoneBook`` watches zones of one direction. A zone has depths that the bar's range must reach, in
order, and ends when a bar closes beyond its far edge. Waiting zones lie in heaps by the next price
that changes them, so a bar costs time only for the zones it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

from zanzibar_assets.analysis.engine import Row

NEAR_EDGE, MIDDLE, FAR_EDGE = 0, 1, 2


@dataclass(slots=True)
class _Zone:
    row: Row
    lo: int
    hi: int
    stage: int = 0


class ZoneBook:
    """Live zones of one direction (+1 is bought from above, -1 sold from below).

    ``depths`` are the stages in order: NEAR_EDGE, MIDDLE (equality counts) or FAR_EDGE. A zone that
    is added during bar t is first tested on bar t+1.
    """

    def __init__(self, direction: int, depths: tuple[int, ...]) -> None:
        self.direction = direction
        self.depths = depths
        self._by_depth: list[tuple[int, int, _Zone]] = []
        self._by_close: list[tuple[int, int, _Zone]] = []
        self._added = 0

    def add(self, row: Row) -> None:
        """Watch the zone ``[row.lo, row.hi]``."""
        if row.lo is None or row.hi is None:
            raise ValueError(f"a {row.kind} row without lo and hi is no zone")
        lo, hi = (row.lo, row.hi) if self.direction > 0 else (-row.hi, -row.lo)
        zone = _Zone(row, lo, hi)
        self._added += 1
        self._wait(zone, self._added)
        heappush(self._by_close, (-lo, self._added, zone))

    def _wait(self, zone: _Zone, number: int) -> None:
        if zone.stage < len(self.depths):
            # Doubled ticks keep the middle of an odd zone exact.
            trigger = 2 * zone.hi - self.depths[zone.stage] * (zone.hi - zone.lo)
            heappush(self._by_depth, (-trigger, number, zone))

    def step(self, high: int, low: int, close: int) -> tuple[list[tuple[int, Row]], list[Row]]:
        """Stages reached by this bar as ``(stage, row)``, and the zones that its close ended."""
        reach, settle = (low, close) if self.direction > 0 else (-high, -close)
        reached: list[tuple[int, Row]] = []
        while self._by_depth and -self._by_depth[0][0] >= 2 * reach:
            _, number, zone = heappop(self._by_depth)
            reached.append((zone.stage, zone.row))
            zone.stage += 1
            self._wait(zone, number)
        ended: list[Row] = []
        while self._by_close and -self._by_close[0][0] > settle:
            ended.append(heappop(self._by_close)[2].row)
        return reached, ended
