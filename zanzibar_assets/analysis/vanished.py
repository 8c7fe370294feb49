"""Does the book agree with the tape: the executed volume that vanished from the book where it traded.

An execution takes what rests at its price from the passive side. So in any second the volume that
left a price there should not be less than what traded into it. It can be: hidden and replenished
orders, levels deeper than the five kept, and depth that was lost. It can be more: cancelled orders
leave too, so the share is an upper bound of agreement; a low one is the finding.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from zanzibar_assets.vocabulary import DOM_LEVELS, BookState, RecordKind, SessionState

_SOUND = (BookState.NORMAL.value, BookState.LOCKED.value)
_NO_TRADE = (RecordKind.BAR.value, RecordKind.QUOTE.value)
_KEYS = ["second", "side", "price_ticks"]


@dataclass(frozen=True, slots=True)
class Vanished:
    """Lots that traded with a side while a book was known, and how many of them the book saw go."""

    traded: float
    seen: float

    @property
    def pct(self) -> float | None:
        """Percent of the traded volume that vanished where it traded; None where nothing traded so."""
        return min(100.0, 100.0 * self.seen / self.traded) if self.traded > 0 else None


def vanished_share(clean_ticks: pl.DataFrame, clean_dom: pl.DataFrame) -> Vanished:
    """Sum over second, side and price of min(traded, vanished), of open trading only."""
    if clean_ticks.is_empty() or clean_dom.is_empty():
        return Vanished(0.0, 0.0)
    first, last = clean_dom["known_at"][0], clean_dom["known_at"][-1]
    traded = (
        clean_ticks.filter(
            (pl.col("size") > 0)
            & (pl.col("side") != 0)
            & ~pl.col("kind").is_in(_NO_TRADE)
            & (pl.col("session_state") == SessionState.OPEN.value)
            & pl.col("event_ts").is_between(first, last)
        )
        .group_by(second=_second("event_ts"), side="side", price_ticks="price_ticks", maintain_order=True)
        .agg(traded=pl.col("size").sum())
    )
    both = traded.join(vanished(clean_dom), on=_KEYS, how="left", maintain_order="left")
    seen = pl.min_horizontal("traded", pl.col("vanished").fill_null(0.0)).sum()
    totals = both.select(pl.col("traded").sum(), seen.alias("seen")).row(0)
    return Vanished(float(totals[0]), float(totals[1]))


def vanished(clean_dom: pl.DataFrame) -> pl.DataFrame:
    """``second, side, price_ticks, vanished``: lots that left each price, ``side`` of who takes them.

    A level counts while both books are sound and its price is still among the visible ones: a level
    pushed out of sight by better ones did not vanish. The difference to a row that set the book anew
    (``snapshot``) says nothing: what happened since the row before was not seen.
    """
    sound = pl.col("book_state").is_in(_SOUND) & (pl.col("session_state") == SessionState.OPEN.value)
    pairs = clean_dom.with_columns(both=sound & sound.shift(1).fill_null(False) & ~pl.col("snapshot"))
    parts = []
    for name, taker, better in (("bid", -1, 1), ("ask", 1, -1)):
        for level in range(1, DOM_LEVELS + 1):
            price = pl.col(f"{name}_ticks_{level}").shift(1)
            worst = pl.col(f"{name}_ticks_{DOM_LEVELS}")
            visible = worst.is_null() | ((price - worst) * better >= 0)
            left = pl.col(f"{name}_size_{level}").shift(1) - _size_at(name, price)
            parts.append(
                pairs.lazy()
                .select(
                    second=_second("known_at"),
                    side=pl.lit(taker, dtype=pl.Int8),
                    price_ticks=price,
                    vanished=left,
                    counts="both",
                    visible=visible,
                )
                .filter("counts", "visible", pl.col("vanished") > 0)
                .select(*_KEYS, "vanished")
            )
    return pl.concat(parts).group_by(_KEYS, maintain_order=True).agg(pl.col("vanished").sum()).collect()


def _size_at(name: str, price: pl.Expr) -> pl.Expr:
    """Lots at a price in the row's own book, 0 where the level is not there."""
    found = pl.lit(0.0)
    for level in range(1, DOM_LEVELS + 1):
        same = (pl.col(f"{name}_ticks_{level}") == price).fill_null(False)
        found = pl.when(same).then(pl.col(f"{name}_size_{level}")).otherwise(found)
    return found


def _second(column: str) -> pl.Expr:
    return pl.col(column).dt.truncate("1s")
