"""Strict readers by the published formats; they share nothing with what writes the files."""

from __future__ import annotations

import re
from datetime import UTC, datetime

NOTES_HEADER = (
    "Symbol,Price Level,Note,Foreground Color,Background Color,Text Alignment,Diameter,"
    "Draw Note Price Horizontal Line"
)
MARKS_HEADER = "Kind,FromUtc,UntilUtc,Low,High,Direction,Text"
SERIES_HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
PRICE = re.compile(r"-?\d+(\.\d+)?")
HARMLESS = re.compile(r"[^=+\-@\s,;\"][ !#-+\--:<-~]*")


def lines_of(text: str, header: str) -> list[str]:
    assert text.isascii()
    assert text.endswith("\n")
    assert "\r" not in text
    first, *rest = text.removesuffix("\n").split("\n")
    assert first == header
    return rest


def price(text: str) -> float:
    assert PRICE.fullmatch(text), text
    return float(text)


def notes(text: str) -> list[dict]:
    """Cloud Notes: every line exactly eight fields, no quotes, and the prices that the note covers."""
    found = []
    for line in lines_of(text, NOTES_HEADER):
        symbol, level, note, front, back, alignment, diameter, drawn = line.split(",")
        assert HARMLESS.fullmatch(symbol), symbol
        assert HARMLESS.fullmatch(note), note
        assert re.fullmatch(r"#[0-9A-F]{6}", front)
        assert re.fullmatch(r"#[0-9A-F]{6}", back)
        assert alignment in ("left", "center", "right")
        assert drawn in ("TRUE", "FALSE")
        found.append({"symbol": symbol, "price": price(level), "note": note, "levels": int(diameter)})
    return found


def covered(note: dict, tick: float) -> tuple[float, float]:
    """Lowest and highest price of a note: an even diameter reaches one level more below than above."""
    below, above = note["levels"] // 2, (note["levels"] - 1) // 2
    return note["price"] - below * tick, note["price"] + above * tick


def marks(text: str) -> list[dict]:
    found = []
    for line in lines_of(text, MARKS_HEADER):
        kind, start, end, low, high, direction, said = line.split(",")
        assert kind in ("level", "zone", "buy", "sell", "stop", "target")
        assert HARMLESS.fullmatch(said), said
        found.append(
            {
                "kind": kind, "from": stamp(start), "until": stamp(end) if end else None,
                "lo": price(low), "hi": price(high), "dir": int(direction), "text": said,
            }
        )  # fmt: skip
    return found


def stamp(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def series(text: str) -> list[tuple[str, str, float]]:
    """Sierra's text bars: ascending, open = high = low = last."""
    found = []
    for line in lines_of(text, SERIES_HEADER):
        date, time, *prices, volume, trades, sold, bought = line.split(", ")
        assert re.fullmatch(r"\d{4}/[1-9]\d?/[1-9]\d?", date)
        assert re.fullmatch(r"\d{2}:\d{2}:\d{2}", time)
        assert len(prices) == 4
        assert len(set(prices)) == 1
        assert {volume, trades, sold, bought} == {"0"}
        found.append((date, time, price(prices[0])))
    return found
