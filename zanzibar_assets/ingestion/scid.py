"""``.scid`` records to the raw tick frame: every record a row, nothing dropped.

Record kinds go by the bits of Open, as Sierra Chart's IntradayRecord.h tells single trades from
bars; High and Low of a single trade are its ask and bid, never a range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.grid import float32_noise, nearest_ticks, ticks_to_prices, to_lots
from zanzibar_assets.ingestion.record_blocks import load_records, open_file, read_into
from zanzibar_assets.ingestion.record_kinds import (
    BAR,
    DEFECTS,
    KINDS,
    QUOTE,
    Bools,
    GroupState,
    Records,
    flat_ticks,
    record_kinds,
    single_trades,
)
from zanzibar_assets.ingestion.scid_columns import (
    DEFECT_TYPE,
    KIND_TYPE,
    decode_columns,
    tick_frame,
    with_texts,
)
from zanzibar_assets.instruments import Instrument

if TYPE_CHECKING:
    from zanzibar_assets.ingestion.reading import SliceBytes
    from zanzibar_assets.ingestion.sources import SourceSlice

CHUNK_RECORDS = 1 << 19
"""Records of a chunk: four row groups of a Parquet file."""
AUTO_PROBE_RECORDS = 100_000
"""Records that decide whether a file of ``auto`` records holds bars."""
COMPILED_FROM_RECORDS = 100_000
"""Shorter runs are decoded sooner than the compiled pass is loaded; both give the same frame."""
_STAMP, _COUNT, _NAN, _NONPOSITIVE, _RANGE, _OFF_GRID = range(1, 7)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """How a file's units become prices and lots; ``tick_size`` None leaves prices unrounded."""

    symbol: str
    price_multiplier: float = 1.0
    volume_multiplier: float = 1.0
    tick_size: float | None = None
    records: Literal["ticks", "bars", "auto"] = "auto"


def scale_of(symbol: str, instrument: Instrument | None) -> Scale:
    """Scale of a Sierra symbol; an instrument that does not name the symbol counts as unknown."""
    source = instrument.source_of(symbol) if instrument else None
    if instrument is None or source is None:
        return Scale(symbol)
    return Scale(
        symbol, source.price_multiplier, source.volume_multiplier, instrument.tick_size, source.records
    )


def read_ticks(slices: Sequence[SourceSlice], instrument: Instrument) -> pl.DataFrame:
    """RawTicks frame of one session's record ranges, in file order.

    ``seq`` is the record's index in its file and ``contract`` the file's Sierra symbol. Defective
    records stay, named in ``defect``. Raises SourceError when a file cannot be mapped.
    """
    from zanzibar_assets.ingestion.reading import open_slices

    return read_tick_bytes(open_slices(slices), instrument)


def read_tick_bytes(taken: Sequence[SliceBytes], instrument: Instrument) -> pl.DataFrame:
    """``read_ticks`` of opened slices, which afterwards know the hash of exactly what was decoded."""
    from zanzibar_assets.contracts.registry import conform, empty

    parts: list[pl.DataFrame] = []
    state = GroupState()
    previous: Path | None = None
    for piece in taken:
        file = piece.part.file
        if file.path != previous:
            state, previous = GroupState(), file.path
        scale = scale_of(file.symbol, instrument)
        bars_only = holds_bars(file.path, file.header, scale)
        for first, records in piece.blocks():
            parts.append(decode_records(records, first, scale, state, bars_only=bars_only))
    return conform("raw_ticks", pl.concat(parts)) if parts else empty("raw_ticks")


def iter_chunks(
    path: Path,
    header: formats.FileHeader,
    scale: Scale,
    state: GroupState | None = None,
    first: int = 0,
    last: int | None = None,
    chunk_records: int = CHUNK_RECORDS,
    *,
    texts: bool = True,
) -> Iterator[pl.DataFrame]:
    """Raw tick frames of records ``[first, last)`` in chunks, so memory stays bounded.

    Without ``texts`` the kinds and defects are Enums and there is no ``contract``: what a long file
    needs on its way to another one. Raises SourceError when the file is cut while it is read.
    """
    stop = header.records if last is None else last
    carried = state or GroupState()
    bars_only = holds_bars(path, header, scale)
    room = np.empty(min(chunk_records, max(stop - first, 0)), dtype=formats.SCID_DTYPE)
    with open_file(path) as stream:
        for start in range(first, stop, chunk_records):
            records = room[: min(chunk_records, stop - start)]
            offset = header.header_bytes + start * header.record_bytes
            read_into(stream, str(path), records.data.cast("B"), offset)
            yield decode_records(records, start, scale, carried, bars_only=bars_only, texts=texts)


def holds_bars(path: Path, header: formats.FileHeader, scale: Scale) -> bool:
    """True when flat one-trade records are bars, not plain ticks: declared, or seen in the first records.

    ``auto`` looks at the file's first 100,000 records: one aggregated record makes it a bar file.
    """
    if scale.records != "auto":
        return scale.records == "bars"
    probe = load_records(path, header, 0, min(header.records, AUTO_PROBE_RECORDS))
    single, _, _ = single_trades(probe)
    return bool((~single & ~flat_ticks(probe)).any())


def decode_records(
    records: Records,
    first_seq: int,
    scale: Scale,
    state: GroupState,
    *,
    bars_only: bool,
    texts: bool = True,
) -> pl.DataFrame:
    """Raw tick frame of a run of records; ``state`` is carried to the next run and updated.

    Long runs of file records take the compiled pass, which gives the same frame in less time. For
    ``texts`` see ``iter_chunks``.
    """
    if len(records) < COMPILED_FROM_RECORDS or records.dtype != formats.SCID_DTYPE:
        plain = decode_plainly(records, first_seq, scale, state, bars_only=bars_only)
        return plain if texts else plain.drop("contract").cast({"kind": KIND_TYPE, "defect": DEFECT_TYPE})
    columns = decode_columns(
        records, first_seq, scale.price_multiplier, scale.tick_size, state, bars_only=bars_only
    )
    frame = tick_frame(columns, first_seq, scale.volume_multiplier)
    return with_texts(frame, scale.symbol) if texts else frame


def decode_plainly(
    records: Records, first_seq: int, scale: Scale, state: GroupState, *, bars_only: bool
) -> pl.DataFrame:
    """``decode_records`` in plain numpy: of any record layout, and the reference of the compiled pass."""
    unix, stamp_ok = formats.unix_stamps(records["stamp"])
    seq = np.arange(first_seq, first_seq + len(records), dtype=np.int64)
    kind, trade_id = record_kinds(records, seq, unix, state, bars_only=bars_only)
    defect = _defects(records, kind, stamp_ok)
    prices, defect = _prices(records, kind, defect, scale)
    sizes = {
        name: to_lots(records[source], scale.volume_multiplier)
        for name, source in (("size", "volume"), ("bid_volume", "bid_volume"), ("ask_volume", "ask_volume"))
    }
    stamps = pl.Series("ts_utc", unix).cast(pl.Datetime("us", "UTC"))
    columns: dict[str, Any] = {
        "ts_utc": _nulled(stamps, stamp_ok),
        "seq": seq,
        "contract": pl.repeat(scale.symbol, len(records), dtype=pl.String, eager=True),
        "kind": _words(kind, KINDS),
        "price": prices["price"],
        "size": sizes["size"],
        "side": _sides(records, kind),
        "bid": prices["bid"],
        "ask": prices["ask"],
        "trade_id": _nulled(pl.Series("trade_id", trade_id), trade_id >= 0),
        "open": prices["open"],
        "high": prices["high"],
        "low": prices["low"],
        "trades": records["trades"].astype(np.int64),
        "bid_volume": sizes["bid_volume"],
        "ask_volume": sizes["ask_volume"],
        "defect": _nulled(_words(defect, DEFECTS), defect > 0),
    }
    return pl.DataFrame(columns)


def _defects(records: Records, kind: NDArray[np.uint8], stamp_ok: Bools) -> NDArray[np.uint8]:
    """Code of the first thing that cannot be true about each record; 0 when nothing."""
    bar, quote = kind == BAR, kind == QUOTE
    o, h, lo, c = (records[name] for name in ("open", "high", "low", "close"))
    # A trade stands on its price alone: a quote beside it that cannot be true is absent.
    finite = np.isfinite(c) & ((~bar & ~quote) | (np.isfinite(o) & np.isfinite(h) & np.isfinite(lo)))
    counts = ("trades", "volume", "bid_volume", "ask_volume")
    over = np.logical_or.reduce([records[name] > formats.INT_MAX for name in counts])
    with np.errstate(invalid="ignore"):
        # A bid/ask update need not carry a price; its quote may be absent (0) but not negative.
        nonpositive = np.where(quote, (c < 0) | (h < 0) | (lo < 0), c <= 0)
        nonpositive |= bar & ((o <= 0) | (h <= 0) | (lo <= 0))
        broken = bar & ((h < np.maximum(o, c)) | (lo > np.minimum(o, c)))
    rules = (
        (broken, _RANGE),
        (nonpositive, _NONPOSITIVE),
        (~finite, _NAN),
        (over, _COUNT),
        (~stamp_ok, _STAMP),
    )
    defect = np.zeros(len(records), dtype=np.uint8)
    for broke, code in rules:
        defect[broke] = code
    return defect


def _prices(
    records: Records, kind: NDArray[np.uint8], defect: NDArray[np.uint8], scale: Scale
) -> tuple[dict[str, pl.Series], NDArray[np.uint8]]:
    """True prices per column (null where the kind has none) and the defects with off-grid added."""
    bar = kind == BAR
    quoted = ~bar & single_trades(records)[0]
    close = records["close"]
    wanted: dict[str, tuple[str, Bools]] = {
        "price": ("close", np.isfinite(close) & ~((kind == QUOTE) & (close <= 0))),
        "bid": ("low", quoted & np.isfinite(records["low"]) & (records["low"] > 0)),
        "ask": ("high", quoted & np.isfinite(records["high"]) & (records["high"] > 0)),
        "open": ("open", bar & np.isfinite(records["open"])),
        "high": ("high", bar & np.isfinite(records["high"])),
        "low": ("low", bar & np.isfinite(records["low"])),
    }
    found: dict[str, pl.Series] = {}
    for name, (source, present) in wanted.items():
        if not present.any():
            found[name] = pl.repeat(None, len(records), dtype=pl.Float64, eager=True)
            continue
        values, on_grid = to_prices(records[source], scale)
        if name not in ("bid", "ask"):
            defect = np.where(present & ~on_grid & (defect == 0), _OFF_GRID, defect).astype(np.uint8)
        found[name] = _nulled(pl.Series(name, values), present)
    return found, defect


def to_prices(raw: NDArray[np.float32], scale: Scale) -> tuple[Floats, Bools]:
    """Prices with the multiplier applied, on the tick grid where they lie on it, and which do.

    Without a known tick size every price counts as on the grid and keeps the file's own value.
    """
    with np.errstate(invalid="ignore"):  # the NaN of a damaged record may be a signalling one
        values = raw.astype(np.float64) * scale.price_multiplier
    if scale.tick_size is None:
        return values, np.ones(len(values), dtype=bool)
    ticks, on_grid = nearest_ticks(values, scale.tick_size, float32_noise(raw, scale.price_multiplier))
    return np.where(on_grid, ticks_to_prices(ticks, scale.tick_size), values), on_grid


def _sides(records: Records, kind: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Aggressor of single trades from Bid/AskVolume; 0 for bars, quotes and trades with both or neither."""
    buyer, seller = records["ask_volume"] > 0, records["bid_volume"] > 0
    side = buyer.astype(np.int8) - seller.astype(np.int8)
    return np.where((kind == BAR) | (kind == QUOTE), np.int8(0), side)


def _words(codes: NDArray[np.uint8], words: list[str]) -> pl.Series:
    return pl.Series(words).gather(pl.Series(codes).cast(pl.UInt32))


def _nulled(series: pl.Series, present: Bools) -> pl.Series:
    if present.all():
        return series
    return series.zip_with(pl.Series(present), pl.repeat(None, len(series), dtype=series.dtype, eager=True))
