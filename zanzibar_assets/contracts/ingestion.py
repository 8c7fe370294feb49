"""Contracts of what comes out of the source files: raw tables, one row a record."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Frame, TimedFrame, Utc


class RawTicks(Frame):
    """Every record of the ``.scid`` file that belongs to the session; nothing is dropped.

    ``seq`` is the record's index in its file, ``contract`` the file's Sierra symbol, ``price`` the
    trade price (close of a bar record), multipliers applied; ``size`` in lots; ``side`` the aggressor
    (+1 buyer, -1 seller, 0 unknown); ``bid``/``ask`` at the trade where the record carries them;
    ``open/high/low`` for bar records; ``trade_id`` joins the sub-trades of one unbundled trade (the
    ``seq`` of its first); ``defect`` names what cannot be true about the record (null when nothing).
    """

    ts_utc: Utc = pa.Field(nullable=True)
    seq: pl.Int64
    contract: str
    kind: str = pa.Field(isin=["trade", "sub_first", "sub_middle", "sub_last", "bar", "quote"])
    price: pl.Float64 = pa.Field(nullable=True)
    size: pl.Float64
    side: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    bid: pl.Float64 = pa.Field(nullable=True)
    ask: pl.Float64 = pa.Field(nullable=True)
    trade_id: pl.Int64 = pa.Field(nullable=True)
    open: pl.Float64 = pa.Field(nullable=True)
    high: pl.Float64 = pa.Field(nullable=True)
    low: pl.Float64 = pa.Field(nullable=True)
    trades: pl.Int64
    bid_volume: pl.Float64
    ask_volume: pl.Float64
    defect: str = pa.Field(nullable=True)


class RawDepth(Frame):
    """Every record of the ``.depth`` files that belongs to the session.

    ``command``: 0 none, 1 clear, 2/3 add bid/ask, 4/5 modify, 6/7 delete; ``flags`` bit 0 ends a
    batch; ``seq`` indexes the record in the file named ``source``.
    """

    ts_utc: Utc = pa.Field(nullable=True)
    seq: pl.Int64
    source: str
    command: pl.UInt8
    flags: pl.UInt8
    num_orders: pl.UInt16
    price: pl.Float64 = pa.Field(nullable=True)
    size: pl.Float64
    defect: str = pa.Field(nullable=True)


class RawNarratives(TimedFrame):
    """Narratives of one session as they came in: ``event_ts`` published, ``known_at`` received."""

    narrative_id: str
    author: str
    text: str
    sha256: str
    source_path: str
    simulated: bool
