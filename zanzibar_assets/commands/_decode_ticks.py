"""One ``.scid`` file or text export decoded to a Parquet file and its figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import polars as pl

from zanzibar_assets.commands._decode import ParquetStream, iso
from zanzibar_assets.commands._decode_quarantine import PutAside, warnings_of
from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion import formats, scid, text
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments

TICK_COLUMNS = ("ts_utc", "seq", "price", "size", "side", "bid", "ask", "trade_id", "kind", "zero_size")
BAR_COLUMNS = ("open", "high", "low", "trades")


class _LateBarsError(Exception):
    """A bar came up in a file whose first records held none: its rows need the bar columns."""


def decode_ticks(
    path: Path, zone: str | None, out: Path | None, quarantine: Path | None = None
) -> dict[str, Any]:
    """Figures of one decoded file, its rows written to ``out``, those put aside to ``quarantine``.

    The columns of the output must be known before its first row: a file is taken for one without
    bars by its first records and decoded again, with the bar columns, when a bar comes up later.
    """
    began = time.perf_counter()
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    try:
        bars = out is not None and _begins_with_bars(path, scale)
        found = _decode(path, zone, scale, (out, quarantine), aggregated=bars)
    except _LateBarsError:
        found = _decode(path, zone, scale, (out, quarantine), aggregated=True)
    return {
        **found,
        "simulated": _is_simulated(path),
        **_adjustment(path, zone),
        "seconds": round(time.perf_counter() - began, 6),
    }


def _decode(
    path: Path,
    zone: str | None,
    scale: scid.Scale,
    outs: tuple[Path | None, Path | None],
    *,
    aggregated: bool,
) -> dict[str, Any]:
    frames, header = _tick_frames(path, zone, scale)
    out, quarantine = outs
    totals: Counter[str] = Counter()
    span: tuple[int, int] | None = None
    with ParquetStream(out, path) as stream, PutAside(quarantine, path, header) as aside:
        for raw in frames:
            totals["records"] += raw.height
            kept = raw
            if raw["defect"].null_count() < raw.height:
                aside.add(raw)
                kept = raw.filter(pl.col("defect").is_null())
            totals["rows"] += kept.height
            totals.update(_volumes(kept, scale))
            span = _wider(span, kept["ts_utc"].dt.timestamp("us"))
            if out is not None:
                if not aggregated and kept["open"].null_count() < kept.height:
                    raise _LateBarsError
                stream.write(_tick_columns(kept, aggregated=aggregated))
            del raw, kept  # the next chunk takes their place
        if out is not None and not totals["records"]:
            stream.write(_tick_columns(_no_ticks(), aggregated=aggregated))
    return {
        "records": totals["records"],
        "rows": totals["rows"],
        "quarantined": totals["records"] - totals["rows"],
        **aside.figures(),
        "torn_bytes": header.torn_bytes if header else 0,
        "first_utc": iso(span and span[0]),
        "last_utc": iso(span and span[1]),
        "volume": totals["size"],
        "bid_volume": totals["bid_volume"],
        "ask_volume": totals["ask_volume"],
        "warnings": warnings_of(header, totals["records"], totals["records"], aside),
    }


def _adjustment(path: Path, zone: str | None) -> dict[str, Any]:
    """What a daily export shows of back-adjustment, said on standard error too; nothing of other files."""
    from zanzibar_assets.ingestion.adjusted import Adjustment, is_daily_export, judge_export

    if zone is None or not text.is_text(path) or not is_daily_export(path):
        return {}
    owner = load_instruments().of_symbol(symbol_of(path))
    found = judge_export(path, text.zone_of(zone), owner.tick_size if owner else None)
    if found.verdict is not Adjustment.NONE_SEEN:
        click.echo(
            f"zanzibar: {path.name}: back-adjustment {found.verdict.value}: its prices are no levels and "
            f"never belong beside raw contracts ({'; '.join(found.why)})",
            err=True,
        )
    return {"back_adjusted": found.verdict.value, "back_adjusted_why": list(found.why)}


def _volumes(kept: pl.DataFrame, scale: scid.Scale) -> dict[str, int]:
    """Summed volumes in the file's own whole units."""
    names = ("size", "bid_volume", "ask_volume")
    if scale.volume_multiplier == 1.0:
        sums = kept.select(pl.col(names).sum())  # exact: whole numbers far below 2**53
    else:
        units = ((pl.col(name) / scale.volume_multiplier).round().cast(pl.Int64).sum() for name in names)
        sums = kept.select(units)
    return dict(zip(names, map(int, sums.row(0)), strict=True))


def _wider(span: tuple[int, int] | None, stamps: pl.Series) -> tuple[int, int] | None:
    """First and last stamp seen so far."""
    if stamps.is_empty():
        return span
    values = stamps.to_numpy()
    first, last = int(values.min()), int(values.max())
    return (first, last) if span is None else (min(first, span[0]), max(last, span[1]))


def _tick_frames(
    path: Path, zone: str | None, scale: scid.Scale
) -> tuple[Iterator[pl.DataFrame], formats.FileHeader | None]:
    if text.is_text(path):
        if zone is None:
            raise UsageError(
                f"{path.name} is a text export in the chart's time zone",
                expected="--tz ZONE",
                action="add the chart's zone, for instance --tz America/Chicago",
            )
        return text.iter_text_chunks(path, text.zone_of(zone), scale), None
    header = formats.read_header(path)
    if header.kind != "scid":
        raise FormatError(f"{path} is a depth file", expected="a .scid file", action="use `zanzibar book`")
    return scid.iter_chunks(path, header, scale, texts=False), header


def _begins_with_bars(path: Path, scale: scid.Scale) -> bool:
    """Whether rows get the bar columns from the start: a bar data export, or bars in the first records."""
    return text.is_text(path) or scid.holds_bars(path, formats.read_header(path), scale)


def _no_ticks() -> pl.DataFrame:
    from zanzibar_assets.contracts.registry import empty

    return empty("raw_ticks")


def _tick_columns(kept: pl.DataFrame, *, aggregated: bool) -> pl.DataFrame:
    zero = (pl.col("size") == 0) & (pl.col("kind") != "quote")
    columns = (*TICK_COLUMNS, *BAR_COLUMNS) if aggregated else TICK_COLUMNS
    return kept.with_columns(zero_size=zero).select(columns)


def _is_simulated(path: Path) -> bool:
    return not text.is_text(path) and formats.read_header(path).simulated
