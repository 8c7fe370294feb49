"""Quotes for the simulated terminal from what a source recorded.

In this order: best bid and ask of the book where it changed; the bid and ask recorded with trades;
else prices of trades, or paths of bars, with the instrument's declared spread around them, marked
``assumed``. A simulated symbol is quoted on the source's own price level (a future's CFD has
another level; distances carry over), rounded outward to the symbol's tick: the spread is never
smaller than recorded.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.execution.tape import QUOTE_SCHEMA, QuoteTape
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import BookState, RecordKind

_DUST = 1e-9
"""Of a tick: keeps a price that is on the grid from being moved by float dust."""


def build_quotes(
    instrument: Instrument,
    window: SessionWindow,
    clean_dom: pl.DataFrame,
    clean_ticks: pl.DataFrame,
    bars: pl.DataFrame,
) -> pl.DataFrame:
    """Quote rows (``QUOTE_SCHEMA``) of one instrument's session, in time order; prices in MT5 units.

    ``clean_dom``, ``clean_ticks`` and ``bars`` are the session's frames (any may be empty).
    """
    book = _book_quotes(instrument, clean_dom)
    trades = _trade_quotes(instrument, clean_ticks)
    if trades.is_empty():
        trades = _path_quotes(instrument, bars)
    if not book.is_empty():
        first, last = book["time_us"][0], book["time_us"][-1]
        trades = trades.filter((pl.col("time_us") < first) | (pl.col("time_us") > last))
    found = pl.concat([book, trades]).sort("time_us", maintain_order=True)
    inside = (pl.col("time_us") >= window.starts_us) & (pl.col("time_us") < window.close_us)
    return _on_change(found.filter(inside)).select(*QUOTE_SCHEMA)


def build_quote_tape(
    instrument: Instrument,
    window: SessionWindow,
    clean_dom: pl.DataFrame,
    clean_ticks: pl.DataFrame,
    bars: pl.DataFrame,
) -> QuoteTape:
    """Tape of one instrument's session."""
    return QuoteTape.from_frames([build_quotes(instrument, window, clean_dom, clean_ticks, bars)])


def _book_quotes(instrument: Instrument, clean_dom: pl.DataFrame) -> pl.DataFrame:
    normal = clean_dom.filter(
        (pl.col("book_state") == BookState.NORMAL.value)
        & pl.col("bid_ticks_1").is_not_null()
        & pl.col("ask_ticks_1").is_not_null()
    )
    size = instrument.tick_size
    rows = normal.select(
        time="known_at",
        low=pl.col("bid_ticks_1") * size,
        high=pl.col("bid_ticks_1") * size,
        bid=pl.col("bid_ticks_1") * size,
        ask=pl.col("ask_ticks_1") * size,
    )
    return _quoted(instrument, rows, assumed=False)


def _trade_quotes(instrument: Instrument, clean_ticks: pl.DataFrame) -> pl.DataFrame:
    trades = clean_ticks.filter(pl.col("kind") != RecordKind.BAR.value)
    size = instrument.tick_size
    recorded = trades.filter(pl.col("bid_ticks") < pl.col("ask_ticks"))
    if not recorded.is_empty():
        bid, ask = pl.col("bid_ticks") * size, pl.col("ask_ticks") * size
        rows = recorded.select(time="known_at", low=bid, high=bid, bid=bid, ask=ask)
        return _quoted(instrument, rows, assumed=False)
    half = instrument.assumed_spread_ticks * size / 2
    price = pl.col("price_ticks") * size
    priced = trades.filter(pl.col("kind") != RecordKind.QUOTE.value)
    rows = priced.select(
        time="known_at", low=price - half, high=price - half, bid=price - half, ask=price + half
    )
    return _quoted(instrument, rows, assumed=True)


def _path_quotes(instrument: Instrument, bars: pl.DataFrame) -> pl.DataFrame:
    """Two rows a bar: its open, and just before its close the range that it passed through."""
    size = instrument.tick_size
    half = instrument.assumed_spread_ticks * size / 2
    price = {name: pl.col(f"{name}_ticks") * size for name in ("open", "high", "low", "close")}
    opens = bars.select(
        time="event_ts",
        low=price["open"] - half,
        high=price["open"] - half,
        bid=price["open"] - half,
        ask=price["open"] + half,
    )
    paths = bars.select(
        time=pl.col("known_at") - timedelta(microseconds=1),
        low=price["low"] - half,
        high=price["high"] - half,
        bid=price["close"] - half,
        ask=price["close"] + half,
    )
    rows = pl.concat([opens, paths]).sort("time", maintain_order=True)
    return _quoted(instrument, rows, assumed=True)


def _quoted(instrument: Instrument, rows: pl.DataFrame, *, assumed: bool) -> pl.DataFrame:
    traded = instrument.mt5

    def down(name: str) -> pl.Expr:
        steps = (pl.col(name) / traded.tick_size + _DUST).floor()
        return (steps * traded.tick_size).round(traded.digits)

    def up(name: str) -> pl.Expr:
        steps = (pl.col(name) / traded.tick_size - _DUST).ceil()
        return (steps * traded.tick_size).round(traded.digits)

    return rows.select(
        time_us=pl.col("time").dt.epoch("us"),
        instrument=pl.lit(instrument.id),
        mt5_symbol=pl.lit(traded.symbol),
        bid=down("bid"),
        ask=up("ask"),
        bid_low=down("low"),
        bid_high=down("high"),
        assumed=pl.lit(assumed),
    ).cast(pl.Schema(QUOTE_SCHEMA))


def _on_change(quotes: pl.DataFrame) -> pl.DataFrame:
    """Rows that change the quote; a path row always stays."""
    changed = pl.any_horizontal(
        (pl.col(name) != pl.col(name).shift(1)).fill_null(True) for name in ("bid", "ask", "assumed")
    )
    path = pl.col("bid_low") != pl.col("bid_high")
    second = (pl.col("time_us") // 1_000_000 != (pl.col("time_us") // 1_000_000).shift(1)).fill_null(True)
    # one row a second stays even without a change: a quote that is confirmed is not stale
    return quotes.filter(changed | path | second)
