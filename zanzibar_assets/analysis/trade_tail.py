"""Trades that come in blocks: the new ones behind the few earlier ones that still matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats
from zanzibar_assets.analysis.running import array, plain
from zanzibar_assets.analysis.tick_sweeps import Trades


@dataclass(frozen=True, slots=True)
class TradeBlock:
    """Trades in one line, of which those from ``first`` on are new; ``least`` is the volume each needs."""

    trades: Trades
    least: Floats
    first: int

    @property
    def new(self) -> Trades:
        """The new trades."""
        return self.trades.part(slice(self.first, None))


class TradeTail:
    """The trades that engines still need, which the next block is joined to."""

    def __init__(self) -> None:
        self.trades, self.least = Trades.of([]), np.empty(0)

    def join(self, new: Trades, least: Floats) -> TradeBlock:
        """Block of new trades; a first one is taken as it is."""
        held = len(self.trades)
        if held == 0:
            return TradeBlock(new, least, 0)
        columns = zip(self.trades.columns(), new.columns(), strict=True)
        trades = Trades(*(np.concatenate(pair) for pair in columns))
        return TradeBlock(trades, np.concatenate((self.least, least)), held)

    def keep(self, block: TradeBlock, start: int) -> None:
        """Keep the block's trades from ``start`` on, apart from the arrays they come from."""
        kept = block.trades.part(slice(start, None))
        self.trades, self.least = Trades(*(c.copy() for c in kept.columns())), block.least[start:].copy()

    def snapshot(self) -> dict[str, Any]:
        """Plain lists, for JSON."""
        columns = [column.tolist() for column in self.trades.columns()]
        return {"trades": columns, "least": plain(self.least)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.trades = Trades.of(list(zip(*saved["trades"], strict=True)))
        self.least = array(saved["least"])
