"""Sierra Chart: marks for the study ``zanzibar_marks.cpp``, series in Sierra's own text format."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.reporting.exports.text import plain, price_digits, price_text

HEADER = ("Kind", "FromUtc", "UntilUtc", "Low", "High", "Direction", "Text")
SERIES_HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
STUDY = Path(__file__).with_name("zanzibar_marks.cpp")
SERIES = (
    ("VWAP", "vwap"), ("VWAP_UPPER_1", "upper_1"), ("VWAP_LOWER_1", "lower_1"), ("VWAP_UPPER_2", "upper_2"),
    ("VWAP_LOWER_2", "lower_2"), ("POC", "poc_ticks"), ("VAH", "vah_ticks"), ("VAL", "val_ticks"),
)  # fmt: skip
"""Name of each series file and the column of the vwap table that it shows."""

_EXTRA_DIGITS = 4
_SECOND = timedelta(seconds=1)


def marks_file(marks: pl.DataFrame, instrument: Instrument, price_multiplier: float) -> str:
    """The study's file: a header and a line a mark.

    Times are UTC, rounded up to the second (never before a mark was known); an empty ``UntilUtc`` is a
    mark that still stood. Prices are in the chart's units: true prices over ``price_multiplier``.
    """
    digits = _digits(instrument, price_multiplier)
    when = [_ceiled(name).dt.strftime("%Y-%m-%d %H:%M:%S").fill_null("") for name in ("known_at", "until")]
    lines = [",".join(HEADER)]
    for kind, start, end, low, high, direction, text in marks.select(
        "kind", when[0].alias("from"), when[1].alias("to"), "lo", "hi", "dir", "text"
    ).iter_rows():
        prices = [price_text(price / price_multiplier, digits) for price in (low, high)]
        lines.append(",".join((kind, start, end, *prices, str(direction), plain(text))))
    return "\n".join(lines) + "\n"


def series_files(
    vwap: pl.DataFrame, instrument: Instrument, price_multiplier: float, zone: ZoneInfo
) -> dict[str, str]:
    """Text of each series by name: a bar a value, in Sierra's Text/CSV format.

    A value stands at the close of the bar that made it known, so in the charting program's next bar:
    open = high = low = last, no volume. Values that are null have no line. Times are ``zone``'s.
    """
    digits = _digits(instrument, price_multiplier)
    found = {}
    for name, column in SERIES:
        unit = instrument.tick_size if column.endswith("_ticks") else 1.0
        lines = [SERIES_HEADER]
        rows = vwap.select("known_at", value=pl.col(column) * unit / price_multiplier).drop_nulls()
        for known_at, value in rows.iter_rows():
            local, price = known_at.astimezone(zone), price_text(value, digits)
            lines.append(
                f"{local.year}/{local.month}/{local.day}, {local:%H:%M:%S}, "
                f"{price}, {price}, {price}, {price}, 0, 0, 0, 0"
            )
        found[name] = "\n".join(lines) + "\n"
    return found


def study_source() -> str:
    """The study's C++ source, to be compiled by Sierra Chart itself."""
    return STUDY.read_text(encoding="utf-8")


def _digits(instrument: Instrument, price_multiplier: float) -> int:
    """Decimals of the chart's tick, and some more for averages, which lie between ticks."""
    tick = round(instrument.tick_size / price_multiplier, 10)
    return price_digits(tick) + _EXTRA_DIGITS


def _ceiled(column: str) -> pl.Expr:
    """The first whole second not before a time."""
    stamp = pl.col(column)
    return (stamp + _SECOND - timedelta(microseconds=1)).dt.truncate("1s")
