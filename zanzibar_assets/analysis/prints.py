"""Single trades as they come: their footprint, absorptions and refills, which features and events share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records
from zanzibar_assets.analysis.absorption import (
    AbsorptionEngine,
    AbsorptionParams,
    Absorptions,
    RefillEngine,
    RefillParams,
    Refills,
    volume_thresholds,
)
from zanzibar_assets.analysis.book import Book
from zanzibar_assets.analysis.footprint import MIN_UNITS, Footprint, footprint
from zanzibar_assets.analysis.level_sweeps import trades_of
from zanzibar_assets.analysis.running import Running, array, plain
from zanzibar_assets.analysis.trade_tail import TradeBlock, TradeTail
from zanzibar_assets.instruments import Instrument


@dataclass(frozen=True, slots=True)
class BarPrintsInput:
    """Records of closed bars and the bar of each; their trades' bar and signed size (lots); footprint.

    ``least`` is the volume that an absorption needs in each of the bars, and in the one after them.
    """

    records: Records
    index: Ints
    bar: Ints
    signed: Floats
    footprint: Footprint
    least: Floats


@dataclass(frozen=True, slots=True)
class Found:
    """What newly known trades and updates decided."""

    block: TradeBlock
    absorptions: Absorptions
    refills: tuple[Refills, Refills]


class PrintStage:
    """Footprint of bars as they close, absorptions and refills as they become known."""

    def __init__(self, instrument: Instrument) -> None:
        self.unit = min(source.volume_multiplier for source in instrument.sources)
        self.params = AbsorptionParams()
        self.memory, self.tail = Running(), TradeTail()
        self.next_least = np.array([np.nan])
        self.absorptions = AbsorptionEngine(self.params)
        self.refills = tuple(RefillEngine(resting, RefillParams()) for resting in (1, -1))

    def bars(self, records: Records, index: Ints, count: int) -> BarPrintsInput:
        """Prints of ``count`` bars that closed; ``index`` is the bar of each of their records."""
        single = ~records.is_bar
        bar, sold, bought = index[single], records.sell[single], records.buy[single]
        price = records.price_ticks[single].astype(np.int64)
        prints = footprint(bar, price, sold, bought, self.unit, MIN_UNITS * self.unit)
        after = volume_thresholds(prints, count, self.unit, self.params, self.memory)
        least = np.concatenate((self.next_least, after))
        self.next_least = least[-1:].copy()
        return BarPrintsInput(records, index, bar, bought - sold, prints, least)

    def feed(self, records: Records, least: Floats, book: Book, rows: slice) -> Found:
        """What new records and new ``rows`` of the book decide; ``least`` is the threshold of each record."""
        single = ~records.is_bar
        block = self.tail.join(trades_of(records), least[single])
        absorbed = self.absorptions.feed(block.trades, block.first, block.least)
        bids, asks = (engine.feed(block.new, book, rows) for engine in self.refills)
        return Found(block, absorbed, (bids, asks))

    def keep(self, block: TradeBlock, start: int) -> int:
        """Drop trades that nothing needs any more (others need those from ``start`` on); how many."""
        start = min(start, self.absorptions.needs, len(block.trades))
        self.tail.keep(block, start)
        self.absorptions.dropped(start)
        return start

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "memory": self.memory.snapshot(),
            "tail": self.tail.snapshot(),
            "next_least": plain(self.next_least),
            "absorptions": self.absorptions.snapshot(),
            "refills": [engine.snapshot() for engine in self.refills],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.memory.restore(saved["memory"])
        self.tail.restore(saved["tail"])
        self.next_least = array(saved["next_least"])
        self.absorptions.restore(saved["absorptions"])
        for engine, state in zip(self.refills, saved["refills"], strict=True):
            engine.restore(state)


