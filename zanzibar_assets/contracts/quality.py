"""Contracts of what is known of the market data itself: completeness, contracts and rolls."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import TimedFrame, Utc


class SessionCompleteness(TimedFrame):
    """One row a session: what its calendar let expect and what the data hold, as of the last event.

    ``event_ts`` is the session's start, ``known_at`` its last known event (trade, bar close or book):
    minutes are expected up to it and no further, and ``minutes_to_close`` are the open minutes that
    the calendar still holds after it (a running session, or an end that is missing).
    ``seen_minutes`` hold a trade, ``fed_minutes`` a trade or a change of the book: what is missing
    there is silence of the feed, not of the market. ``minutes_since_trade`` are open minutes without a
    trade before that last event. Volumes are in lots; ``volume_reconciles`` compares them exactly, in
    the file's own units. ``swept_pct`` is the part of ``outside_book_pct`` beyond the touch in the
    aggressor's direction. ``touch_volume`` is the volume of trades with a side while a book was known,
    ``vanished_pct`` the part of it that the book saw vanish at the traded price in the same second
    (cancelled orders count too: an upper bound).
    """

    expected_minutes: pl.Int64 = pa.Field(ge=0)
    seen_minutes: pl.Int64 = pa.Field(ge=0)
    fed_minutes: pl.Int64 = pa.Field(ge=0)
    coverage_pct: pl.Float64 = pa.Field(nullable=True, ge=0, le=100)
    minutes_to_close: pl.Int64 = pa.Field(ge=0)
    minutes_since_trade: pl.Float64 = pa.Field(ge=0)
    gaps: pl.Int64 = pa.Field(ge=0)
    silent_gaps: pl.Int64 = pa.Field(ge=0)
    gap_minutes: pl.Float64 = pa.Field(ge=0)
    longest_gap_minutes: pl.Float64 = pa.Field(ge=0)
    tick_volume: pl.Float64 = pa.Field(ge=0)
    bar_volume: pl.Float64 = pa.Field(ge=0)
    tick_bid_volume: pl.Float64 = pa.Field(ge=0)
    bar_bid_volume: pl.Float64 = pa.Field(ge=0)
    tick_ask_volume: pl.Float64 = pa.Field(ge=0)
    bar_ask_volume: pl.Float64 = pa.Field(ge=0)
    volume_reconciles: bool
    quarantined_rows: pl.Int64 = pa.Field(ge=0)
    quarantined_volume: pl.Float64 = pa.Field(nullable=True)
    trades: pl.Int64 = pa.Field(ge=0)
    joined_trades: pl.Int64 = pa.Field(ge=0)
    outside_quote_pct: pl.Float64 = pa.Field(nullable=True, ge=0, le=100)
    outside_book_pct: pl.Float64 = pa.Field(nullable=True, ge=0, le=100)
    swept_pct: pl.Float64 = pa.Field(nullable=True, ge=0, le=100)
    touch_volume: pl.Float64 = pa.Field(ge=0)
    vanished_pct: pl.Float64 = pa.Field(nullable=True, ge=0, le=100)


class SessionGaps(TimedFrame):
    """Open time without a trade longer than ``quality.gap_seconds``: from ``event_ts`` to ``known_at``.

    Measured within the stretches in which the market is open: breaks and the time before the open are
    none. ``place``: from a stretch's start to its first trade, between trades, or to a stretch's end.
    ``book_rows`` are changes of the book within the gap: with none the feed itself was silent.
    """

    minutes: pl.Float64 = pa.Field(gt=0)
    place: str = pa.Field(isin=["at_start", "inside", "at_end"])
    book_rows: pl.Int64 = pa.Field(ge=0)


class SessionCounts(TimedFrame):
    """How many rows of each sort, by session state, as of the last known event.

    ``subject``: ``book`` (states of the book), ``quote`` (of the quotes beside trades), ``flag`` (rows
    that a cleaning rule kept), ``tick_rule`` and ``depth_rule`` (rows that one put aside; the state is
    null where the stamp cannot be true or lies outside the session).
    """

    subject: str = pa.Field(isin=["book", "quote", "flag", "tick_rule", "depth_rule"])
    name: str
    session_state: str = pa.Field(nullable=True, isin=["pre_open", "open", "break"])
    rows: pl.Int64 = pa.Field(gt=0)


class ContractRolls(TimedFrame):
    """The contract of each session, one row a session; where it changes, the roll that begins it.

    ``contract`` is null for instruments without expiry. ``event_ts`` = ``known_at`` = the session's
    start: the gap comes from the session before. ``from_contract`` is null unless the contract is
    another one than in ``from_session``. ``gap_ticks`` = new minus old contract at the same instants
    before the roll (``how`` says how); null where one of them has no file then (``unmeasured``,
    ``reason``). ``adjustment_ticks`` sums the gaps of the rolls since ``chain_from``, past ones only:
    price - adjustment is on the scale of the contract of ``chain_from``, and no later roll changes it.
    A roll without a gap begins a chain of its own.
    """

    session: str
    contract: str = pa.Field(nullable=True)
    from_session: str = pa.Field(nullable=True)
    from_contract: str = pa.Field(nullable=True)
    gap_ticks: pl.Int64 = pa.Field(nullable=True)
    instants: pl.Int64 = pa.Field(ge=0)
    measured_at: Utc = pa.Field(nullable=True)
    how: str = pa.Field(isin=["no_roll", "same_minutes", "unmeasured"])
    reason: str = pa.Field(nullable=True)
    adjustment_ticks: pl.Int64
    chain_from: str


class ContinuousBars(TimedFrame):
    """Bars of the session's contract with what puts them on one scale: ``close - adjustment``.

    ``*_ticks`` are the raw contract's own, never adjusted: what looks at levels reads ``bars``. Adjusted
    prices compare only within one ``chain_from``.
    """

    contract: str = pa.Field(nullable=True)
    open_ticks: pl.Int64
    high_ticks: pl.Int64
    low_ticks: pl.Int64
    close_ticks: pl.Int64
    volume: pl.Float64 = pa.Field(ge=0)
    adjustment_ticks: pl.Int64
    chain_from: str
