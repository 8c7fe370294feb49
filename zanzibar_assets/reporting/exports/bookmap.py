"""Bookmap's Cloud Notes: one CSV line a note, each at a price, none with a time.

Format: Bookmap Knowledge Base, Appendix II (Cloud Notes). Only marks that still stood are written.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.reporting.exports.marks import SIGNALS
from zanzibar_assets.reporting.exports.text import checked_symbol, plain, price_digits, price_text

HEADER = (
    "Symbol", "Price Level", "Note", "Foreground Color", "Background Color", "Text Alignment", "Diameter",
    "Draw Note Price Horizontal Line",
)  # fmt: skip
COLOURS = {
    "level": ("#FFFFFF", "#37474F"),
    "demand": ("#FFFFFF", "#1B5E20"),
    "supply": ("#FFFFFF", "#B71C1C"),
    "buy": ("#000000", "#00E676"),
    "sell": ("#000000", "#FF5252"),
}
"""Foreground and background by what the note marks."""

ALIGNMENT = "left"


def cloud_notes(marks: pl.DataFrame, symbol: str, instrument: Instrument) -> str:
    """The file's text: a header, then a line for each standing level and zone and each signal's entry.

    A zone is one note whose diameter counts its ticks: ``n`` ticks reach ``n // 2`` below the note's
    price and ``(n - 1) // 2`` above, as the format says. Prices are true prices rounded to the tick
    (the exact value stands in the note). Raises UsageError for a symbol that would break a line.
    """
    checked = checked_symbol(symbol)
    entries = pl.col("kind").is_in(["buy", "sell"])
    standing = pl.when(pl.col("what") == SIGNALS).then(entries).otherwise(pl.col("until").is_null())
    rows = marks.filter(standing).iter_rows(named=True)
    return "\n".join([",".join(HEADER), *(_line(checked, instrument, row) for row in rows)]) + "\n"


def _line(symbol: str, instrument: Instrument, mark: dict[str, Any]) -> str:
    tick, digits = instrument.tick_size, price_digits(instrument.tick_size)
    low, high = round(mark["lo"] / tick), round(mark["hi"] / tick)
    ticks = high - low + 1
    exact = [price_text(mark[side], max(digits, 2)) for side in ("lo", "hi")]
    side = "demand" if mark["dir"] > 0 else "supply"
    foreground, background = COLOURS[side if mark["kind"] == "zone" else mark["kind"]]
    fields = (
        symbol,
        price_text((low + ticks // 2) * tick, digits),
        plain(f"{mark['text']} {exact[0] if ticks == 1 else ' to '.join(exact)}"),
        foreground,
        background,
        ALIGNMENT,
        str(ticks),
        "TRUE" if ticks == 1 else "FALSE",
    )
    return ",".join(fields)
