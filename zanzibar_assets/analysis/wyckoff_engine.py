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

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.columns import EngineState, as_rows, merge, refuse_other
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.kinds import (
    ACCUMULATION_ROWS,
    CODES,
    DIR,
    DISTRIBUTION_ROWS,
    KIND,
    KINDS,
    LEVEL,
    WIDTH,
)
from zanzibar_assets.analysis.windows import BarBlock, BarTail, Window
from zanzibar_assets.analysis.wyckoff_rules import MIRRORED, PHASES, WyckoffParams
from zanzibar_assets.config import stable_hash

ROWS_PER_BAR = 4
STATE_FORMAT = 1


class WyckoffMachine(EngineState):
    """One machine: ``side`` +1 looks for accumulation, -1 for distribution."""

    def __init__(self, params: WyckoffParams, side: int) -> None:
        from zanzibar_assets.analysis import _wyckoff_kernels as kernels

        self.params, self.side = params, side
        self.volumes: Floats = np.zeros(kernels.VOLUMES)
        facts = np.zeros(kernels.FACTS, np.int64)
        facts[kernels.F_ENGINE] = ACCUMULATION_ROWS if side > 0 else DISTRIBUTION_ROWS
        super().__init__({"facts": facts})

    @property
    def lookback(self) -> int:
        """Earlier bars that a window needs."""
        return max(self.params.n + 1, self.params.trend_n + 1, 2 * self.params.w)

    def feed(self, window: Window) -> tuple[Ints, Ints]:
        """Rows that the new bars of a window make known, and the phase (0 to 5) after each of them."""
        from zanzibar_assets.analysis._event_kernels import range_sums
        from zanzibar_assets.analysis._wyckoff_kernels import wyckoff_rows

        p, bars = self.params, window.bars if self.side > 0 else window.bars.mirrored()
        counts = np.array([p.n, p.trend_n, p.reclaim_bars, p.w])
        limit = -1.0 if p.abandon_atr is None else p.abandon_atr
        multiples = np.array(
            [p.trend_k, p.ps_rv, p.sc_rv, p.sc_rs, p.ar_min, p.spring_max, p.sos_rv, limit], np.float64
        )
        out = np.empty((WIDTH, ROWS_PER_BAR * (len(bars) - window.first) | 1), np.int64)
        sums = range_sums(bars.ohlc, window.first, window.base, p.n)
        data = (np.ascontiguousarray(bars.ohlc), bars.volume, sums)
        facts = self.arrays["facts"]
        count, phases = wyckoff_rows(
            data, window.first, window.base, counts, multiples, facts, self.volumes, out
        )
        return (out[:, :count] if self.side > 0 else _true_axis(np.ascontiguousarray(out[:, :count]))), phases

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {**super().snapshot(), "volumes": self.volumes.tolist()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        super().restore(saved)
        self.volumes = np.array(saved["volumes"], dtype=np.float64)


def _true_axis(table: Ints) -> Ints:
    """Rows of the mirrored machine under their own names, in true prices, ordered anew within a bar."""
    from zanzibar_assets.analysis._event_kernels import settle_all

    names = np.array([CODES[MIRRORED.get(name, name)] for name in KINDS])
    table[KIND] = names[table[KIND]]
    table[DIR], table[LEVEL] = -table[DIR], -table[LEVEL]
    settle_all(table)
    return table


class WyckoffStream:
    """Both machines side by side over one series, in blocks of any size."""

    def __init__(self, params: WyckoffParams) -> None:
        self.params = params
        self.machines = {side: WyckoffMachine(params, side) for side in (1, -1)}
        self.tail = BarTail(self.machines[1].lookback)

    def feed(self, block: BarBlock) -> Ints:
        """Rows that a block of new bars makes known, in their order."""
        window = self.tail.join(block)
        return merge([machine.feed(window)[0] for machine in self.machines.values()])

    def snapshot(self) -> dict[str, Any]:
        """State as a document that ``json.dumps`` takes."""
        machines = {str(side): machine.snapshot() for side, machine in self.machines.items()}
        return {
            "format": STATE_FORMAT,
            "params_hash": stable_hash(asdict(self.params)),
            "tail": self.tail.snapshot(),
            "machines": machines,
        }

    @classmethod
    def restore(cls, saved: Mapping[str, Any], params: WyckoffParams) -> WyckoffStream:
        """Stream that goes on where a snapshot was taken; refuses one of other parameters."""
        refuse_other(saved, STATE_FORMAT, stable_hash(asdict(params)))
        stream = cls(params)
        stream.tail.restore(saved["tail"])
        for side, machine in stream.machines.items():
            machine.restore(saved["machines"][str(side)])
        return stream


def _one_side(bars: BarSeries, params: WyckoffParams, side: int) -> tuple[list[Row], list[str | None]]:
    machine = WyckoffMachine(params, side)
    table, phases = machine.feed(BarTail(machine.lookback).join(BarBlock.of(bars)))
    return as_rows(table), [PHASES[phase] for phase in phases]


def accumulation(bars: BarSeries, params: WyckoffParams) -> tuple[list[Row], list[str | None]]:
    """Rows of the accumulation machine and its phase after each bar."""
    return _one_side(bars, params, 1)


def distribution(bars: BarSeries, params: WyckoffParams) -> tuple[list[Row], list[str | None]]:
    """Rows of the mirrored machine under their own names, on the true price axis."""
    return _one_side(bars, params, -1)


def wyckoff(bars: BarSeries, params: WyckoffParams) -> list[Row]:
    """Accumulation and distribution rows of a series; the two machines run side by side."""
    return as_rows(WyckoffStream(params).feed(BarBlock.of(bars)))
