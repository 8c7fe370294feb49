"""Sierra's text export of intraday records, in a chart's zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.formats import unix_stamps
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import from_us

HEADER: Final = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def export_text(path: Path, records: NDArray[Any], instrument: Instrument, zone: str) -> int:
    """Write single-trade records as one-trade bars (open = high = low = last); returns the rows.

    Times are the zone's wall clock with milliseconds where there are any, as the charting program
    writes them: the microsecond counter is lost and an hour repeats in autumn. Raises UsageError
    for an unknown zone.
    """
    rows = text_rows(records, instrument, zone)
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="ascii", newline="\n")
    return len(rows)


def text_rows(records: NDArray[Any], instrument: Instrument, zone: str) -> list[str]:
    """Lines of the export, without its header."""
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(f"{zone!r} is no time zone", expected="an IANA name such as Europe/Warsaw") from None
    digits = max(0, len(np.format_float_positional(instrument.tick_size, trim="-").partition(".")[2]))
    stamps, _ = unix_stamps(records["stamp"])
    rows = []
    for stamp, record in zip(stamps.tolist(), records, strict=True):
        moment = from_us(stamp // 1_000 * 1_000).astimezone(clock)
        time = f"{moment:%H:%M:%S}"
        if moment.microsecond:
            time += f".{moment.microsecond // 1_000:03d}"
        price = f"{float(record['close']):.{digits}f}"
        rows.append(
            f"{moment.year}/{moment.month}/{moment.day}, {time}, {price}, {price}, {price}, {price}, "
            f"{record['volume']}, {record['trades']}, {record['bid_volume']}, {record['ask_volume']}"
        )
    return rows
