"""Higher timeframes built from the bars at hand, each known at its own close.

A higher bar gathers the bars of one session whose opens share a span of the clock (spans count from
midnight UTC). It is closed, and its facts are known, when the span has ended: at that moment, not at
the stamps of the bars inside it. A span that still runs gives no bar, so nothing of it can leak; a
look-up of higher facts joins on ``known_at``, never on ``event_ts``.
"""

from __future__ import annotations

from dataclasses import dataclass

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
