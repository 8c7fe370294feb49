"""Parameters of the Wyckoff machine, and the bar rules that compare a bar with the bars before it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from zanzibar_assets.analysis.engine import BarSeries, prior_range_sums, true_ranges


@dataclass(frozen=True, slots=True)
class WyckoffParams:
    """Windows in bars, volume and range multiples of the prior median, distances in mean true ranges.

    ``abandon_atr`` None is definition 1, a number definition 2 (see the machine).
    """

    n: int = 5
    trend_n: int = 5
    trend_k: float = 2.0
    ps_rv: float = 1.5
    sc_rv: float = 2.0
    sc_rs: float = 1.5
    ar_min: float = 1.5
    reclaim_bars: int = 3
    spring_max: float = 1.0
    sos_rv: float = 1.5
    w: int = 1
    abandon_atr: float | None = None

    @property
    def def_version(self) -> int:
        """1: the table to the letter; 2: with the ways out of phases A and E."""
        return 1 if self.abandon_atr is None else 2


class Baselines:
    """Median volume, median true range and true-range sums of the ``n`` bars before each bar.

    Rules are written as products of whole ticks, so they hold exactly and do not change under a
    change of scale. Without ``n`` earlier bars no rule holds.
    """

    def __init__(self, bars: BarSeries, params: WyckoffParams) -> None:
        self.params = params
        self.ranges = true_ranges(bars)
        self.sums = prior_range_sums(bars, params.n)

    def range_sum(self, t: int) -> int:
        """``n`` times the mean true range before bar ``t``."""
        total = self.sums[t]
        assert total is not None, "asked only where the bar rules hold"
        return total

    def heavy(self, bars: BarSeries, t: int, multiple: float) -> bool:
        """Volume of at least ``multiple`` times the median of the bars before, and some volume."""
        n = self.params.n
        if t < n or bars.volume[t] <= 0:
            return False
        return bars.volume[t] >= multiple * median(bars.volume[t - n : t])

    def climax(self, bars: BarSeries, t: int) -> bool:
        """Selling climax: downtrend before, heavy volume, wide range, lowest low of n bars."""
        n = self.params.n
        if not self._downtrend(bars, t) or not self.heavy(bars, t, self.params.sc_rv):
            return False
        wide = self.ranges[t] > 0 and self.ranges[t] >= self.params.sc_rs * median(self.ranges[t - n : t])
        return wide and bars.low[t] <= min(bars.low[t - n : t])

    def preliminary(self, bars: BarSeries, t: int) -> bool:
        """Preliminary support: downtrend before, raised volume, close in the upper half."""
        if not self._downtrend(bars, t) or not self.heavy(bars, t, self.params.ps_rv):
            return False
        return 2 * bars.close[t] >= bars.high[t] + bars.low[t]

    def _downtrend(self, bars: BarSeries, t: int) -> bool:
        back, total = t - 1 - self.params.trend_n, self.sums[t]
        if back < 0 or total is None:
            return False
        fall = bars.close[back] - bars.close[t - 1]
        return self.params.n * fall >= self.params.trend_k * total
