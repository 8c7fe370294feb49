"""Contracts of cleaned market data and of what was put aside."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Frame, TimedFrame, Utc
from zanzibar_assets.vocabulary import DOM_LEVELS


class CleanTicks(TimedFrame):
    """Trades and bar records on the tick grid, in the order known.

    ``known_at`` equals ``event_ts`` for trades and is the bar's close for bar records. A row that came
    late, or whose price had to be confirmed, is dated when it could first be known or believed:
    ``late_us`` is how much earlier its own stamp is (``event_ts - late_us`` is what the file says) and
    ``flag`` the rule that kept it. ``side`` is
    resolved (``sign_source`` says how); ``outside_quote`` marks trades outside the recorded quote.
    ``contract`` is the file's Sierra symbol. ``bid_volume``/``ask_volume`` of trades follow the
    resolved side, those of bar records are the record's own; ``quote`` rows have no size or trades.
    """

    seq: pl.Int64
    contract: str
    kind: str = pa.Field(isin=["trade", "sub_first", "sub_middle", "sub_last", "bar", "quote"])
    price_ticks: pl.Int64
    price: pl.Float64
    size: pl.Float64 = pa.Field(ge=0)
    side: pl.Int8 = pa.Field(isin=[-1, 0, 1])
    sign_source: str = pa.Field(isin=["flag", "quote", "tick", "none"])
    bid_ticks: pl.Int64 = pa.Field(nullable=True)
    ask_ticks: pl.Int64 = pa.Field(nullable=True)
    outside_quote: bool = pa.Field(nullable=True)
    trade_id: pl.Int64 = pa.Field(nullable=True)
    open_ticks: pl.Int64 = pa.Field(nullable=True)
    high_ticks: pl.Int64 = pa.Field(nullable=True)
    low_ticks: pl.Int64 = pa.Field(nullable=True)
    trades: pl.Int64
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    session_state: str = pa.Field(isin=["pre_open", "open", "break"])
    late_us: pl.Int64 = pa.Field(ge=0)
    flag: str = pa.Field(nullable=True, isin=["out_of_order", "clock_set_back", "jump_confirmed"])


class _DomBase(TimedFrame):
    seq: pl.Int64
    snapshot: bool
    session_state: str = pa.Field(isin=["pre_open", "open", "break"])
    book_state: str = pa.Field(isin=["normal", "locked", "crossed", "one_sided", "empty"])


class CleanDom(_DomBase):
    """Top of the book after each batch that changed it: five levels a side, best first.

    Prices in ticks, sizes in lots; a missing level is null. ``seq`` is the batch's last record.
    ``snapshot``: the batch set the book anew (CLEAR to its end), so that the difference to the row
    before is no order flow.
    """

    bid_ticks_1: pl.Int64 = pa.Field(nullable=True)
    bid_size_1: pl.Float64 = pa.Field(nullable=True)
    ask_ticks_1: pl.Int64 = pa.Field(nullable=True)
    ask_size_1: pl.Float64 = pa.Field(nullable=True)
    bid_ticks_2: pl.Int64 = pa.Field(nullable=True)
    bid_size_2: pl.Float64 = pa.Field(nullable=True)
    ask_ticks_2: pl.Int64 = pa.Field(nullable=True)
    ask_size_2: pl.Float64 = pa.Field(nullable=True)
    bid_ticks_3: pl.Int64 = pa.Field(nullable=True)
    bid_size_3: pl.Float64 = pa.Field(nullable=True)
    ask_ticks_3: pl.Int64 = pa.Field(nullable=True)
    ask_size_3: pl.Float64 = pa.Field(nullable=True)
    bid_ticks_4: pl.Int64 = pa.Field(nullable=True)
    bid_size_4: pl.Float64 = pa.Field(nullable=True)
    ask_ticks_4: pl.Int64 = pa.Field(nullable=True)
    ask_size_4: pl.Float64 = pa.Field(nullable=True)
    bid_ticks_5: pl.Int64 = pa.Field(nullable=True)
    bid_size_5: pl.Float64 = pa.Field(nullable=True)
    ask_ticks_5: pl.Int64 = pa.Field(nullable=True)
    ask_size_5: pl.Float64 = pa.Field(nullable=True)


assert DOM_LEVELS == 5, "CleanDom declares five levels a side"


class Quarantine(Frame):
    """Rows put aside: which record, which rule, and what was found.

    ``ts_utc`` is null when the stamp itself cannot be true; ``byte_offset`` points into ``source``.
    """

    ts_utc: Utc = pa.Field(nullable=True)
    seq: pl.Int64
    source: str
    byte_offset: pl.Int64
    rule: str
    detail: str
    price: pl.Float64 = pa.Field(nullable=True)
    size: pl.Float64 = pa.Field(nullable=True)
