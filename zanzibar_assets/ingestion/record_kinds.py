"""What one Sierra intraday record is: by the bits of its Open, and by the unbundled trade around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.vocabulary import US_PER_SECOND, RecordKind

SUB_TRADE_SPAN_US = US_PER_SECOND
"""Sub-trades share one transaction time; a FIRST whose LAST is missing stops gathering after this."""
KINDS = [kind.value for kind in RecordKind]
TRADE, FIRST, MIDDLE, LAST, BAR, QUOTE = range(6)
"""Codes into ``KINDS``."""
DEFECTS = [
    "",
    "impossible_stamp",
    "count_over_int_max",
    "nan_price",
    "nonpositive_price",
    "bar_range",
    "off_grid",
]
"""What cannot be true about a record, by code; 0 is nothing."""

Bools = NDArray[np.bool_]
Records = NDArray[np.void]


@dataclass(slots=True)
class GroupState:
    """The unbundled trade that is open between two chunks: seq and stamp of its FIRST, -1 when none."""

    seq: int = -1
    stamp_us: int = 0


def _bits(records: Records) -> NDArray[np.uint32]:
    with np.errstate(over="ignore"):  # a text line can say more than float32 holds
        return np.ascontiguousarray(records["open"], dtype="<f4").view("<u4")


def single_trades(records: Records) -> tuple[Bools, Bools, Bools]:
    """Which records are single trades, and of these which are FIRST and LAST sub-trades."""
    bits = _bits(records)
    first, last = bits == formats.FIRST_SUB_TRADE_BITS, bits == formats.LAST_SUB_TRADE_BITS
    zero = (bits & 0x7FFFFFFF) == 0
    return (zero & (records["trades"] <= 1)) | first | last, first, last


def flat_ticks(records: Records) -> Bools:
    """Records of at most one trade whose four prices agree: plain ticks, or the bars of a quiet market."""
    close = records["close"]
    same = (records["open"] == close) & (records["high"] == close) & (records["low"] == close)
    return np.asarray(same & (records["trades"] <= 1))


def record_kinds(
    records: Records, seq: NDArray[np.int64], unix: NDArray[np.int64], state: GroupState, *, bars_only: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Kind code and trade id (-1: none) of each record; a trade's id is the seq of its FIRST."""
    single, first, last = single_trades(records)
    plain = np.zeros(len(records), dtype=bool) if bars_only else flat_ticks(records) & ~single
    kind = np.where(single | plain, TRADE, BAR).astype(np.uint8)
    quote = single & ~first & ~last & (records["trades"] == 1) & (records["volume"] == 0)
    quote &= (records["high"] != 0) & (records["low"] != 0)
    kind[quote] = QUOTE
    group = _group_of(seq, unix, first, last, single, state)
    kind[single & ~quote & (group >= 0)] = MIDDLE
    kind[first], kind[last] = FIRST, LAST
    return kind, np.where(quote, -1, group)


def _group_of(
    seq: NDArray[np.int64],
    unix: NDArray[np.int64],
    first: Bools,
    last: Bools,
    single: Bools,
    state: GroupState,
) -> NDArray[np.int64]:
    """Seq of the FIRST whose trade each record belongs to, -1 outside: by state, never by pairs."""
    if not len(seq):
        return seq
    base = int(seq[0])
    opened = np.maximum.accumulate(np.where(first, seq, state.seq))
    closed = np.concatenate(([-1], np.maximum.accumulate(np.where(last, seq, -1))[:-1]))
    before = np.maximum(opened - base, 0)
    opened_us = np.where(opened >= base, unix[before], state.stamp_us)
    within = (opened > closed) & (opened >= 0) & (np.abs(unix - opened_us) <= SUB_TRADE_SPAN_US)
    end_open = opened[-1] > max(closed[-1], int(seq[-1]) if last[-1] else -1)
    state.seq, state.stamp_us = (int(opened[-1]), int(opened_us[-1])) if end_open else (-1, 0)
    return np.where(within & single, opened, -1)
