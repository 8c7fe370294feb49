"""What rested behind a level before and after it was run: visible depth, and size pulled untraded."""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.book import Book, rows_known
from zanzibar_assets.analysis.engine import Attr
from zanzibar_assets.analysis.tick_sweeps import Trades

NOTHING: dict[str, Attr] = {"depth_before": None, "depth_after": None, "pulled": None}


Resting = dict[int, float]
"""Visible size by price of one side of the book."""


def depths(
    before: Resting | None,
    after: Resting | None,
    trades: Trades,
    part: slice,
    side: int,
    level: int,
    *,
    anew: bool,
) -> dict[str, Attr]:
    """Lots resting beyond a level on its side among the visible levels of the book.

    ``depth_before`` in the book known strictly before the penetrating trade, ``depth_after`` in the one
    known at the outcome; ``pulled`` sums, over prices beyond the level seen before and still in view,
    what vanished beyond what aggressors of that side took there (``part`` of the trades: from the
    penetration to the outcome); None where a snapshot set the book ``anew`` in between, for what that
    took away was not seen to go. None without a sound live book.
    """
    found = dict(NOTHING)
    found["depth_before"] = None if before is None else _beyond(before, side, level)
    found["depth_after"] = None if after is None else _beyond(after, side, level)
    if before is not None and after is not None and not anew:
        found["pulled"] = _pulled(before, after, _taken(trades, part, side), side, level)
    return found


def snapshots(book: Book, after_us: int, through_us: int) -> list[int]:
    """Times known in (``after_us``, ``through_us``] at which a snapshot set the book anew."""
    if "snapshot" not in book.frame.columns:
        return []
    rows = np.searchsorted(book.known_us, [after_us, through_us], side="right")
    anew = book.frame["snapshot"][int(rows[0]) : int(rows[1])].to_numpy()
    found: list[int] = book.known_us[rows[0] : rows[1]][anew].tolist()
    return found


def side_at(book: Book, at_us: Ints, sides: Ints, *, strictly: bool) -> list[Resting | None]:
    """What rested on a side of the book known at (or ``strictly`` before) each time; None without one."""
    if len(book) == 0 or len(at_us) == 0:
        return [None] * len(at_us)
    order = np.argsort(at_us, kind="stable")
    row, live = np.empty(len(at_us), np.int64), np.empty(len(at_us), np.bool_)
    row[order], live[order] = rows_known(book.known_us, at_us[order], strictly=strictly)
    levels = book.at(row)
    usable = live & book.sound[row]
    return [
        _resting(levels["ask_ticks" if side > 0 else "bid_ticks"][:, k],
                 levels["ask_size" if side > 0 else "bid_size"][:, k]) if usable[k] else None
        for k, side in enumerate(sides.tolist())
    ]  # fmt: skip


def _resting(ticks: Floats, size: Floats) -> Resting:
    there = np.isfinite(ticks)
    return dict(zip(ticks[there].astype(int).tolist(), size[there].tolist(), strict=True))


def _beyond(resting: Resting, side: int, level: int) -> float:
    return sum(size for price, size in resting.items() if side * (price - level) > 0)


def _taken(trades: Trades, part: slice, side: int) -> Resting:
    taken: Resting = {}
    mine = trades.side[part] == side
    for price, size in zip(trades.price[part][mine].tolist(), trades.size[part][mine].tolist(), strict=True):
        taken[price] = taken.get(price, 0.0) + size
    return taken


def _pulled(old: Resting, new: Resting, taken: Resting, side: int, level: int) -> float:
    """Vanished size beyond the level that was not traded, of prices within the new book's view."""
    deepest = max(side * price for price in new)
    return sum(
        max(0.0, size - taken.get(price, 0.0) - new.get(price, 0.0))
        for price, size in old.items()
        if side * (price - level) > 0 and side * price <= deepest
    )
