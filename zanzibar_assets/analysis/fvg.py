"""Fair value gaps and their whole life: touch, middle, fill, inversion, extension.

Bullish on bars i-2, i-1, i: the low of i lies above the high of i-2; the gap is drawn on i-1 and
known at the close of i. Every later change is its own row that refers to the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zanzibar_assets.analysis.engine import Attr, BarSeries, Row, ordered, prior_atr
from zanzibar_assets.analysis.zones import FAR_EDGE, MIDDLE, NEAR_EDGE, ZoneBook

LIFE = ("fvg_touch", "fvg_ce", "fvg_fill")


@dataclass(frozen=True, slots=True)
class FvgParams:
    """Smallest gap in ticks and in mean true ranges of the bars before; 0 leaves a filter off."""

    min_ticks: int = 0
    min_atr: float = 0.0
    atr_bars: int = 14


class FvgEngine:
    """Live gaps of both directions, and the chain of consecutive gaps that now grows.

    ``sessions`` gives each bar's session number: a gap whose three bars do not share one session
    carries ``gap_across_session``. ``atr`` is needed only where ``min_atr`` is on.
    """

    def __init__(
        self, params: FvgParams, sessions: Sequence[int] | None = None, atr: Sequence[float | None] = ()
    ) -> None:
        self.params = params
        self.sessions = sessions
        self.atr = atr
        self.books = {side: ZoneBook(side, (NEAR_EDGE, MIDDLE, FAR_EDGE)) for side in (1, -1)}
        self.chain: Row | None = None
        self.chain_end = -1

    def step(self, bars: BarSeries, t: int) -> list[Row]:
        """Life of the gaps known before bar ``t``, then the gap that bar ``t`` completes."""
        found = [row for side in (1, -1) for row in self._life(bars, t, side)]
        gap = self._gap(bars, t)
        if gap is not None:
            found.append(gap)
            extension = self._extension(bars, gap)
            if extension is not None:
                found.append(extension)
            self.books[gap.dir].add(gap)
        return ordered(found)

    def _life(self, bars: BarSeries, t: int, side: int) -> list[Row]:
        reached, ended = self.books[side].step(bars.high[t], bars.low[t], bars.close[t])
        found = [Row(LIFE[stage], side, t, t, lo=gap.lo, hi=gap.hi, ref=gap) for stage, gap in reached]
        found += [Row("fvg_invert", -side, t, t, lo=gap.lo, hi=gap.hi, ref=gap) for gap in ended]
        return found

    def _gap(self, bars: BarSeries, t: int) -> Row | None:
        if t < 2:
            return None
        if bars.low[t] > bars.high[t - 2]:
            side, lo, hi = 1, bars.high[t - 2], bars.low[t]
        elif bars.high[t] < bars.low[t - 2]:
            side, lo, hi = -1, bars.high[t], bars.low[t - 2]
        else:
            return None
        if not self._wide_enough(hi - lo, t):
            return None
        attrs: dict[str, Attr] = {}
        if self.sessions is not None and self.sessions[t - 2] != self.sessions[t]:
            attrs["gap_across_session"] = True
        return Row("fvg", side, t - 1, t, lo=lo, hi=hi, attrs=attrs)

    def _wide_enough(self, height: int, t: int) -> bool:
        if height < self.params.min_ticks:
            return False
        if self.params.min_atr <= 0:
            return True
        atr = self.atr[t]
        return atr is not None and height >= self.params.min_atr * atr

    def _extension(self, bars: BarSeries, gap: Row) -> Row | None:
        """Row that joins the gap to the unfilled gap one bar earlier; the first is never rewritten."""
        first, t = self.chain, gap.known_idx
        follows = first is not None and first.dir == gap.dir and self.chain_end == t - 1
        self.chain_end = t
        if first is None or not follows or self._filled(bars, first, t):
            self.chain = gap
            return None
        edges = [edge for row in (first, gap) for edge in (row.lo, row.hi) if edge is not None]
        return Row("fvg_extend", gap.dir, gap.event_idx, t, lo=min(edges), hi=max(edges), ref=first)

    def _filled(self, bars: BarSeries, gap: Row, t: int) -> bool:
        assert gap.lo is not None, "a gap row always has its edges"
        assert gap.hi is not None, "a gap row always has its edges"
        since = slice(gap.known_idx + 1, t + 1)
        return min(bars.low[since]) <= gap.lo if gap.dir > 0 else max(bars.high[since]) >= gap.hi


def fvgs(bars: BarSeries, params: FvgParams, sessions: Sequence[int] | None = None) -> list[Row]:
    """All gaps of a series with their life."""
    atr = prior_atr(bars, params.atr_bars) if params.min_atr > 0 else ()
    engine = FvgEngine(params, sessions, atr)
    return [row for t in range(len(bars)) for row in engine.step(bars, t)]
