"""Cleaning: named rules put impossible rows aside; what is valid goes on. Nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from zanzibar_assets.ingestion.cleaned import Cleaned
    from zanzibar_assets.store.inputs import Inputs


def _report(
    inputs: Inputs, table: str, raw_rows: int, cleaned: Cleaned, lost: bool
) -> Mapping[str, pl.DataFrame]:
    inputs.notes["rules"] = cleaned.counts
    inputs.notes["quarantine_sample"] = cleaned.quarantine.head(3).to_dicts()
    inputs.check(
        "nothing_lost",
        not lost,
        f"{raw_rows} raw rows, {cleaned.clean.height} clean, {cleaned.quarantine.height} quarantined",
    )
    return {f"clean_{table}": cleaned.clean, f"quarantine_{table}": cleaned.quarantine}


@table_asset(
    reads=["raw_ticks"],
    modules=["ingestion.cleaning"],
    side_tables=["quarantine_ticks"],
    checks=["nothing_lost"],
)
def clean_ticks(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Trades on the tick grid in time order, sides resolved; rows that cannot be true are quarantined."""
    from zanzibar_assets.ingestion.cleaning import clean_ticks as clean

    raw = inputs.read("raw_ticks")
    cleaned = clean(raw, inputs.instrument, inputs.window)
    lost = raw.height != cleaned.clean.height + cleaned.quarantine.height
    return _report(inputs, "ticks", raw.height, cleaned, lost)


@table_asset(
    reads=["raw_depth"],
    modules=["ingestion.cleaning", "ingestion.book", "ingestion._kernels"],
    side_tables=["quarantine_dom"],
    checks=["nothing_lost"],
)
def clean_dom(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Five levels a side after each batch that changed them, with the book's and the session's state."""
    from zanzibar_assets.ingestion.cleaning_dom import clean_dom as clean

    raw = inputs.read("raw_depth")
    cleaned = clean(raw, inputs.instrument, inputs.window)
    applied = cleaned.counts.get("applied", raw.height - cleaned.quarantine.height)
    return _report(inputs, "dom", raw.height, cleaned, raw.height != applied + cleaned.quarantine.height)
