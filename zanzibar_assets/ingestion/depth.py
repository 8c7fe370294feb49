"""``.depth`` records to the raw depth frame: every record a row, nothing dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.formats import DepthCommand
from zanzibar_assets.ingestion.grid import to_lots
from zanzibar_assets.ingestion.scid import Scale, scale_of, to_prices
from zanzibar_assets.instruments import Instrument

if TYPE_CHECKING:
    from zanzibar_assets.ingestion.reading import SliceBytes
    from zanzibar_assets.ingestion.sources import SourceSlice

CHUNK_RECORDS = 500_000
DEFECTS = [
    "",
    "impossible_stamp",
    "unknown_command",
    "count_over_int_max",
    "nan_price",
    "nonpositive_price",
    "off_grid",
]
_STAMP, _COMMAND, _COUNT, _NAN, _NONPOSITIVE, _OFF_GRID = range(1, 7)


def read_depth(slices: Sequence[SourceSlice], instrument: Instrument) -> pl.DataFrame:
    """RawDepth frame of one session's record ranges; a session may span two UTC-day files.

    ``seq`` indexes the record in the file named ``source``; sizes are lots. Defective records stay,
    named in ``defect``. Raises SourceError when a file cannot be mapped.
    """
    from zanzibar_assets.ingestion.reading import open_slices

    return read_depth_bytes(open_slices(slices), instrument)


def read_depth_bytes(taken: Sequence[SliceBytes], instrument: Instrument) -> pl.DataFrame:
    """``read_depth`` of opened slices, which afterwards know the hash of exactly what was decoded."""
    from zanzibar_assets.contracts.registry import conform, empty

    parts: list[pl.DataFrame] = []
    for piece in taken:
        scale = scale_of(piece.part.file.symbol, instrument)
        name = piece.part.file.path.name
        parts.extend(decode_records(records, first, name, scale) for first, records in piece.blocks())
    return conform("raw_depth", pl.concat(parts)) if parts else empty("raw_depth")


def iter_chunks(
    path: Path,
    header: formats.FileHeader,
    scale: Scale,
    first: int = 0,
    last: int | None = None,
    chunk_records: int = CHUNK_RECORDS,
) -> Iterator[pl.DataFrame]:
    """Raw depth frames of records ``[first, last)`` in chunks, so memory stays bounded."""
    stop = header.records if last is None else last
    for start in range(first, stop, chunk_records):
        records = formats.map_records(path, header, start, min(start + chunk_records, stop))
        yield decode_records(np.array(records), start, path.name, scale)


def decode_records(records: NDArray[np.void], first_seq: int, source: str, scale: Scale) -> pl.DataFrame:
    """Raw depth frame of a run of records whose first has index ``first_seq`` in file ``source``."""
    unix, stamp_ok = formats.unix_stamps(records["stamp"])
    raw = np.ascontiguousarray(records["price"])
    prices, on_grid = to_prices(raw, scale)
    defect = record_defects(records, raw, stamp_ok, on_grid)
    missing = pl.repeat(None, len(records), dtype=pl.Float64, eager=True)
    stamps = pl.Series(unix).cast(pl.Datetime("us", "UTC"))
    absent = pl.repeat(None, len(records), dtype=stamps.dtype, eager=True)
    words = pl.Series(DEFECTS).gather(pl.Series(defect).cast(pl.UInt32))
    nothing = pl.repeat(None, len(records), dtype=pl.String, eager=True)
    priced = pl.Series(_is_priced(records["command"]) & np.isfinite(raw))
    return pl.DataFrame(
        {
            "ts_utc": stamps.zip_with(pl.Series(stamp_ok), absent),
            "seq": np.arange(first_seq, first_seq + len(records), dtype=np.int64),
            "source": pl.repeat(source, len(records), dtype=pl.String, eager=True),
            "command": records["command"].copy(),
            "flags": records["flags"].copy(),
            "num_orders": records["num_orders"].copy(),
            "price": pl.Series(prices).zip_with(priced, missing),
            "size": to_lots(records["quantity"], scale.volume_multiplier),
            "defect": words.zip_with(pl.Series(defect > 0), nothing),
        }
    )


def record_defects(
    records: NDArray[np.void],
    raw_price: NDArray[np.float32],
    stamp_ok: NDArray[np.bool_],
    on_grid: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Code into ``DEFECTS`` of the first thing that cannot be true about each record; 0 when nothing."""
    command = records["command"]
    priced = _is_priced(command)
    defect = np.zeros(len(records), dtype=np.uint8)
    with np.errstate(invalid="ignore"):
        defect[priced & ~on_grid] = _OFF_GRID
        defect[priced & (raw_price <= 0)] = _NONPOSITIVE
        defect[priced & ~np.isfinite(raw_price)] = _NAN
    defect[priced & (records["quantity"] > formats.INT_MAX)] = _COUNT
    defect[command > DepthCommand.DELETE_ASK] = _COMMAND
    defect[~stamp_ok] = _STAMP
    return defect


def _is_priced(command: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (command >= DepthCommand.ADD_BID) & (command <= DepthCommand.DELETE_ASK)
