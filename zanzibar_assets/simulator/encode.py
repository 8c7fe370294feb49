"""A session's tape as Sierra's records: one ``.scid`` part and one ``.depth`` part a UTC day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ConfigError
from zanzibar_assets.ingestion.formats import (
    DEPTH_DTYPE,
    FIRST_SUB_TRADE,
    INT_MAX,
    LAST_SUB_TRADE,
    SCID_DTYPE,
    pack_depth_header,
    pack_scid_header,
    sierra_stamps,
    unix_stamps,
)
from zanzibar_assets.instruments import Instrument, Source
from zanzibar_assets.simulator.path import utc_day
from zanzibar_assets.vocabulary import US_PER_SECOND

Records = NDArray[Any]
Ints = NDArray[np.int64]

DEPTH_FOLDER: Final = "MarketDepthData"
DAY_US: Final = 86_400 * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class FilePart:
    """Records that one session adds to one file; ``path`` is relative to the output folder."""

    path: PurePosixPath
    header: bytes
    records: Records

    @property
    def stamps_us(self) -> Ints:
        """UTC microseconds of the records."""
        return unix_stamps(self.records["stamp"])[0]


@dataclass(frozen=True, slots=True)
class SessionRecords:
    """All that one instrument's session adds to the folder."""

    instrument: str
    session: str
    symbol: str
    ticks: FilePart
    depth: tuple[FilePart, ...]
    next_ticks: FilePart | None = None

    @property
    def parts(self) -> tuple[FilePart, ...]:
        """Trades first, then the depth files in day order, then the next contract's trades."""
        return (self.ticks, *self.depth, *((self.next_ticks,) if self.next_ticks else ()))


def encode_session(
    instrument: Instrument, session: str, symbol: str, trades: Ints, depth: Ints
) -> SessionRecords:
    """Records of a session's tape (columns as in ``book.Tape``) under the symbol's file names."""
    source = instrument.source_of(symbol)
    if source is None:
        raise ConfigError(f"symbol {symbol} feeds no source of {instrument.id}")
    ticks = FilePart(
        PurePosixPath(f"{symbol}.scid"),
        pack_scid_header(simulated=True),
        encode_trades(trades, instrument, source),
    )
    records = encode_depth(depth, instrument, source)
    days = depth[:, 0] // DAY_US
    parts = []
    for day in np.unique(days):
        name = f"{symbol}.{utc_day(int(day) * DAY_US)}.depth"
        path = PurePosixPath(DEPTH_FOLDER) / name
        parts.append(FilePart(path, pack_depth_header(simulated=True), records[days == day]))
    return SessionRecords(instrument.id, session, symbol, ticks, tuple(parts))


def encode_trades(trades: Ints, instrument: Instrument, source: Source) -> Records:
    """``.scid`` records: the quote in low and high, the aggressor's volume on its side."""
    records = np.zeros(len(trades), dtype=SCID_DTYPE)
    kind, size, side = trades[:, 1], _sizes(trades[:, 5]), trades[:, 6]
    records["stamp"] = sierra_stamps(trades[:, 0])
    records["open"] = np.select([kind == 1, kind == 3], [FIRST_SUB_TRADE, LAST_SUB_TRADE], np.float32(0))
    records["close"] = _prices(trades[:, 2], instrument, source)
    records["low"] = _prices(trades[:, 3], instrument, source)
    records["high"] = _prices(trades[:, 4], instrument, source)
    records["trades"] = 1
    records["volume"] = size
    records["bid_volume"] = np.where(side < 0, size, 0)
    records["ask_volume"] = np.where(side > 0, size, 0)
    return records


def encode_depth(depth: Ints, instrument: Instrument, source: Source) -> Records:
    """``.depth`` records of depth rows."""
    records = np.zeros(len(depth), dtype=DEPTH_DTYPE)
    records["stamp"] = sierra_stamps(depth[:, 0])
    records["command"] = depth[:, 1]
    records["flags"] = depth[:, 2]
    records["num_orders"] = depth[:, 3]
    records["price"] = _prices(depth[:, 4], instrument, source)
    records["quantity"] = _sizes(depth[:, 5])
    return records


def _prices(ticks: Ints, instrument: Instrument, source: Source) -> NDArray[np.float32]:
    return (ticks * (instrument.tick_size / source.price_multiplier)).astype(np.float32)


def _sizes(units: Ints) -> NDArray[np.uint32]:
    if len(units) and (units.min() < 0 or units.max() > INT_MAX):
        raise ConfigError("simulated sizes do not fit a record", expected=f"0 to {INT_MAX}")
    return units.astype(np.uint32)
