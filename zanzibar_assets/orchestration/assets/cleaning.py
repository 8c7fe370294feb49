"""Cleaning: named rules put impossible rows aside; what is valid goes on. Nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from zanzibar_assets.ingestion.cleaned import Cleaned, FileLayout
    from zanzibar_assets.store.inputs import Inputs


def _layouts(inputs: Inputs, table: str) -> Mapping[str, FileLayout]:
    """Where the records of the raw partition's files lie, as their headers told at ingestion."""
    from zanzibar_assets.ingestion.cleaned import noted_layouts

    record = inputs.workspace.manifest.get(table, inputs.key)
    return noted_layouts(record.notes.get("layouts", {}) if record else {})


def _report(
    inputs: Inputs, table: str, raw_rows: int, cleaned: Cleaned, lost: bool
) -> Mapping[str, pl.DataFrame]:
    inputs.notes["rules"] = cleaned.counts
    inputs.notes["samples"] = list(cleaned.samples)
    inputs.check(
        "nothing_lost",
        not lost,
        f"{raw_rows} raw rows, {cleaned.clean.height} clean, {cleaned.quarantine.height} quarantined",
    )
    return {f"clean_{table}": cleaned.clean, f"quarantine_{table}": cleaned.quarantine}


@table_asset(
    reads=["raw_ticks"],
    modules=["ingestion.cleaning", "ingestion._screen_kernels"],
    sections=["cleaning"],
    side_tables=["quarantine_ticks"],
    checks=["nothing_lost"],
)
def clean_ticks(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Trades on the tick grid in time order, sides resolved; rows that cannot be true are quarantined."""
    from zanzibar_assets.ingestion.cleaning import clean_ticks as clean

    raw = inputs.read("raw_ticks")
    layouts = _layouts(inputs, "raw_ticks")
    cleaned = clean(raw, inputs.instrument, inputs.window, inputs.config.cleaning, layouts)
    lost = raw.height != cleaned.clean.height + cleaned.quarantine.height
    return _report(inputs, "ticks", raw.height, cleaned, lost)


@table_asset(
    reads=["raw_depth"],
    modules=[
        "ingestion.cleaning_dom",
        "ingestion.book",
        "ingestion._kernels",
        "ingestion._level_kernels",
        "ingestion.depth",
        "ingestion.depth_opening",
    ],
    source="depth_opening",
    side_tables=["quarantine_dom"],
    checks=["nothing_lost"],
)
def clean_dom(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Five levels a side after each batch that changed them, with the book's and the session's state."""
    from zanzibar_assets.ingestion.cleaning_dom import clean_dom as clean
    from zanzibar_assets.ingestion.depth import read_depth_bytes
    from zanzibar_assets.store.source_reading import open_sources, record_sources

    raw = inputs.read("raw_depth")
    taken = open_sources(inputs, "clean_dom", "depth_opening")
    opening = read_depth_bytes(taken, inputs.instrument)
    record_sources(inputs, "clean_dom", "depth_opening", taken)
    cleaned = clean(raw, inputs.instrument, inputs.window, _layouts(inputs, "raw_depth"), opening)
    applied = cleaned.counts.get("applied", raw.height - cleaned.quarantine.height)
    return _report(inputs, "dom", raw.height, cleaned, raw.height != applied + cleaned.quarantine.height)
