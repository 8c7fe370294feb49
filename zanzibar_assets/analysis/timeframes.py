"""Higher timeframes built from the bars at hand, each known at its own close.

A higher bar gathers the bars of one session whose opens share a span of the clock (spans count from
midnight UTC). It is closed, and its facts are known, when the span has ended: at that moment, not at
the stamps of the bars inside it. A span that still runs gives no bar, so nothing of it can leak; a
look-up of higher facts joins on ``known_at``, never on ``event_ts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.vocabulary import US_PER_SECOND


@dataclass(frozen=True, slots=True)
class HigherBars:
    """Closed bars of a longer span, with open and close stamps and the first bar inside each.

    ``known_idx`` is the first lower bar that closes at or after the higher bar's close; the number of
    lower bars where none has yet, which cannot be for a bar that is closed by the last of them.
    """

    block: BarBlock
    opens_us: Ints
    closes_us: Ints
    first_idx: Ints
    known_idx: Ints

    def __len__(self) -> int:
        return len(self.block)


def higher_bars(block: BarBlock, opens_us: Ints, closes_us: Ints, seconds: int) -> HigherBars:
    """Bars of ``seconds`` out of shorter ones; empty where no span has closed."""
    span = seconds * US_PER_SECOND
    if not len(block):
        nothing = np.empty(0, np.int64)
        return HigherBars(block, nothing, nothing, nothing, nothing)
    spans = opens_us // span
    starts = np.flatnonzero(np.diff(spans, prepend=spans[0] - 1) | np.diff(block.sessions, prepend=-1))
    ends = (spans[starts] + 1) * span
    closed = int((ends <= closes_us[-1]).sum())
    sides, volume, last = _gathered(block, starts)
    return HigherBars(
        BarBlock(np.ascontiguousarray(sides[:, :closed]), volume[:closed], block.sessions[last[:closed]]),
        opens_us[starts[:closed]],
        ends[:closed],
        starts[:closed],
        np.searchsorted(closes_us, ends[:closed], side="left").astype(np.int64),
    )


class HigherStream:
    """Longer bars of bars that come in blocks; what is held are the bars of the span that still runs.

    Give the longer bars to a ``StructureStream`` of their own and its rows are known at their closes.
    """

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.ohlc: Ints = np.empty((4, 0), np.int64)
        self.volume: Floats = np.empty(0)
        self.sessions: Ints = np.empty(0, np.int64)
        self.stamps: Ints = np.empty((2, 0), np.int64)
        self.dropped = 0

    def feed(self, block: BarBlock, opens_us: Ints, closes_us: Ints) -> HigherBars:
        """Longer bars whose span new bars end; ``first_idx`` and ``known_idx`` count all bars ever given."""
        held = self.ohlc.shape[1]
        self.ohlc = np.concatenate((self.ohlc, block.ohlc), axis=1)
        self.volume = np.concatenate((self.volume, block.volume))
        self.sessions = np.concatenate((self.sessions, block.sessions))
        self.stamps = np.concatenate((self.stamps, [opens_us, closes_us]), axis=1)
        if self.ohlc.shape[1] == held:
            return higher_bars(block, opens_us, closes_us, self.seconds)
        held_block = BarBlock(self.ohlc, self.volume, self.sessions)
        found = higher_bars(held_block, self.stamps[0], self.stamps[1], self.seconds)
        dropped = self.dropped
        if len(found):
            self._forget(self._rows_of(found))
        return replace(found, first_idx=found.first_idx + dropped, known_idx=found.known_idx + dropped)

    def _rows_of(self, found: HigherBars) -> int:
        """Rows up to the first bar after the last closed span."""
        last = int(found.first_idx[-1])
        of_span = self.stamps[0, last:] < found.closes_us[-1]
        same = of_span & (self.sessions[last:] == self.sessions[last])
        return last + int(np.count_nonzero(same))

    def _forget(self, count: int) -> None:
        self.ohlc, self.volume = self.ohlc[:, count:], self.volume[count:]
        self.sessions, self.stamps = self.sessions[count:], self.stamps[:, count:]
        self.dropped += count

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "ohlc": self.ohlc.tolist(),
            "volume": self.volume.tolist(),
            "sessions": self.sessions.tolist(),
            "stamps": self.stamps.tolist(),
            "dropped": self.dropped,
        }

    def restore(self, saved: Mapping[str, Any]) -> HigherStream:
        """This new stream, going on where a snapshot was taken."""
        self.ohlc = np.array(saved["ohlc"], np.int64).reshape(4, -1)
        self.volume = np.array(saved["volume"], np.float64)
        self.sessions = np.array(saved["sessions"], np.int64)
        self.stamps = np.array(saved["stamps"], np.int64).reshape(2, -1)
        self.dropped = int(saved["dropped"])
        return self


def _gathered(block: BarBlock, starts: Ints) -> tuple[Ints, Floats, Ints]:
    """OHLC and volume of the groups that begin at ``starts``, and the last bar of each."""
    last = np.append(starts[1:], len(block)) - 1
    sides = np.stack(
        [
            block.ohlc[0, starts],
            np.maximum.reduceat(block.ohlc[1], starts),
            np.minimum.reduceat(block.ohlc[2], starts),
            block.ohlc[3, last],
        ]
    )
    return sides, np.add.reduceat(block.volume, starts), last
