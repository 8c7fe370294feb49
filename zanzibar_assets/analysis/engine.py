"""What every event engine shares: the bar series in integer ticks, the event row, true ranges.

An engine is a small state machine: ``step(bars, t)`` looks at bar ``t`` and at bars before it, never
after it, and gives the rows that become known at the close of ``t``. Batch, stream and replay are
the same calls in the same order, so a row cannot depend on what follows it. Prices are integer
ticks; the mirrored price axis (negated, high and low swapped) turns each rule for one side into the
rule for the other, so a rule is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

Attr = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One event in bar indices: it happened at ``event_idx``, is known at the close of ``known_idx``.

    ``level``/``lo``/``hi`` are integer ticks. ``ref`` is the earlier row that this one updates.
    ``event_us``/``known_us`` override the bars' stamps for facts that no single bar makes (a level
    of an earlier session). ``attrs`` holds what the kind adds, as of ``known_idx``.
    """

    kind: str
    dir: int
    event_idx: int
    known_idx: int
    level: int | None = None
    lo: int | None = None
    hi: int | None = None
    ref: Row | None = None
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    event_us: int | None = None
    known_us: int | None = None

    @property
    def ref_idx(self) -> int | None:
        """``event_idx`` of the row that this one updates."""
        return None if self.ref is None else self.ref.event_idx


@dataclass(frozen=True, slots=True)
class BarSeries:
    """Bars as plain lists of integer ticks (volume as floats), oldest first."""

    open: list[int]
    high: list[int]
    low: list[int]
    close: list[int]
    volume: list[float]

    def __len__(self) -> int:
        return len(self.close)

    @classmethod
    def of(cls, bars: Iterable[Sequence[float]]) -> BarSeries:
        """Series of ``(open, high, low, close, volume)`` tuples whose prices are whole ticks."""
        rows = list(bars)
        o, h, low, c = ([int(bar[k]) for bar in rows] for k in range(4))
        return cls(o, h, low, c, [float(bar[4]) for bar in rows])

    def head(self, count: int) -> BarSeries:
        """The first ``count`` bars."""
        return BarSeries(
            self.open[:count], self.high[:count], self.low[:count], self.close[:count], self.volume[:count]
        )

    def mirrored(self) -> BarSeries:
        """The same bars on the negated price axis: high becomes -low and low -high."""
        o, h, low, c = ([-p for p in side] for side in (self.open, self.low, self.high, self.close))
        return BarSeries(o, h, low, c, self.volume)


def order_key(row: Row) -> tuple[int, int, str, int, int, int, int]:
    """Order of rows: known_idx, event_idx, kind, then whatever makes the order total."""
    prices = (row.level if row.level is not None else 0, row.lo or 0, row.hi or 0)
    return (row.known_idx, row.event_idx, row.kind, row.dir, *prices)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows in their one order."""
    return sorted(rows, key=order_key)


def true_ranges(bars: BarSeries) -> list[int]:
    """True range of each bar in ticks; the first bar has only its own range."""
    found = [bars.high[0] - bars.low[0]] if len(bars) else []
    for t in range(1, len(bars)):
        previous = bars.close[t - 1]
        found.append(max(bars.high[t], previous) - min(bars.low[t], previous))
    return found


def prior_range_sums(bars: BarSeries, n: int) -> list[int | None]:
    """Sum of the true ranges of the ``n`` bars before each bar; None where fewer exist.

    The mean true range is this sum over ``n``; the sum is exact, so comparisons written with it
    (``n * move >= k * total``) do not depend on rounding.
    """
    running = [0, *accumulate(true_ranges(bars))]
    return [running[t] - running[t - n] if t >= n else None for t in range(len(bars))]


def prior_atr(bars: BarSeries, n: int) -> list[float | None]:
    """Mean true range of the ``n`` bars before each bar, in ticks; None where fewer exist."""
    return [None if total is None else total / n for total in prior_range_sums(bars, n)]
