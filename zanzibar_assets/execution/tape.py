"""Quote tapes: recorded bid and ask in time order, one tape an MT5 symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import ExecutionError

QUOTE_SCHEMA: dict[str, pl.DataType] = {
    "time_us": pl.Int64(),
    "instrument": pl.String(),
    "mt5_symbol": pl.String(),
    "bid": pl.Float64(),
    "ask": pl.Float64(),
    "bid_low": pl.Float64(),
    "bid_high": pl.Float64(),
    "assumed": pl.Boolean(),
}
"""A quote row. ``bid_low``/``bid_high`` differ from ``bid`` where a row stands for a bar's path."""


@dataclass(frozen=True, slots=True)
class SymbolTape:
    """Quotes of one symbol; equal-length arrays in time order (UTC microseconds).

    The asks of a path row stand a row's spread above its bids.
    """

    symbol: str
    instrument: str
    times_us: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    bid_low: NDArray[np.float64]
    bid_high: NDArray[np.float64]
    ask_low: NDArray[np.float64]
    ask_high: NDArray[np.float64]
    assumed: NDArray[np.bool_]

    def index_at(self, stamp_us: int) -> int:
        """Index of the last quote at or before an instant; -1 before the first."""
        return int(np.searchsorted(self.times_us, stamp_us, side="right")) - 1


@dataclass(frozen=True, slots=True)
class QuoteTape:
    """Tapes by MT5 symbol."""

    symbols: Mapping[str, SymbolTape] = field(default_factory=dict)

    @classmethod
    def from_frames(cls, frames: Iterable[pl.DataFrame]) -> QuoteTape:
        """Tape of quote frames (``QUOTE_SCHEMA``); two instruments on one symbol are refused."""
        tapes: dict[str, SymbolTape] = {}
        for frame in frames:
            for part in frame.partition_by("mt5_symbol", "instrument", maintain_order=True):
                tape = _symbol_tape(part)
                if tape.symbol in tapes:
                    raise ExecutionError(
                        f"two quote sources for the symbol {tape.symbol}",
                        got=f"{tapes[tape.symbol].instrument} and {tape.instrument}",
                        action="give each instrument its own mt5.symbol in instruments.yaml",
                    )
                tapes[tape.symbol] = tape
        return cls(dict(sorted(tapes.items())))

    def of_instrument(self, instrument_id: str) -> SymbolTape | None:
        """Tape of an instrument, or None when nothing was quoted."""
        return next((t for t in self.symbols.values() if t.instrument == instrument_id), None)


def _symbol_tape(part: pl.DataFrame) -> SymbolTape:
    times = part["time_us"].to_numpy().astype(np.int64)
    if np.any(np.diff(times) < 0):
        raise ExecutionError(f"quotes of {part['mt5_symbol'][0]} are not in time order")

    def column(name: str) -> NDArray[np.float64]:
        return part[name].to_numpy().astype(np.float64)

    bid, ask = column("bid"), column("ask")
    low, high = column("bid_low"), column("bid_high")
    return SymbolTape(
        symbol=part["mt5_symbol"][0],
        instrument=part["instrument"][0],
        times_us=times,
        bid=bid,
        ask=ask,
        bid_low=low,
        bid_high=high,
        ask_low=np.where(low == bid, ask, np.round(low + (ask - bid), 9)),
        ask_high=np.where(high == bid, ask, np.round(high + (ask - bid), 9)),
        assumed=part["assumed"].to_numpy().astype(np.bool_),
    )
