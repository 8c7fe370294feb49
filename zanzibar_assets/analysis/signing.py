"""Trade signs without a flag: quote rule, tick rule and Lee-Ready, and how often they are right.

The exchange's flag is used where there is one. ``confusion`` measures the rules against it on the
session's own trades, so that signs of a feed without flags can be judged.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, Records, load_records
from zanzibar_assets.analysis.book import Book, load_book, rows_known
from zanzibar_assets.vocabulary import RecordKind, SignSource

SIDES = (-1, 0, 1)


def tick_rule(price: Floats) -> Ints:
    """Sign of the last price change; 0 until the first one."""
    change = np.sign(np.diff(price, prepend=price[:1])).astype(np.int64)
    moved = np.where(change != 0, np.arange(len(price)), 0)
    last: Ints = change[np.maximum.accumulate(moved)] if len(price) else change
    return last


def lee_ready(price: Floats, mid: Floats) -> Ints:
    """+1 above and -1 below the mid that stood before the trade; the tick rule at it or without one."""
    quote = np.nan_to_num(np.sign(price - mid))
    return np.where(quote != 0, quote, tick_rule(price)).astype(np.int64)


def mid_before(records: Records, book: Book) -> Floats:
    """Mid strictly before each trade: of the book, else of the quote written beside an earlier trade."""
    at_us = records.ts_us
    found = np.full(len(at_us), np.nan)
    quoted = np.flatnonzero(records.ask_ticks > records.bid_ticks)
    if len(quoted):
        row, live = rows_known(records.known_us[quoted], at_us, strictly=True)
        middle = (records.bid_ticks[quoted] + records.ask_ticks[quoted]) / 2.0
        found = np.where(live, middle[row], np.nan)
    if len(book):
        row, live = rows_known(book.known_us, at_us, strictly=True)
        best = book.level(1)
        found = np.where(live & book.sound[row], (best.bid[row] + best.ask[row]) / 2.0, found)
    return found


def confusion(clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame) -> dict[str, object]:
    """Counts of trades by flag and by rule: ``{"lee_ready": {"-1": {"-1": n, ...}, ...}, "tick_rule": ...}``.

    Outer keys are the exchange's flag, inner ones the rule's sign (0: no opinion). ``accuracy`` is the
    share of the flagged trades that a rule gets right, None without any. Only trades whose side comes
    from the flag count; the rules look at all trades before them.
    """
    kinds = [kind.value for kind in RecordKind if kind not in (RecordKind.QUOTE, RecordKind.BAR)]
    rows = clean_ticks.filter(pl.col("kind").is_in(kinds))
    flagged: np.ndarray = (rows["sign_source"] == SignSource.FLAG.value).to_numpy()
    records = load_records(rows)
    true = rows["side"].to_numpy()[flagged]
    rules = {
        "lee_ready": lee_ready(records.price_ticks, mid_before(records, load_book(clean_dom))),
        "tick_rule": tick_rule(records.price_ticks),
    }
    found: dict[str, object] = {"flagged_trades": int(flagged.sum())}
    for name, sign in rules.items():
        said = sign[flagged]
        found[name] = {
            str(flag): {str(side): int(((true == flag) & (said == side)).sum()) for side in SIDES}
            for flag in (-1, 1)
        }
        found[f"{name}_accuracy"] = float((true == said).mean()) if len(true) else None
    return found
