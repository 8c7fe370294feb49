"""Bars as the compiled engines take them: a block of new bars behind the few earlier ones they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.engine import BarSeries


@dataclass(frozen=True, slots=True)
class BarBlock:
    """Consecutive bars: ``ohlc`` in integer ticks (4, n), volume, and a number per session."""

    ohlc: Ints
    volume: Floats
    sessions: Ints

    def __len__(self) -> int:
        return int(self.ohlc.shape[1])

    @classmethod
    def of(cls, bars: BarSeries, sessions: Sequence[int] | None = None) -> BarBlock:
        """Block of a series; without ``sessions`` all bars share one."""
        sides = (bars.open, bars.high, bars.low, bars.close)
        ohlc = np.array(sides, dtype=np.int64).reshape(4, len(bars))
        numbers = np.zeros(len(bars), np.int64) if sessions is None else np.array(sessions, np.int64)
        return cls(ohlc, np.array(bars.volume, dtype=np.float64), numbers)

    def series(self) -> BarSeries:
        """The bars as plain lists."""
        o, h, low, c = (side.tolist() for side in self.ohlc)
        return BarSeries(o, h, low, c, self.volume.tolist())

    def part(self, start: int, end: int) -> BarBlock:
        """Bars ``start`` to ``end``."""
        return BarBlock(
            np.ascontiguousarray(self.ohlc[:, start:end]), self.volume[start:end], self.sessions[start:end]
        )

    def mirrored(self) -> BarBlock:
        """The same bars on the negated price axis."""
        return BarBlock(-self.ohlc[[0, 2, 1, 3]], self.volume, self.sessions)


@dataclass(frozen=True, slots=True)
class Window:
    """Bars in one line; the new ones start at column ``first``, column 0 is bar ``base`` of the series."""

    bars: BarBlock
    first: int
    base: int


class BarTail:
    """The last ``keep`` bars of a stream, which the next block is joined to."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.seen = 0
        self.bars = BarBlock(np.empty((4, 0), np.int64), np.empty(0), np.empty(0, np.int64))

    def join(self, block: BarBlock) -> Window:
        """Window of a block of new bars."""
        held = len(self.bars)
        if held:
            block = BarBlock(
                np.concatenate((self.bars.ohlc, block.ohlc), axis=1),
                np.concatenate((self.bars.volume, block.volume)),
                np.concatenate((self.bars.sessions, block.sessions)),
            )
        window = Window(block, held, self.seen - held)
        self.seen += len(block) - held
        self.bars = block.part(max(0, len(block) - self.keep), len(block))
        return window

    def snapshot(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "seen": self.seen,
            "ohlc": self.bars.ohlc.tolist(),
            "volume": self.bars.volume.tolist(),
            "sessions": self.bars.sessions.tolist(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.seen = int(saved["seen"])
        ohlc = np.array(saved["ohlc"], dtype=np.int64).reshape(4, -1)
        volume, sessions = np.array(saved["volume"], np.float64), np.array(saved["sessions"], np.int64)
        self.bars = BarBlock(ohlc, volume, sessions)
