"""Ingestion: bytes of source files and of the inbox become typed rows. No rule is applied here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    modules=["ingestion.formats", "ingestion.scid", "ingestion.sources", "ingestion.cleaned"],
    source="scid",
    checks=["source_has_records"],
    kinds=["sierrachart", "polars", "parquet"],
)
def raw_ticks(inputs: Inputs) -> pl.DataFrame:
    """Every record of the session in Sierra Chart's `.scid` file, one row each; nothing is dropped."""
    from zanzibar_assets.ingestion.cleaned import layout_notes
    from zanzibar_assets.ingestion.scid import read_tick_bytes
    from zanzibar_assets.store.source_reading import open_sources, record_sources

    taken = open_sources(inputs, "raw_ticks", "scid")
    inputs.notes["layouts"] = layout_notes([piece.part for piece in taken])
    frame = read_tick_bytes(taken, inputs.instrument)
    record_sources(inputs, "raw_ticks", "scid", taken)
    expected = sum(piece.part.records for piece in taken)
    inputs.check(
        "source_has_records",
        frame.height == expected and expected > 0,
        f"{expected} records in the files, {frame.height} rows here",
    )
    return frame


@table_asset(
    modules=["ingestion.formats", "ingestion.depth", "ingestion.sources", "ingestion.cleaned"],
    source="depth",
    checks=["every_record_kept"],
    kinds=["sierrachart", "polars", "parquet"],
)
def raw_depth(inputs: Inputs) -> pl.DataFrame:
    """Every record of the session in Sierra Chart's `.depth` files; empty where no depth was recorded."""
    from zanzibar_assets.ingestion.cleaned import layout_notes
    from zanzibar_assets.ingestion.depth import read_depth_bytes
    from zanzibar_assets.store.source_reading import open_sources, record_sources

    taken = open_sources(inputs, "raw_depth", "depth")
    inputs.notes["layouts"] = layout_notes([piece.part for piece in taken])
    frame = read_depth_bytes(taken, inputs.instrument)
    record_sources(inputs, "raw_depth", "depth", taken)
    expected = sum(piece.part.records for piece in taken)
    if not expected:
        inputs.notes["depth"] = "no depth was recorded for this session: book features will be null"
    inputs.check(
        "every_record_kept", frame.height == expected, f"{expected} records in the files, {frame.height} rows"
    )
    return frame


@table_asset(
    modules=["ingestion.inbox"],
    source="inbox",
    checks=["inbox_is_readable"],
    owner="team:narrative",
    kinds=["polars", "parquet", "text"],
)
def raw_narratives(inputs: Inputs) -> pl.DataFrame:
    """Narratives of the inbox folder that were published within the session, as they came in."""
    return inputs.read_inbox()
