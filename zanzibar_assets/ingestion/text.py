"""Sierra Chart's text exports to the raw tick frame.

The export writes chart time, not UTC: the chart's zone must be given. A local time that the autumn
clock change repeats is the first of the two until the clock runs back; one that the spring change
skips cannot be true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError, SourceError, UsageError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.record_kinds import GroupState
from zanzibar_assets.ingestion.scid import Scale, decode_records

CHUNK_BYTES = 1 << 25
TEXT_DTYPE = np.dtype(
    [("stamp", "<i8")]
    + [(name, "<f8") for name in ("open", "high", "low", "close")]
    + [(name, "<i8") for name in ("trades", "volume", "bid_volume", "ask_volume")]
)
"""The ``.scid`` record with room for what a text line can say."""
_NAMES = {
    "date": ("date",),
    "time": ("time",),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("last", "close"),
    "volume": ("volume", "totalvolume"),
    "trades": ("numberoftrades", "numtrades", "#oftrades"),
    "bid_volume": ("bidvolume",),
    "ask_volume": ("askvolume",),
}
_EXTRA = "_extra"
_US = 1_000_000


@dataclass(slots=True)
class TextState:
    """What is carried from one block of lines to the next."""

    group: GroupState
    bars_only: bool | None = None
    seq: int = 0
    repeated_day: int = -1
    last_repeated_us: int = 0
    second_pass: bool = False
    ambiguous: int = 0


def zone_of(name: str) -> ZoneInfo:
    """IANA zone by name; UsageError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"{name!r} is no time zone", expected="an IANA name such as America/Chicago"
        ) from error


def is_text(path: Path) -> bool:
    """True for a text export by its name."""
    return path.suffix.lower() in (".txt", ".csv")


def iter_text_chunks(
    path: Path, zone: ZoneInfo, scale: Scale, state: TextState | None = None, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pl.DataFrame]:
    """Raw tick frames of a text export, block by block; ``seq`` is the data line's index.

    Lines that do not parse stay as rows with the defect ``malformed_line``, skipped local times with
    ``nonexistent_local_time``. Raises FormatError when the first line is not the export's header.
    """
    carried = state or TextState(GroupState())
    try:
        with path.open("rb") as file:
            columns = _header(file.readline(), path)
            rest = b""
            while block := file.read(chunk_bytes):
                lines, _, rest = (rest + block).rpartition(b"\n")
                if lines.strip():
                    yield _decode(lines, columns, zone, scale, carried)
            if rest.strip():
                yield _decode(rest, columns, zone, scale, carried)
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=str(error)) from error


def _header(line: bytes, path: Path) -> list[str]:
    """Our column names in the file's order; columns that we do not use keep a name of their own."""
    text = line.decode("utf-8-sig", errors="replace").strip()
    words = [word.strip().lower().replace(" ", "") for word in text.split(",")]
    found = {alias: name for name, aliases in _NAMES.items() for alias in aliases}
    columns = [found.get(word, f"_{position}") for position, word in enumerate(words)]
    missing = [name for name in _NAMES if name not in columns]
    if missing:
        raise FormatError(
            f"{path} is no Sierra text export",
            expected="Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume",
            got=text[:120],
            action="export the bar data of the chart with its header line",
        )
    return columns


def _decode(lines: bytes, columns: list[str], zone: ZoneInfo, scale: Scale, state: TextState) -> pl.DataFrame:
    table = _table(lines, columns)
    local_us = _local_us(table)
    records, malformed = _records(table, local_us)
    utc_us, skipped = _to_utc(local_us, records, zone, state)
    records["stamp"] = np.where(malformed | skipped, -1, utc_us + formats.SC_UNIX_OFFSET_US)
    if state.bars_only is None:
        state.bars_only = _holds_bars(records, malformed, scale)
    frame = decode_records(records, state.seq, scale, state.group, bars_only=state.bars_only)
    state.seq += frame.height
    defect = (
        pl.when(pl.Series(malformed))
        .then(pl.lit("malformed_line"))
        .when(pl.Series(skipped))
        .then(pl.lit("nonexistent_local_time"))
        .otherwise(pl.col("defect"))
    )
    return frame.with_columns(defect=defect)


def _table(lines: bytes, columns: list[str]) -> pl.DataFrame:
    """Words of each line that is not blank, null where a line is short; ``_extra`` holds what is over."""
    text = pl.Series("line", lines.decode("utf-8", errors="replace").split("\n")).str.strip_chars()
    words = text.filter(text != "").str.split(",")
    wanted = [*columns, _EXTRA]
    return words.to_frame().select(
        pl.col("line").list.get(position, null_on_oob=True).str.strip_chars().alias(name)
        for position, name in enumerate(wanted)
    )


def _local_us(table: pl.DataFrame) -> pl.Series:
    """Local wall-clock microseconds since 1970, null where date or time does not parse."""
    time = pl.col("time").str.extract_groups(r"^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?$")
    hour, minute, second = (time.struct.field(str(n)).cast(pl.Int64) for n in (1, 2, 3))
    micros = time.struct.field("4").fill_null("0").str.pad_end(6, "0").cast(pl.Int64)
    clock = pl.when((hour < 24) & (minute < 60) & (second < 60)).then(
        (hour * 3_600 + minute * 60 + second) * _US + micros
    )
    day = pl.col("date").str.replace_all("-", "/").str.to_date("%Y/%m/%d", strict=False)
    midnight = day.cast(pl.Datetime("us")).dt.timestamp("us")
    return table.select((midnight + clock).alias("local")).to_series()


def _records(table: pl.DataFrame, local_us: pl.Series) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    records = np.zeros(table.height, dtype=TEXT_DTYPE)
    malformed = local_us.is_null() | table[_EXTRA].is_not_null()
    for name in ("open", "high", "low", "close"):
        values = table[name].cast(pl.Float64, strict=False)
        malformed |= values.is_null()
        records[name] = values.fill_null(float("nan")).to_numpy()
    for name in ("trades", "volume", "bid_volume", "ask_volume"):
        counts = table[name].cast(pl.Int64, strict=False)
        malformed |= counts.is_null() | (counts < 0).fill_null(False)
        records[name] = counts.fill_null(0).to_numpy()
    return records, malformed.to_numpy()


def _holds_bars(records: NDArray[np.void], malformed: NDArray[np.bool_], scale: Scale) -> bool:
    """As for ``.scid`` files: declared, or seen in the first block of an ``auto`` file."""
    if scale.records != "auto":
        return scale.records == "bars"
    sound = records[~malformed]
    return bool(((sound["open"] != sound["close"]) & (sound["open"] > 0) | (sound["trades"] > 1)).any())


def _to_utc(
    local_us: pl.Series, records: NDArray[np.void], zone: ZoneInfo, state: TextState
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """UTC microseconds of local ones, and which local times the zone skips."""
    local = local_us.cast(pl.Datetime("us"))
    folds = {
        fold: local.dt.replace_time_zone(zone.key, ambiguous=fold, non_existent="null")
        .dt.convert_time_zone("UTC")
        .dt.timestamp("us")
        for fold in ("earliest", "latest")
    }
    skipped = (local_us.is_not_null() & folds["earliest"].is_null()).to_numpy()
    utc = folds["earliest"].fill_null(0).to_numpy().copy()
    later = folds["latest"].fill_null(0).to_numpy()
    repeated = np.flatnonzero(utc != later)
    state.ambiguous += len(repeated)
    wall = local_us.fill_null(0).to_numpy()
    bar = (records["trades"] > 1) | (records["open"] != records["close"])
    for row in repeated:  # at most an hour or two of lines a year
        day = int(wall[row]) // formats.US_PER_DAY
        if day != state.repeated_day:
            state.repeated_day, state.second_pass = day, False
        elif wall[row] < state.last_repeated_us or (wall[row] == state.last_repeated_us and bar[row]):
            state.second_pass = True
        state.last_repeated_us = int(wall[row])
        if state.second_pass:
            utc[row] = later[row]
    return utc, skipped
