"""Wyckoff accumulation as a state machine over bars; distribution is the same machine, mirrored.

IDLE -> A1 (selling climax) -> A2 (automatic rally) -> B (secondary test) -> C (spring) -> D (sign of
strength) -> E (markup). Baselines use the ``n`` bars before the bar. A row and the phase after it
depend on bars up to its ``known_idx`` alone and are never relabelled. Within a bar the rules that
the bar itself decides go first, then the swings that its close confirms.

Definition 1 is the table of the specification to the letter. It has no way out of phase A when the
range never forms, and none out of E. Definition 2 adds three: a close ``abandon_atr`` mean true
ranges below the climax low (A1, A2), or as far above the resistance (A2), is ``fail``; in E a new
climax starts the next schematic. Without them one aborted climax would silence the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from zanzibar_assets.analysis.engine import BarSeries, Row, ordered
from zanzibar_assets.analysis.swings import SwingEngine, SwingParams
from zanzibar_assets.analysis.wyckoff_rules import Baselines, WyckoffParams

MIRRORED = {
    "ps": "psy",
    "sc": "bc",
    "ua": "ut",
    "spring": "utad",
    "test": "test_utad",
    "sos": "sow",
    "sow": "sos",
    "lps": "lpsy",
    "markup": "markdown",
}
PHASES = {"IDLE": None, "A1": "A", "A2": "A", "B": "B", "C": "C", "D": "D", "E": "E"}


@dataclass(slots=True)
class _Range:
    """Facts of the running schematic, prices on the machine's own axis."""

    climax: int
    unit: int  # sum of the n true ranges before the climax: n mean true ranges
    resistance: int = 0
    rally: int = 0
    pierced: int = -1
    lowest: int = 0
    spring: int = 0
    strength: int = 0
    strength_high: int = 0
    backed_up: bool = False


class Accumulation:
    """The accumulation machine on one price axis."""

    def __init__(self, params: WyckoffParams, base: Baselines, schematic: str = "accumulation") -> None:
        self.params = params
        self.schematic = schematic
        self.base = base
        self.state = "IDLE"
        self.range = _Range(0, 0)
        self.swing_engine = SwingEngine(SwingParams(params.w, params.w))
        self.last: Row | None = None

    @property
    def phase(self) -> str | None:
        """Phase after the last step: A to E, or None."""
        return PHASES[self.state]

    def step(self, bars: BarSeries, t: int) -> list[Row]:
        """Rows known at the close of bar ``t``."""
        rules = {
            "IDLE": self._idle,
            "A1": self._a1,
            "A2": self._a2,
            "B": self._b,
            "C": self._c,
            "D": self._d,
            "E": self._e,
        }
        found = rules[self.state](bars, t)
        for swing in self.swing_engine.step(bars, t):
            if swing.dir > 0:
                found += self._swing_high(swing.event_idx, t, bars)
            else:
                found += self._swing_low(swing.event_idx, t, bars)
        return found

    # -- bar rules, one a state ---------------------------------------------------------------

    def _idle(self, bars: BarSeries, t: int) -> list[Row]:
        if self.base.climax(bars, t):
            return [self._start(bars, t)]
        if self.base.preliminary(bars, t):
            return [self._row("ps", t, t, bars.low[t])]
        return []

    def _a1(self, bars: BarSeries, t: int) -> list[Row]:
        support = bars.low[self.range.climax]
        if bars.low[t] < support and self.base.heavy(bars, t, self.params.sc_rv):
            return [self._start(bars, t)]
        return [self._fail(bars, t)] if self._abandoned(support - bars.close[t]) else []

    def _a2(self, bars: BarSeries, t: int) -> list[Row]:
        below = bars.low[self.range.climax] - bars.close[t]
        above = bars.close[t] - self.range.resistance
        return [self._fail(bars, t)] if self._abandoned(max(below, above)) else []

    def _b(self, bars: BarSeries, t: int) -> list[Row]:
        found = self._undercut(bars, t)
        if self.state not in ("B", "C"):
            return found
        found += self._strength(bars, t)
        if self.state == "B" and bars.high[t] > self.range.resistance > bars.close[t]:
            found.append(self._row("ua", t, t, bars.high[t]))
        return found

    def _undercut(self, bars: BarSeries, t: int) -> list[Row]:
        """Spring or failure while price has been below the support."""
        facts, support = self.range, bars.low[self.range.climax]
        if bars.low[t] < support and facts.pierced < 0:
            facts.pierced, facts.lowest = t, t
        if facts.pierced < 0:
            return []
        if bars.low[t] < bars.low[facts.lowest]:
            facts.lowest = t
        depth = support - bars.low[facts.lowest]
        if self.params.n * depth > self.params.spring_max * facts.unit:
            return [self._weakness(bars, t)]
        if bars.close[t] > support:
            facts.spring, facts.pierced, self.state = facts.lowest, -1, "C"
            return [self._row("spring", facts.spring, t, bars.low[facts.spring])]
        if t - facts.pierced + 1 >= self.params.reclaim_bars:
            return [self._weakness(bars, t)]
        return []

    def _c(self, bars: BarSeries, t: int) -> list[Row]:
        if bars.close[t] < bars.low[self.range.spring]:
            return [self._weakness(bars, t)]
        return self._strength(bars, t)

    def _strength(self, bars: BarSeries, t: int) -> list[Row]:
        rising = bars.close[t] > self.range.resistance and bars.close[t] > bars.open[t]
        if not (rising and self.base.heavy(bars, t, self.params.sos_rv)):
            return []
        self.state, self.range.backed_up = "D", False
        self.range.strength, self.range.strength_high = t, bars.high[t]
        return [self._row("sos", t, t, bars.high[t])]

    def _d(self, bars: BarSeries, t: int) -> list[Row]:
        if 2 * bars.close[t] < self._edges(bars):
            self.state, self.range.pierced = "B", -1
            return [self._row("fail", t, t, bars.close[t])]
        if self.range.backed_up and bars.close[t] > self.range.strength_high:
            self.state = "E"
            return [self._row("markup", t, t, bars.close[t])]
        self.range.strength_high = max(self.range.strength_high, bars.high[t])
        return []

    def _e(self, bars: BarSeries, t: int) -> list[Row]:
        if self.params.abandon_atr is None or not self.base.climax(bars, t):
            return []
        return [self._start(bars, t)]

    # -- swing rules --------------------------------------------------------------------------

    def _swing_high(self, i: int, t: int, bars: BarSeries) -> list[Row]:
        facts = self.range
        rise = bars.high[i] - bars.low[facts.climax]
        if self.state != "A1" or i <= facts.climax or self.params.n * rise < self.params.ar_min * facts.unit:
            return []
        self.state, facts.rally, facts.resistance = "A2", i, bars.high[i]
        return [self._row("ar", i, t, bars.high[i])]

    def _swing_low(self, i: int, t: int, bars: BarSeries) -> list[Row]:
        low = bars.low[i]
        if self.state in ("A2", "B"):
            if i <= self.range.rally or not self._secondary_test(bars, i):
                return []
            kind, self.state = ("st" if self.state == "A2" else "st_b"), "B"
            return [self._row(kind, i, t, low)]
        if self.state == "C" and i > self.range.spring and self._spring_test(bars, i):
            return [self._row("test", i, t, low)]
        if self.state == "D" and i > self.range.strength and self._support_holds(bars, i):
            self.range.backed_up = True
            near = 2 * self.params.n * abs(low - self.range.resistance) <= self.range.unit
            return [self._row("bu" if near else "lps", i, t, low)]
        return []

    def _secondary_test(self, bars: BarSeries, i: int) -> bool:
        support = bars.low[self.range.climax]
        not_deep = 2 * self.params.n * (support - bars.low[i]) <= self.range.unit
        lower_half = 2 * bars.low[i] <= self._edges(bars)
        return not_deep and lower_half and bars.volume[i] < bars.volume[self.range.climax]

    def _spring_test(self, bars: BarSeries, i: int) -> bool:
        support, spring = bars.low[self.range.climax], self.range.spring
        lower_third = 3 * (bars.low[i] - support) <= self.range.resistance - support
        return bars.low[i] > bars.low[spring] and lower_third and bars.volume[i] < bars.volume[spring]

    def _support_holds(self, bars: BarSeries, i: int) -> bool:
        return 2 * bars.low[i] >= self._edges(bars) and bars.volume[i] < bars.volume[self.range.strength]

    # -- transitions --------------------------------------------------------------------------

    def _edges(self, bars: BarSeries) -> int:
        """Support plus resistance: twice the middle of the range."""
        return bars.low[self.range.climax] + self.range.resistance

    def _start(self, bars: BarSeries, t: int) -> Row:
        again = self.last if self.state == "A1" else None
        self.state, self.range = "A1", _Range(t, self.base.range_sum(t))
        self.last = Row("sc", 1, t, t, level=bars.low[t], ref=again, attrs=self._attrs())
        return self.last

    def _weakness(self, bars: BarSeries, t: int) -> Row:
        self.state = "IDLE"
        return self._row("sow", t, t, bars.close[t], direction=-1)

    def _abandoned(self, ticks: int) -> bool:
        limit = self.params.abandon_atr
        return limit is not None and self.params.n * ticks > limit * self.range.unit

    def _fail(self, bars: BarSeries, t: int) -> Row:
        self.state = "IDLE"
        return self._row("fail", t, t, bars.close[t])

    def _attrs(self) -> dict[str, str | int | float | bool | None]:
        return {"phase": self.phase, "schematic": self.schematic}

    def _row(self, kind: str, event: int, t: int, price: int, direction: int = 1) -> Row:
        row = Row(
            kind,
            -1 if kind == "fail" else direction,
            event,
            t,
            level=price,
            ref=None if kind == "ps" else self.last,
            attrs=self._attrs(),
        )
        if kind != "ps":
            self.last = row
        return row


def accumulation(bars: BarSeries, params: WyckoffParams) -> tuple[list[Row], list[str | None]]:
    """Rows of the accumulation machine and its phase after each bar."""
    found, phases = _run(bars, params, "accumulation")
    return ordered(found), phases


def _run(bars: BarSeries, params: WyckoffParams, schematic: str) -> tuple[list[Row], list[str | None]]:
    """Rows in the order in which the machine gave them: a row follows the one it refers to."""
    machine = Accumulation(params, Baselines(bars, params), schematic)
    found: list[Row] = []
    phases: list[str | None] = []
    for t in range(len(bars)):
        found += machine.step(bars, t)
        phases.append(machine.phase)
    return found, phases


def distribution(bars: BarSeries, params: WyckoffParams) -> tuple[list[Row], list[str | None]]:
    """Rows of the mirrored machine under their own names, on the true price axis."""
    found, phases = _run(bars.mirrored(), params, "distribution")
    mirrored: dict[int, Row] = {}
    rows: list[Row] = []
    for row in found:
        level = None if row.level is None else -row.level
        ref = None if row.ref is None else mirrored[id(row.ref)]
        kind = MIRRORED.get(row.kind, row.kind)
        rows.append(Row(kind, -row.dir, row.event_idx, row.known_idx, level=level, ref=ref, attrs=row.attrs))
        mirrored[id(row)] = rows[-1]
    return ordered(rows), phases


def wyckoff(bars: BarSeries, params: WyckoffParams) -> list[Row]:
    """Accumulation and distribution rows of a series; the two machines run side by side."""
    return ordered([*accumulation(bars, params)[0], *distribution(bars, params)[0]])
